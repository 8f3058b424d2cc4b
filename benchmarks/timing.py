"""Paired timing: contestants take turns (A B A B …), so that other load affects all of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SETTLING = 0.2  # seconds


@dataclass(frozen=True)
class Rounds:
    """Seconds of each contestant in each round, and the last value that each returned."""

    seconds: dict[str, list[float]]
    results: dict[str, Any]

    def median(self, name: str) -> float:
        """Median seconds of a contestant."""
        return statistics.median(self.seconds[name])

    def ratios(self, slower: str, faster: str) -> list[float]:
        """The ratios of two contestants' times, round by round."""
        pairs = zip(self.seconds[slower], self.seconds[faster], strict=True)
        return [numerator / denominator for numerator, denominator in pairs]


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Wall seconds of a call, and its value.

    The threads of the previous call get time to stop waiting for work: OpenBLAS's keep a core busy
    for up to a tenth of a second, which would slow this call down.
    """
    gc.collect()
    time.sleep(SETTLING)
    start = time.perf_counter()
    returned = function()
    return time.perf_counter() - start, returned


def take_turns(
    contestants: Mapping[str, Callable[[], Any]], rounds: int, say: Callable[[str], None]
) -> Rounds:
    """Call every contestant once per round, in order. The caller warms them up."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    results: dict[str, Any] = {}
    for number in range(1, rounds + 1):
        for name, function in contestants.items():
            elapsed, results[name] = timed(function)
            seconds[name].append(elapsed)
        latest = ", ".join(f"{name} {values[-1]:.3g} s" for name, values in seconds.items())
        say(f"  round {number} of {rounds}: {latest}")
    return Rounds(seconds, results)
