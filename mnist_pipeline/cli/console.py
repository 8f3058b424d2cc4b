"""The output of a run, its Dagster logger, and its progress, which is read from Dagster's event log.

The event log has the events of every process, so the same code follows each executor and each run launcher.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import dagster as dg

from mnist_pipeline.runtime.graph.results import EPOCH, HEADLINE
from mnist_pipeline.runtime.graph.retention import log_path

if TYPE_CHECKING:
    from mnist_pipeline.cli.display import Display

POLL_SECONDS = 0.3


class _Descriptor(io.FileIO):
    """A file whose errors are ignored: a run continues after nobody reads its output any more."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return len(content)


@contextmanager
def open_output() -> Iterator[TextIO]:
    """Open what is standard output now. While steps run, Dagster redirects standard output to a file."""
    try:
        file = _Descriptor(os.dup(sys.stdout.fileno()), "w")
    except io.UnsupportedOperation:  # an object in memory, as in a test
        yield sys.stdout
        return
    with io.TextIOWrapper(io.BufferedWriter(file), encoding=sys.stdout.encoding, errors="replace") as stream:
        yield stream


def _create(context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("mnist_pipeline.run", logging.DEBUG)
    if context.run_id:
        path = log_path(context.run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path, encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(file)
        if _begin and context.job_def:
            _begin(context.run_id, [node.name for node in context.job_def.nodes])
            # Dagster now starts processes that copy the output of steps. They end with the run, not with a traceback
            # at Ctrl-C, which reaches each process of the terminal but those that inherit that the signal is blocked.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            file.addFilter(_accept_interrupts)
    return logger


console_logger = dg.LoggerDefinition(_create, description="Every event into a file, and progress to the terminal.")


def _accept_interrupts(record: logging.LogRecord) -> bool:
    """Accept Ctrl-C again when Dagster has started its processes."""
    event = record.__dict__.get("dagster_meta", {}).get("dagster_event")
    if event is not None and event.event_type == dg.DagsterEventType.LOGS_CAPTURED:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    return True


# Begins to show a run of this process, by its id and the names of its steps; None in a process that works for another.
_begin: Callable[[str, list[str]], None] | None = None


def follow_run(run_id: str, names: list[str]) -> None:
    """Show the progress of a run on the display of `shown_on`, if there is one."""
    if _begin:
        _begin(run_id, names)


@contextmanager
def shown_on(display: Display | None) -> Iterator[None]:
    """Within, a run shows its progress on a display, until the last of its events."""
    global _begin
    ended = threading.Event()
    followers: list[threading.Thread] = []

    def begin(run_id: str, names: list[str]) -> None:
        if display and not followers:  # Dagster creates the loggers of a run more than once
            display.begin(names)
            followers.append(threading.Thread(target=_follow, args=(run_id, display, ended), daemon=True))
            followers[0].start()

    _begin = begin if display else None
    try:
        yield
    finally:
        _begin = None
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        ended.set()
        for follower in followers:
            follower.join()
        if display and followers:
            display.end()


def _follow(run_id: str, display: Display, ended: threading.Event) -> None:
    from sqlalchemy.exc import DBAPIError

    headlines: dict[str, str] = {}
    cursor, is_last = None, False
    with contextlib.suppress(DBAPIError), dg.DagsterInstance.get() as instance:  # the run reports this error too
        while not is_last:
            is_last = ended.wait(POLL_SECONDS)
            found = instance.get_records_for_run(run_id, cursor)
            cursor = found.cursor
            for record in found.records:
                _show(record.event_log_entry, display, headlines)


def _show(entry: dg.EventLogEntry, display: Display, headlines: dict[str, str]) -> None:
    """Show an event; `headlines` are those of the running steps."""
    step, event = entry.step_key or "", entry.dagster_event
    if event is None:
        if epoch := EPOCH.fullmatch(entry.user_message):
            display.show_epoch(step, int(epoch[1]), int(epoch[2]), epoch[3])
        elif entry.level in (logging.INFO, logging.WARNING):
            display.show_message(step, entry.user_message, warning=entry.level == logging.WARNING)
    elif event.event_type == dg.DagsterEventType.STEP_START:
        display.start_step(step)
    elif event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
        headline = event.step_materialization_data.materialization.metadata.get(HEADLINE)
        headlines[step] = str(headline.value) if headline else ""
    elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.asset_check_evaluation_data
        # If a check is a step of its own, its outcome is the headline of the step.
        headlines.setdefault(step, "check passed" if check.passed else "check failed")
        display.count_check(*describe_check(check))
    elif event.event_type == dg.DagsterEventType.STEP_SUCCESS:
        display.finish_step(step, event.step_success_data.duration_ms / 1000, headlines.pop(step, ""))
    elif event.event_type == dg.DagsterEventType.STEP_FAILURE:
        display.finish_step(step, 0.0, None)


def describe_check(check: dg.AssetCheckEvaluation) -> tuple[str, str, bool]:
    """Return the name of a check, the values that it measured, and whether it passed."""
    measured = ", ".join(f"{name} {value.value}" for name, value in check.metadata.items())
    return f"{check.asset_key.to_user_string()}: {check.check_name}", measured, check.passed
