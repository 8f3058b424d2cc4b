"""The progress of runs: a live view on a terminal, plain lines elsewhere. A Dagster logger feeds it."""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Collection, Iterator
from typing import Any, TextIO

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from mnist_pipeline.runtime.graph.results import EPOCH, HEADLINE
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


class ProgressHandler(logging.Handler):
    """Shows the events and messages of a run, which Dagster passes to its loggers, on a display."""

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display
        self._headlines: dict[str, str] = {}  # of the running steps

    def emit(self, record: logging.LogRecord) -> None:
        """Show an event or a message of a step."""
        properties = getattr(record, "dagster_meta", {})
        event, step = properties.get("dagster_event"), properties.get("step_key") or ""
        if event is None:
            self._show_message(step, properties.get("orig_message", record.getMessage()), record.levelno)
        else:
            self._show_event(event)

    def _show_message(self, step: str, message: str, level: int) -> None:
        if epoch := EPOCH.fullmatch(message):
            self._display.show_epoch(step, int(epoch[1]), int(epoch[2]), epoch[3])
        elif logging.INFO <= level <= logging.WARNING:
            self._display.show_message(step, message, warning=level == logging.WARNING)

    def _show_event(self, event: dg.DagsterEvent) -> None:
        kind, step = event.event_type, event.step_key or ""
        if kind == dg.DagsterEventType.STEP_START:
            self._display.start_step(step)
        elif kind == dg.DagsterEventType.ASSET_MATERIALIZATION:
            headline = event.step_materialization_data.materialization.metadata.get(HEADLINE)
            self._headlines[step] = str(headline.value) if headline else ""
        elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            # If a check is a step of its own, its outcome is the headline of the step.
            self._headlines.setdefault(step, "check passed" if check.passed else "check failed")
            measured = ", ".join(f"{name} {value.value}" for name, value in check.metadata.items())
            name = f"{check.asset_key.to_user_string()}: {check.check_name}"
            self._display.count_check(name, measured, check.passed)
        elif kind == dg.DagsterEventType.STEP_SUCCESS:
            seconds = event.step_success_data.duration_ms / 1000
            self._display.finish_step(step, seconds, self._headlines.pop(step, ""))
        elif kind == dg.DagsterEventType.STEP_FAILURE and not is_interruption(event):
            self._display.finish_step(step, 0.0, None)


def is_interruption(event: dg.DagsterEvent) -> bool:
    """Whether a step failed because of a signal, which Dagster reports like an error of the step."""
    error = event.step_failure_data.error if event.is_step_failure else None
    while error is not None:
        if error.cls_name in ("DagsterExecutionInterruptedError", "KeyboardInterrupt"):
            return True
        error = error.cause
    return False


def progress_logger(display: Display) -> dg.LoggerDefinition:
    """A Dagster logger that shows the progress of a run on a display."""

    def create(context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("mnist_pipeline.run", logging.DEBUG)
        logger.addHandler(ProgressHandler(display))
        return logger

    return dg.LoggerDefinition(create, description="Progress on the terminal.")


@contextlib.contextmanager
def open_output() -> Iterator[TextIO]:
    """Open what is standard output now. While steps run, Dagster redirects standard output to a file."""
    try:
        descriptor = os.dup(sys.stdout.fileno())
    except (io.UnsupportedOperation, OSError, AttributeError):  # an object in memory, or a closed output
        yield sys.stdout or io.StringIO()
        return
    with _Output(io.FileIO(descriptor, "w"), encoding=sys.stdout.encoding, errors="replace") as stream:
        yield stream


class _Output(io.TextIOWrapper):
    """A text stream that ignores when nobody reads it any more: the run continues."""

    def __init__(self, raw: io.FileIO, **options: Any) -> None:
        super().__init__(io.BufferedWriter(raw), **options)

    def flush(self) -> None:
        """Write what is buffered, or drop it if that fails."""
        with contextlib.suppress(OSError):
            super().flush()

    def close(self) -> None:
        """Close the stream; what can't be written is dropped."""
        with contextlib.suppress(OSError):
            super().close()
