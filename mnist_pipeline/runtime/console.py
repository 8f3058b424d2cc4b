"""What a run shows in the terminal: a Dagster logger that prints a line an asset, and keeps the full log."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import click
import dagster as dg

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph.results import HEADLINE

NAME_WIDTH = 27

_silent: ContextVar[bool] = ContextVar("silent", default=False)


def name_width() -> int:
    """Columns for the name of a step, with the longest prefix of a data set."""
    return NAME_WIDTH + max((len(placed.prefix) + 2 for placed in settings.load().data_sets), default=0)


def log_path(run_id: str) -> Path:
    """Where the full log of a run goes."""
    return settings.load().dagster_home / "logs" / f"{run_id}.log"


def _create(context: dg.InitLoggerContext) -> logging.Logger:
    return _logger(None if _silent.get() else context.run_id)


def _create_quiet(context: dg.InitLoggerContext) -> logging.Logger:
    return _logger(None if _silent.get() else context.run_id, on_terminal=False)


def _logger(run_id: str | None, *, on_terminal: bool = True) -> logging.Logger:
    """Tells of a run on the terminal, if asked to, and into its file; of none, nothing."""
    logger = logging.Logger("mnist_pipeline.run", logging.DEBUG)
    if run_id:
        path = log_path(run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path, encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        if on_terminal:
            logger.addHandler(TerminalHandler())
        logger.addHandler(file)
    return logger


console_logger = dg.LoggerDefinition(_create, description="One line an asset on the terminal; every event into a file.")
quiet_logger = dg.LoggerDefinition(_create_quiet, description="Every event into a file; a shard is told as it ends.")


@contextlib.contextmanager
def silent(quiet: bool) -> Iterator[None]:
    """Within, this process tells nothing: on another machine nobody would read it."""
    token = _silent.set(quiet)
    try:
        yield
    finally:
        _silent.reset(token)


def teller(run_id: str, run_config: Mapping[str, Any]) -> Callable[[dg.DagsterEvent], None] | None:
    """Tells events that another process had, if the run is one that is told on the terminal."""
    if "console" not in run_config.get("loggers", {}):
        return None
    logger = _logger(run_id)

    def tell(event: dg.DagsterEvent) -> None:
        meta = {"dagster_event": event, "step_key": event.step_key}
        said = f"{event.step_key} - {event.event_type_value} - {event.message}"
        logger.log(logging.ERROR if event.is_failure else logging.DEBUG, said, extra={"dagster_meta": meta})

    return tell


class TerminalHandler(logging.Handler):
    """Prints progress within a step, and a line with time and telling figure as an asset finishes."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._headlines: dict[str, str] = {}
        self._width = name_width()

    def emit(self, record: logging.LogRecord) -> None:
        """Print what a person wants to know of a record; pass over the rest."""
        meta: dict[str, Any] = record.__dict__.get("dagster_meta", {})
        event: dg.DagsterEvent | None = meta.get("dagster_event")
        step = meta.get("step_key") or ""
        if event is None:
            if record.levelno in (logging.INFO, logging.WARNING):
                _transient(f"  {step:<{self._width}} {meta.get('orig_message', record.getMessage())}")
        elif event.event_type == dg.DagsterEventType.STEP_START:
            _transient(f"  {step:<{self._width}} …")
        elif event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            headline = event.step_materialization_data.materialization.metadata.get(HEADLINE)
            self._headlines[step] = str(headline.value) if headline else ""
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._tell_check(step, event.asset_check_evaluation_data)
        elif event.event_type == dg.DagsterEventType.STEP_SUCCESS:
            seconds = event.step_success_data.duration_ms / 1000
            _line(f"  {step:<{self._width}} {seconds:6.2f} s   {self._headlines.pop(step, '')}")
        elif event.event_type == dg.DagsterEventType.STEP_FAILURE:
            _line(click.style(f"  {step:<{self._width}} failed", fg="red"))

    def _tell_check(self, step: str, check: dg.AssetCheckEvaluation) -> None:
        """A line for a check that fails; one that is a step of its own is its headline too."""
        if not check.passed:
            measured = ", ".join(f"{name} {value.value}" for name, value in check.metadata.items())
            name = f"{check.asset_key.to_user_string()}: {check.check_name}"
            _line(click.style(f"  check failed           {name} ({measured})", fg="yellow"))
        self._headlines.setdefault(step, "check passed" if check.passed else "check failed")


def tell_shard(fold: str, seconds: float, told: str, *, failed: bool) -> None:
    """Print a line for a fold that is done, by whichever worker, as one for an asset."""
    line = f"  {fold:<{NAME_WIDTH}} failed" if failed else f"  {fold:<{NAME_WIDTH}} {seconds:6.2f} s   {told}"
    _line(click.style(line, fg="red") if failed else line)


def _transient(text: str) -> None:
    """Show what goes on: a line that the next one replaces on a terminal, dim lines elsewhere."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        click.echo(f"\r\033[2K{click.style(text[: width - 1], dim=True)}", nl=False)
    elif not text.endswith("…"):
        click.echo(text)


def _line(text: str) -> None:
    click.echo(f"\r\033[2K{text}" if sys.stdout.isatty() else text)
