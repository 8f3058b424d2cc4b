"""The error that a command reports in one line."""

import difflib
import errno
import os
import sys
from collections.abc import Iterable

import click

from mnist_pipeline.utils.printable import one_line
from mnist_pipeline.utils.reported import ReportedError


def unknown(name: str, kind: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, and list the three known ones that it resembles most."""
    names = sorted(known)
    similar = difflib.get_close_matches(name, names, 3, cutoff=0.4) or names[:3]
    return f"{name!a} is not {kind}; did you mean {', '.join(similar)}?"


class CommandError(click.ClickException):
    """The message names the argument, what is wrong with it, and what to do."""


def explained(error: Exception) -> CommandError | None:
    """An error in one line, if a person can act on it; None if it is a fault of the program."""
    if isinstance(error, ReportedError | OSError | MemoryError):
        return CommandError(one_line(error) or os.strerror(errno.ENOMEM))
    if "sqlalchemy" in sys.modules:
        from sqlalchemy.exc import DatabaseError

        if isinstance(error, DatabaseError):
            return of_database(str(error.orig))
    return None


def of_database(problem: str) -> CommandError:
    """The problem with Dagster's database, and what to do if a file of it is damaged."""
    home = os.environ.get("DAGSTER_HOME", "DAGSTER_HOME")
    remedy = ""
    if "malformed" in problem or "not a database" in problem:
        remedy = f"; move {home} away, and run again"
    elif "disk" in problem:  # "disk I/O error", "database or disk is full"
        remedy = "; its disk is full or fails"
    return CommandError(f"Dagster's database in {home}: {one_line(problem)}{remedy}")
