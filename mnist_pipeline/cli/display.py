"""The progress of runs as plain lines, for an output that is not a terminal. `live.py` has the view for a terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from typing import NamedTuple, TextIO

from mnist_pipeline.utils.printable import printable


class Epoch(NamedTuple):
    """An epoch of a training: its number, the number of epochs, and the measured figures as text."""

    number: int
    total: int
    figures: str


class Display:
    """Prints a line for each message and each finished step, and counts the checks.

    The methods may be called from several threads, and twice for the same step.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.num_passed = 0
        self.failed_checks: list[str] = []
        self._start = time.perf_counter()
        self._num_steps = self._width = 0
        self._finished: set[str] = set()

    @property
    def seconds(self) -> float:
        """Seconds since the display was opened."""
        return time.perf_counter() - self._start

    def begin(self, names: Collection[str]) -> None:
        """Begin a run of these steps."""
        self._num_steps = len(names)
        self._width = max(map(len, names), default=0)
        self._finished = set()

    def end(self) -> None:
        """End a run."""

    def print(self, text: str = "", style: str = "", *, whole: bool = False) -> None:
        """Print a line; on a terminal in a style, and a line that is too long ends with an ellipsis unless `whole`."""
        try:
            self.stream.write(f"{text}\n")
            self.stream.flush()
        except OSError:  # nobody reads the output any more; the run continues
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def start_step(self, name: str) -> None:
        """Show that a step is running."""

    def show_message(self, name: str, message: str, *, warning: bool = False) -> None:
        """Show a message that a step logged."""
        self.print(f"  {name:<{self._width}} {printable(message)}")

    def show_epoch(self, name: str, epoch: Epoch) -> None:
        """Show what a training measured in an epoch."""
        self.show_message(name, f"epoch {epoch.number}/{epoch.total}: {epoch.figures}")

    def finish_step(self, name: str, seconds: float, headline: str) -> None:
        """Print the line of a step that succeeded."""
        if self._is_new(name):
            self.print(f"  {name:<{self._width}} {seconds:6.2f} s   {headline}")

    def fail_step(self, name: str) -> None:
        """Print the line of a step that failed."""
        if self._is_new(name):
            self.print(f"  {name:<{self._width}} failed")

    def count_check(self, name: str, measured: str, *, passed: bool) -> None:
        """Count a check; print the name and the measured values of a check that failed."""
        if passed:
            self.num_passed += 1
        else:
            self.failed_checks.append(name)
            self.print(f"  check failed: {name} ({measured})", style="yellow")

    def _is_new(self, name: str) -> bool:
        """Whether a step ended just now; count it."""
        if name in self._finished:
            return False
        self._finished.add(name)
        return True
