"""The error that a command reports in one line."""

import errno
import os

import click

from mnist_pipeline.utils.printable import one_line
from mnist_pipeline.utils.reported import ReportedError


class CommandError(click.ClickException):
    """The message names the argument, what is wrong with it, and what to do."""


def explained(error: Exception) -> CommandError | None:
    """An error in one line, if a person can act on it; None if it is a fault of the program."""
    if isinstance(error, ReportedError | OSError | MemoryError):
        return CommandError(one_line(error) or os.strerror(errno.ENOMEM))
    if type(error).__module__.startswith("sqlalchemy"):
        return CommandError(of_database(str(getattr(error, "orig", error))))
    return None


def of_database(problem: str) -> str:
    """A problem with Dagster's database, and what to do."""
    home = os.environ.get("DAGSTER_HOME", "DAGSTER_HOME")
    return (
        f"Dagster's database in {home}: {one_line(problem)}; check its permissions and the space "
        f"on its disk, or, if it is damaged, move {home} away, and run again"
    )
