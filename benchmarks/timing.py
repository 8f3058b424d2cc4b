"""Paired timing: contestants take turns (A B A B …), so that other load on the machine affects all of them.

A ratio is the median over rounds of the ratio within a round, reported with the smallest and the largest.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Say = Callable[[str], None]
SETTLING = 0.2  # seconds


@dataclass(frozen=True)
class Ratio:
    """How many times something is larger: median, smallest and largest over the rounds."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: list[float]) -> Ratio:
        """Summarize one value a round."""
        return cls(statistics.median(values), min(values), max(values), len(values))

    @property
    def spread(self) -> tuple[float, float]:
        """Smallest and largest."""
        return self.low, self.high


@dataclass(frozen=True)
class Rounds:
    """Seconds of each contestant in each round, and the last value that each returned."""

    seconds: dict[str, list[float]]
    results: dict[str, Any]

    def median(self, name: str) -> float:
        """Median seconds of a contestant."""
        return statistics.median(self.seconds[name])

    def ratio(self, numerator: str, denominator: str = "ours", factor: float = 1.0) -> Ratio:
        """Seconds of one contestant, times a factor, over those of another, round by round."""
        pairs = zip(self.seconds[numerator], self.seconds[denominator])
        return Ratio.of([factor * above / below for above, below in pairs])


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Wall seconds of a call, and its value; first, the threads of the previous call stop waiting for work.

    OpenBLAS's keep a core busy for up to a tenth of a second, which would be this call's loss.
    """
    gc.collect()
    time.sleep(SETTLING)
    start = time.perf_counter()
    returned = function()
    return time.perf_counter() - start, returned


def take_turns(contestants: Mapping[str, Callable[[], Any]], rounds: int, say: Say) -> Rounds:
    """Call every contestant once a round, in order; warm-up is the caller's, and apart."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    results: dict[str, Any] = {}
    for number in range(1, rounds + 1):
        for name, function in contestants.items():
            elapsed, results[name] = timed(function)
            seconds[name].append(elapsed)
        latest = ", ".join(f"{name} {values[-1]:.3g} s" for name, values in seconds.items())
        say(f"  round {number}/{rounds}: {latest}")
    return Rounds(seconds, results)
