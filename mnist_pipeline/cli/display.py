"""The progress of runs: a live view on a terminal, plain lines elsewhere."""

import contextlib
import io
import logging
import os
import signal
import sys
from collections.abc import Collection, Iterator
from typing import TextIO

import dagster as dg
from rich.console import Console
from rich.text import Text

from mnist_pipeline.runtime.graph.results import HEADLINE
from mnist_pipeline.utils.printable import printable, shortened

INTERRUPTIONS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")

# The events and messages of runs, which Dagster passes on to the display.
LOGGER = logging.getLogger("mnist_pipeline.run")
LOGGER.setLevel(logging.DEBUG)
LOGGER.propagate = False
PROGRESS = dg.LoggerDefinition(lambda _: LOGGER, description="Progress on the terminal.")


class Display(logging.Handler):
    """Prints finished steps and failed checks as lines, and counts the checks.

    On a terminal, a line below them shows the running step. Elsewhere, each message of a step is a
    line. As a handler, it gets the events and messages of a run from Dagster's loggers.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.num_passed = 0
        self.failed_checks: list[str] = []
        self._is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._console = Console(
            file=stream,
            force_terminal=self._is_terminal,
            highlight=False,
            markup=False,
            emoji=False,
        )

    @contextlib.contextmanager
    def showing(self, names: Collection[str]) -> Iterator[None]:
        """Show a run of these assets. The steps of checks get no line, unless one fails."""
        self._names, self._num_finished, self._width = names, 0, max(map(len, names))
        self._running = self._console.status("", refresh_per_second=5)
        LOGGER.addHandler(self)
        # The processes that Dagster starts to copy output ignore Ctrl-C if the thread that starts
        # them does; otherwise each prints a traceback.
        _hold_interrupts(True)
        try:
            with self._running:
                yield
        finally:
            LOGGER.removeHandler(self)
            _hold_interrupts(False)

    def emit(self, record: logging.LogRecord) -> None:
        """Show an event or a message of a step."""
        properties = getattr(record, "dagster_meta", {})
        event, step = properties.get("dagster_event"), properties.get("step_key") or ""
        if event is None:
            message = properties.get("orig_message", record.getMessage())
            self._show_message(step, printable(message), record.levelno)
        else:
            self._show_event(event, step)

    def _show_message(self, step: str, message: str, level: int) -> None:
        """Show a message. On a terminal, only a warning gets a line."""
        if level not in (logging.INFO, logging.WARNING):
            return
        if not self._is_terminal:
            self._print(f"  {step:<{self._width}} {message}")
        elif level == logging.WARNING:
            self._print(f"! {step}: {message}", "yellow")
        self._show_running(step, message)

    def _show_event(self, event: dg.DagsterEvent, step: str) -> None:
        kind = event.event_type
        if kind == dg.DagsterEventType.STEP_START:
            _hold_interrupts(False)  # the processes that copy output run
            self._headline = ""
            self._show_running(step)
        elif kind == dg.DagsterEventType.ASSET_MATERIALIZATION:
            headline = event.step_materialization_data.materialization.metadata.get(HEADLINE)
            self._headline = str(headline.value) if headline else ""
        elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._count_check(event.asset_check_evaluation_data)
        elif kind == dg.DagsterEventType.STEP_SUCCESS:
            seconds = event.step_success_data.duration_ms / 1000
            self._finish(step, f"{seconds:6.2f} s   {printable(self._headline)}", "✓")
        elif kind == dg.DagsterEventType.STEP_FAILURE and not is_interruption(event):
            self._finish(step, "failed", "✗", "red")

    def _count_check(self, check: dg.AssetCheckEvaluation) -> None:
        """Count a check; print what a check that failed measured and expected, and what to do."""
        if check.passed:
            self.num_passed += 1
            return
        name = f"{check.asset_key.to_user_string()}: {check.check_name}"
        measured = ", ".join(f"{key} {value.value}" for key, value in check.metadata.items())
        text = printable(": ".join(filter(None, [f"{name} ({measured})", check.description])))
        self.failed_checks.append(text)
        self._print(f"  check failed: {text}", "yellow")

    def _finish(self, step: str, text: str, mark: str, style: str = "") -> None:
        """Print the line of a step that ended."""
        if step not in self._names and not style:
            return
        self._num_finished += 1
        self._print(f"{mark if self._is_terminal else ' '} {step:<{self._width}} {text}", style)

    def _show_running(self, step: str, message: str = "") -> None:
        """On a terminal, show the step that runs, and its last message."""
        text = f"{self._num_finished} of {len(self._names)} steps, {step} {message}"
        self._running.update(Text(shortened(text, self._console.width - 3)))

    def _print(self, text: str, style: str = "") -> None:
        """Print a line, which the terminal wraps."""
        self._console.print(text, style=style, soft_wrap=True)


def _hold_interrupts(held: bool) -> None:
    """Hold back Ctrl-C from this thread and the processes that it starts, or deliver it again."""
    if os.name == "posix":
        how = signal.SIG_BLOCK if held else signal.SIG_UNBLOCK
        signal.pthread_sigmask(how, [signal.SIGINT])


def is_interruption(event: dg.DagsterEvent) -> bool:
    """Whether a step failed because of a signal, which Dagster reports like other errors."""
    error = event.step_failure_data.error if event.is_step_failure else None
    while error and error.cls_name not in INTERRUPTIONS:
        error = error.cause
    return error is not None


@contextlib.contextmanager
def open_output() -> Iterator[TextIO]:
    """Open what is standard output now.

    While steps run, Dagster redirects standard output to a file.
    """
    try:
        descriptor = os.dup(sys.stdout.fileno())
    except (OSError, AttributeError):  # an object in memory, or a closed output
        yield sys.stdout or io.StringIO()
        return
    with os.fdopen(descriptor, "w", encoding=sys.stdout.encoding, errors="replace") as stream:
        yield stream
