"""The progress of runs: a live view on a terminal, plain lines elsewhere."""

from collections.abc import Collection
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from mnist_pipeline.utils.printable import printable

REFRESHES_PER_SECOND = 5
BAR_WIDTH = 10
NAME = Column(no_wrap=True, overflow="ellipsis", max_width=32)
REST_OF_THE_LINE = Column(no_wrap=True, overflow="ellipsis", ratio=1)


class Display:
    """Prints finished steps and failed checks as lines, and counts the checks.

    On a terminal, a view below the lines shows the running steps. Elsewhere, each message of a step is a line.
    """

    def __init__(self, stream: TextIO) -> None:
        self.num_passed = 0
        self.failed_checks: list[str] = []
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._is_terminal = stream.isatty() and not self._console.is_dumb_terminal
        self.begin(())

    def begin(self, names: Collection[str]) -> None:
        """Begin a run of these steps."""
        self._num_steps, self._num_finished = len(names), 0
        self._width = max(map(len, names), default=0)
        self._running: dict[str, TaskID] = {}
        self._view = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=NAME),
            BarColumn(BAR_WIDTH),
            TextColumn("{task.fields[text]}", "dim", markup=False, table_column=REST_OF_THE_LINE),
            TimeElapsedColumn(),
            console=self._console,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            expand=True,
        )
        self._total = self._view.add_task("", total=len(names) or None, text="")
        self._count()
        if names and self._is_terminal:
            self._view.start()

    def end(self) -> None:
        """End a run, and remove the view."""
        if self._is_terminal:
            self._view.stop()

    def start_step(self, name: str) -> None:
        """Show that a step is running."""
        self._running[name] = self._view.add_task(f"{name:<{self._width}}", total=1, text="")

    def show_message(self, name: str, message: str, *, warning: bool = False) -> None:
        """Show a message that a step logged; a warning always gets a line."""
        if not self._is_terminal:
            self._print(f"  {name:<{self._width}} {printable(message)}")
        elif warning:
            self._print(f"! {name}: {printable(message)}", "yellow")
        self._update(name, text=printable(message))

    def show_epoch(self, name: str, number: int, total: int, figures: str) -> None:
        """Show the epochs of a training as a bar, with the measured figures."""
        if self._is_terminal:
            self._update(name, total=total, completed=number, text=f"epoch {number}/{total}  {printable(figures)}")
        else:
            self.show_message(name, f"epoch {number}/{total}: {figures}")

    def finish_step(self, name: str, seconds: float, headline: str | None) -> None:
        """Print the line of a step that ended; it failed if there is no headline."""
        if name in self._running:
            self._view.remove_task(self._running.pop(name))
        self._num_finished += 1
        self._count()
        mark, style = ("✗", "red") if headline is None else ("✓", "green")
        result = "failed" if headline is None else f"{seconds:6.2f} s   {printable(headline)}"
        self._print(Text.assemble((mark if self._is_terminal else " ", style), f" {name:<{self._width}} {result}"))

    def count_check(self, name: str, measured: str, passed: bool) -> None:
        """Count a check; print the name and the measured values of a check that failed."""
        if passed:
            self.num_passed += 1
        else:
            self.failed_checks.append(name)
            self._print(f"  check failed: {name} ({printable(measured)})", "yellow")

    def _print(self, text: str | Text, style: str = "") -> None:
        """Print a line; on a terminal, it is shortened to the width of the terminal."""
        overflow: Any = "ellipsis" if self._is_terminal else "ignore"
        self._console.print(text, style=style, no_wrap=True, overflow=overflow, crop=self._is_terminal)

    def _update(self, name: str, **fields: Any) -> None:
        if name in self._running:
            self._view.update(self._running[name], **fields)

    def _count(self) -> None:
        count = f"{self._num_finished} of {self._num_steps} steps"
        self._view.update(self._total, description=count, completed=self._num_finished)
