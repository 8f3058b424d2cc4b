"""The progress of runs as a live view on a terminal: running steps, epochs as a bar, n of m, elapsed time."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from mnist_pipeline.cli import interruption
from mnist_pipeline.cli.display import Display, Epoch
from mnist_pipeline.utils.printable import printable

REFRESHES_PER_SECOND = 5
NAME_SHARE = 0.4  # of the columns of the terminal, at most
BAR_WIDTH = 10
DEFAULT_WIDTH = 80
SHOW_CURSOR = b"\x1b[?25h"


class LiveDisplay(Display):
    """Finished steps as lines; below them, while a run continues, a view that is replaced several times a second."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
        self._lock = threading.RLock()
        self._view = _View(self._console)
        self._total = TaskID(0)
        self._running: dict[str, TaskID] = {}

    def begin(self, names: Collection[str]) -> None:
        """Begin a run of these steps, and show the view."""
        super().begin(names)
        self._view = _View(self._console)
        self._total = self._view.add_task("", total=len(names), text="")
        self._running = {}
        self._count()
        interruption.before_end(self._show_cursor)
        self._view.start()

    def end(self) -> None:
        """End a run, and remove the view."""
        self._view.stop()
        interruption.before_end(None)

    def print(self, text: str | Text = "", style: str = "", *, whole: bool = False) -> None:
        """Print a line above the view; a line that is too long ends with an ellipsis unless `whole`."""
        _measure(self._console)
        line = Text(text, style) if isinstance(text, str) else text
        self._console.print(line, no_wrap=True, overflow="ignore" if whole else "ellipsis", crop=not whole)

    def start_step(self, name: str) -> None:
        """Show that a step is running."""
        with self._lock:
            if name not in self._finished and name not in self._running:
                self._running[name] = self._view.add_task(self._fit(name), total=1, text="")

    def show_message(self, name: str, message: str, *, warning: bool = False) -> None:
        """Show a message beside the step that logged it; a warning gets a line."""
        if warning:
            self.print(f"! {name}: {printable(message)}", "yellow")
        self._update(name, text=printable(message))

    def show_epoch(self, name: str, epoch: Epoch) -> None:
        """Show the epochs of a training as a bar."""
        text = f"epoch {epoch.number}/{epoch.total}  {epoch.figures}"
        self._update(name, total=epoch.total, completed=epoch.number, text=text)

    def finish_step(self, name: str, seconds: float, headline: str) -> None:
        """Print the line of a step that succeeded."""
        if self._is_new(name):
            self.print(Text.assemble(("✓ ", "green"), self._fit(name), f" {seconds:6.2f} s   ", headline))

    def fail_step(self, name: str) -> None:
        """Print the line of a step that failed."""
        if self._is_new(name):
            self.print(Text.assemble(("✗ ", "red"), self._fit(name), (" failed", "red")))

    def _show_cursor(self) -> None:
        os.write(self.stream.fileno(), SHOW_CURSOR)

    def _is_new(self, name: str) -> bool:
        with self._lock:
            if name in self._running:
                self._view.remove_task(self._running.pop(name))
            new = super()._is_new(name)
            self._count()
            return new

    def _count(self) -> None:
        count = f"{len(self._finished)} of {self._num_steps} steps"
        self._view.update(self._total, description=count, completed=len(self._finished))

    def _update(self, name: str, **fields: Any) -> None:
        with self._lock:
            if name in self._running:
                self._view.update(self._running[name], **fields)

    def _fit(self, name: str) -> str:
        """The name of a step, padded, or shortened in the middle."""
        width = min(self._width, max(int(self._console.width * NAME_SHARE), 8))
        if len(name) > width:
            head = (width - 1) // 3
            name = f"{name[:head]}…{name[head + 1 - width :]}"
        return f"{name:<{width}}"


class _View(Progress):
    """A row for each running step, and below them how many steps of the run are finished."""

    def __init__(self, console: Console) -> None:
        self._terminal = console
        remaining = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        super().__init__(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(BAR_WIDTH),
            TextColumn("{task.fields[text]}", "dim", markup=False, table_column=remaining),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            expand=True,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """The table of the tasks; the task of the run was added first and stands last."""
        _measure(self._terminal)
        yield self.make_tasks_table([*self.tasks[1:], *self.tasks[:1]])


def _measure(console: Console) -> None:
    """Adopt the width of the terminal; rich would measure standard output, which Dagster captures."""
    console.width = os.get_terminal_size(console.file.fileno()).columns or DEFAULT_WIDTH
