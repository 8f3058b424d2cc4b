"""The error that a command reports in one line."""

import errno
import os
from typing import Any, TextIO

import click

from mnist_pipeline.utils.printable import one_line, shortened
from mnist_pipeline.utils.reported import ReportedError


class CommandError(click.ClickException):
    """The message names the argument, what is wrong with it, and what to do."""


def explained(error: Exception) -> CommandError | None:
    """An error in one line, if a person can act on it; None if it is a fault of the program."""
    if isinstance(error, ReportedError | OSError | MemoryError):
        return CommandError(one_line(error) or os.strerror(errno.ENOMEM))
    # SQLAlchemy names the driver's error `orig`. Dagster raises an error of its own from that.
    problem: Any = getattr(error, "orig", None) or getattr(error.__cause__, "orig", error)
    library = type(problem).__module__.partition(".")[0]
    if library == "psycopg2":
        return CommandError(
            f"Dagster's database: {one_line(problem)}; see that PostgreSQL runs and accepts "
            "connections, and continue with mnist-pipeline run --changed"
        )
    if library in ("sqlite3", "sqlalchemy"):
        return CommandError(of_database(str(problem)))
    if type(problem).__name__ == "DagsterInvalidConfigError":
        problem, library = problem.errors[0].message, "yaml"
    if library == "yaml":  # this project reports what is wrong in its own YAML itself
        return CommandError(
            f"{_home()}/dagster.yaml: {shortened(one_line(problem), 300)}; correct the file, or "
            "set the variable that it names"
        )
    return None


def of_database(problem: str) -> str:
    """A problem with Dagster's database, and what to do."""
    home = _home()
    return (
        f"Dagster's database in {home}: {one_line(problem)}; check its permissions, the space on "
        f"its disk and what else uses it, or, if it is damaged, move {home} away, and run again"
    )


def _home() -> str:
    return os.environ.get("DAGSTER_HOME", "DAGSTER_HOME")


class Errors:
    """Standard error without Dagster's reports of a broken database: the command reports it once.

    Dagster tries again and again, and cannot end a run whose records it cannot write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._is_broken = stream, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text of anything else."""
        self._is_broken |= text.startswith("Exception while writing logger call to event log")
        if self._is_broken or "Retrying failed database connection" in text:
            return len(text)
        return self._stream.write(text)
