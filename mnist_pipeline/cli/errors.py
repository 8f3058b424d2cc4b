"""The error that a command reports in one line."""

import os
from typing import Any

import click

from mnist_pipeline.utils import memory
from mnist_pipeline.utils.printable import one_line, shortened
from mnist_pipeline.utils.reported import ReportedError


class CommandError(click.ClickException):
    """The message names the argument, what is wrong with it, and what to do."""


def explained(error: Exception) -> CommandError | None:
    """An error in one line, if a person can act on it; None if it is a fault of the program."""
    if memory.is_shortage(error) and not isinstance(error, ReportedError):
        error = memory.shortage(str(error))
    if isinstance(error, ReportedError | OSError):
        return CommandError(one_line(error) or type(error).__name__)
    # SQLAlchemy names the driver's error `orig`. Dagster raises an error of its own from that.
    problem: Any = getattr(error, "orig", None) or getattr(error.__cause__, "orig", error)
    library = type(problem).__module__.partition(".")[0]
    home = os.environ.get("DAGSTER_HOME", "DAGSTER_HOME")
    if library in ("sqlite3", "sqlalchemy", "psycopg2"):
        return CommandError(
            f"Dagster's database in {home}: {one_line(problem)}; check its permissions, the "
            "space on its disk and what else uses it, or that its server runs, and continue with "
            f"mnist-pipeline run --changed; if it is damaged, first move {home} away"
        )
    if type(problem).__name__ == "DagsterInvalidConfigError":
        problem, library = problem.errors[0].message, "yaml"
    if library == "yaml":  # this project reports what is wrong in its own YAML itself
        return CommandError(
            f"{home}/dagster.yaml: {shortened(one_line(problem), 300)}; correct the file, or set "
            "the variable that it names"
        )
    return None
