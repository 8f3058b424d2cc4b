"""The Dagster loggers of the command line: each event goes into the log file of its run, and progress to the display.

A logger sees only the events of its own process. If the steps of a run are in other processes, which have no display,
the process of the command reads their events from Dagster's event log.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from mnist_pipeline.cli.display import Display, Epoch
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph.results import EPOCH, HEADLINE

POLL_SECONDS = 0.5


def log_path(run_id: str) -> Path:
    """The file of the full log of a run."""
    return settings.load().dagster_home / "logs" / f"{run_id}.log"


def _create_quiet(context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("mnist_pipeline.run", logging.DEBUG)
    if context.run_id:
        path = log_path(context.run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path, encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(file)
    return logger


def _create(context: dg.InitLoggerContext) -> logging.Logger:
    logger = _create_quiet(context)
    if _progress and context.run_id and context.job_def:
        _progress.begin(context.run_id, [node.name for node in context.job_def.nodes])
        logger.addHandler(_progress)
    return logger


console_logger = dg.LoggerDefinition(_create, description="Every event into a file, and progress to the terminal.")
quiet_logger = dg.LoggerDefinition(_create_quiet, description="Every event into a file.")


class Progress(logging.Handler):
    """Passes on to a display what a person wants to know of the events of a run."""

    def __init__(self, display: Display) -> None:
        super().__init__(logging.DEBUG)
        self._display = display
        self._headlines: dict[str, str] = {}
        self._checks: set[tuple[dg.AssetKey, str]] = set()
        self._ended, self._steps_are_here = threading.Event(), threading.Event()
        self._follower: threading.Thread | None = None

    def begin(self, run_id: str, names: list[str], *, here: bool = True) -> None:
        """Begin a run of these steps, in this process or not; Dagster creates the loggers of a run more than once."""
        if self._follower:
            return
        self._display.begin(names)
        self._follower = threading.Thread(target=self._follow, args=(run_id,), daemon=True)
        self._follower.start()
        # Dagster now starts processes that copy the output of steps. They end with the run, not with a traceback at
        # Ctrl-C, which reaches each process of the terminal but those that inherit that the signal is blocked.
        _block_interrupts(here)

    def end(self) -> None:
        """End the run, after the last of its events."""
        _block_interrupts(False)
        self._ended.set()
        if self._follower:
            self._follower.join()
        self._display.end()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on a record of this process."""
        meta: dict[str, Any] = record.__dict__.get("dagster_meta", {})
        event: dg.DagsterEvent | None = meta.get("dagster_event")
        step = meta.get("step_key") or ""
        epoch: Epoch | None = record.__dict__.get(EPOCH)
        if event is not None:
            if event.event_type == dg.DagsterEventType.LOGS_CAPTURED:
                _block_interrupts(False)
            if event.event_type == dg.DagsterEventType.STEP_START:
                self._steps_are_here.set()
            self._pass_on(event)
        elif epoch is not None:
            self._display.show_epoch(step, Epoch(*epoch))
        else:
            self._pass_on_message(step, record.levelno, meta.get("orig_message", record.getMessage()))

    def _follow(self, run_id: str) -> None:
        """Pass on the events of other processes until the run ends, unless the steps run in this process."""
        ended = self._ended.wait(POLL_SECONDS)
        if self._steps_are_here.is_set():
            return
        with dg.DagsterInstance.get() as instance:
            cursor = None
            while True:
                found = instance.get_records_for_run(run_id, cursor)
                cursor = found.cursor
                for record in found.records:
                    entry = record.event_log_entry
                    if entry.dagster_event:
                        self._pass_on(entry.dagster_event)
                    else:
                        self._pass_on_message(entry.step_key or "", int(entry.level), entry.user_message)
                if ended or self._steps_are_here.is_set():
                    return
                ended = self._ended.wait(POLL_SECONDS)

    def _pass_on_message(self, step: str, level: int, message: str) -> None:
        if level in (logging.INFO, logging.WARNING):
            self._display.show_message(step, message, warning=level == logging.WARNING)

    def _pass_on(self, event: dg.DagsterEvent) -> None:
        step = event.step_key or ""
        if event.event_type == dg.DagsterEventType.STEP_START:
            self._display.start_step(step)
        elif event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            headline = event.step_materialization_data.materialization.metadata.get(HEADLINE)
            self._headlines[step] = str(headline.value) if headline else ""
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._pass_on_check(step, event.asset_check_evaluation_data)
        elif event.event_type == dg.DagsterEventType.STEP_SUCCESS:
            seconds = event.step_success_data.duration_ms / 1000
            self._display.finish_step(step, seconds, self._headlines.pop(step, ""))
        elif event.event_type == dg.DagsterEventType.STEP_FAILURE:
            self._display.fail_step(step)

    def _pass_on_check(self, step: str, check: dg.AssetCheckEvaluation) -> None:
        """Count a check; the outcome of a check that is a step of its own is the headline of the step."""
        self._headlines.setdefault(step, "check passed" if check.passed else "check failed")
        key = (check.asset_key, check.check_name)
        if key not in self._checks:
            self._checks.add(key)
            name = f"{check.asset_key.to_user_string()}: {check.check_name}"
            measured = ", ".join(f"{name} {value.value}" for name, value in check.metadata.items())
            self._display.count_check(name, measured, passed=check.passed)


def _block_interrupts(block: bool) -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK if block else signal.SIG_UNBLOCK, {signal.SIGINT})


# Where a run of this process shows its progress; nowhere in a process that works for another.
_progress: Progress | None = None


def follow_run(run_id: str, names: list[str]) -> None:
    """Show the progress of a run that was launched elsewhere."""
    if _progress:
        _progress.begin(run_id, names, here=False)


@contextmanager
def shown_on(display: Display | None) -> Iterator[None]:
    """Within, a run shows its progress on a display."""
    global _progress
    _progress = Progress(display) if display else None
    try:
        yield
    finally:
        if _progress:
            _progress.end()
        _progress = None
