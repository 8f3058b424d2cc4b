"""The progress of runs as a live view on a terminal: running steps, epochs as a bar, n of m, elapsed time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from mnist_pipeline.cli import interruption
from mnist_pipeline.cli.display import Display, Epoch
from mnist_pipeline.utils.printable import printable

REFRESHES_PER_SECOND = 5
NAME_SHARE = 0.4  # of the columns of the terminal, at most
BAR_WIDTH = 12
TOTAL_BAR_WIDTH = 32
MAX_SHOWN = 4  # running steps
DEFAULT_WIDTH = 80
SHOW_CURSOR = b"\x1b[?25h"


class _Step:
    """A running step."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.message = ""
        self.epoch: Epoch | None = None


class LiveDisplay(Display):
    """Finished steps as lines; below them, while a run continues, a view that is replaced several times a second."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
        self._lock = threading.RLock()
        self._running: dict[str, _Step] = {}
        self._num_steps = 0
        self._run_start = 0.0
        self._live: Live | None = None

    def __enter__(self) -> LiveDisplay:
        self._fit()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self, names: Collection[str]) -> None:
        """Begin a run of these steps, and show the view."""
        self.end()
        with self._lock:
            super().begin(names)
            self._running = {}
            self._num_steps = len(names)
            self._run_start = time.perf_counter()
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
        )
        interruption.before_end(self._show_cursor)
        self._live.start()

    def end(self) -> None:
        """End a run, and remove the view."""
        if self._live:
            self._live.stop()
            self._live = None
            interruption.before_end(None)

    def print(self, text: str | Text = "", style: str = "", *, whole: bool = False) -> None:
        """Print a line above the view; a line that is too long ends with an ellipsis unless `whole`."""
        self._fit()
        line = Text(text, style) if isinstance(text, str) else text
        self._console.print(line, no_wrap=True, overflow="ignore" if whole else "ellipsis", crop=not whole)

    def start_step(self, name: str) -> None:
        """Show that a step is running."""
        with self._lock:
            if name not in self._finished:
                self._running.setdefault(name, _Step())

    def show_message(self, name: str, message: str, *, warning: bool = False) -> None:
        """Show a message beside the step that logged it; a warning stays as a line of its own."""
        if warning:
            self.print(f"! {name}: {printable(message)}", "yellow")
        with self._lock:
            if step := self._running.get(name):
                step.message = printable(message)

    def show_epoch(self, name: str, epoch: Epoch) -> None:
        """Show the epochs of a training as a bar."""
        with self._lock:
            if step := self._running.get(name):
                step.epoch = epoch

    def finish_step(self, name: str, seconds: float, headline: str) -> None:
        """Print the line of a step that succeeded."""
        if self._stop(name):
            line = Text.assemble(("✓ ", "green"), self._name(name), f" {seconds:6.2f} s   ", headline)
            self.print(line)

    def fail_step(self, name: str) -> None:
        """Print the line of a step that failed."""
        if self._stop(name):
            self.print(Text.assemble(("✗ ", "red"), self._name(name), (" failed", "red")))

    def _show_cursor(self) -> None:
        os.write(self.stream.fileno(), SHOW_CURSOR)

    def _stop(self, name: str) -> bool:
        with self._lock:
            self._running.pop(name, None)
            return self._is_new(name)

    def _fit(self) -> None:
        """Adopt the width of the terminal; rich would look at standard output, which may be captured."""
        self._console.width = os.get_terminal_size(self.stream.fileno()).columns or DEFAULT_WIDTH

    def _name(self, name: str) -> str:
        """The name of a step, padded or shortened in the middle."""
        width = min(self._width, max(int(self._console.width * NAME_SHARE), 8))
        if len(name) > width:
            head = (width - 1) // 3
            name = f"{name[:head]}…{name[head + 1 - width :]}"
        return f"{name:<{width}}"

    def _render(self) -> RenderableType:
        self._fit()
        with self._lock:
            rows = [self._render_step(name, step) for name, step in [*self._running.items()][:MAX_SHOWN]]
            count = f"{len(self._finished)} of {self._num_steps} steps"
        bar = ProgressBar(self._num_steps, len(self._finished), width=TOTAL_BAR_WIDTH)
        total = Table.grid(padding=(0, 1))
        total.add_row(" ", count, bar, Text(_clock(time.perf_counter() - self._run_start), "dim"))
        return Group(*rows, total)

    def _render_step(self, name: str, step: _Step) -> RenderableType:
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(width=1)
        row.add_column(no_wrap=True)
        row.add_column(no_wrap=True)
        row.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        row.add_column(no_wrap=True, justify="right")
        bar: RenderableType = ""
        text = step.message
        if step.epoch:
            bar = ProgressBar(step.epoch.total, step.epoch.number, width=BAR_WIDTH)
            text = f"epoch {step.epoch.number}/{step.epoch.total}  {step.epoch.figures}"
        elapsed = f"{time.perf_counter() - step.start:.0f} s"
        row.add_row(self._spinner, self._name(name), bar, Text(text, "dim"), Text(elapsed, "dim"))
        return row

    _spinner = Spinner("dots")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
