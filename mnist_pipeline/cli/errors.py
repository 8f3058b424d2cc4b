"""The error that a command reports in one line."""

import contextlib
import difflib
import errno
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from mnist_pipeline.utils.printable import one_line
from mnist_pipeline.utils.reported import ReportedError

TOO_MANY_FILES = "if too many files are open, raise the limit (ulimit -n 1024)"


def unknown(name: str, kind: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, and list the three known ones that it resembles most."""
    names = sorted(known)
    similar = difflib.get_close_matches(name, names, 3, cutoff=0.4) or names[:3]
    return f"{name!a} is not {kind}; did you mean {', '.join(similar)}?"


class CommandError(click.ClickException):
    """A command can't do what it should; the message names the argument, what is wrong and what to
    do.
    """


@contextlib.contextmanager
def writing(option: str, path: Path) -> Iterator[None]:
    """Report in one line that the file of an option can't be written."""
    try:
        yield
    except OSError as error:
        reason = f"can't be written ({error.strerror}); name a file in a directory that can"
        raise CommandError(f"{option} {path} {reason}") from error


def explained(error: Exception) -> CommandError | None:
    """An error in one line, if a person can act on it; None if it is a fault of the program."""
    if isinstance(error, ReportedError):
        return CommandError(one_line(error))
    number = error.errno if isinstance(error, OSError) else None
    is_unmapped = isinstance(error, ImportError) and "failed to map segment" in str(
        error
    )  # of a library
    if isinstance(error, MemoryError) or number == errno.ENOMEM or is_unmapped:
        return CommandError(
            "there is too little memory; end other programs, or raise the limit (ulimit -v)"
        )
    if number in (errno.EMFILE, errno.ENFILE):
        return CommandError(TOO_MANY_FILES)
    if "sqlalchemy" in sys.modules:
        from sqlalchemy.exc import DatabaseError

        if isinstance(error, DatabaseError):
            return of_database(str(error.orig))
    return None


def of_database(problem: str) -> CommandError:
    """Why Dagster's database can't be used; only some problems mean that a file is damaged."""
    home = os.environ.get("DAGSTER_HOME", "DAGSTER_HOME")
    if "malformed" in problem or "not a database" in problem:
        return CommandError(
            f"Dagster's database in {home} is damaged ({problem}); move {home} away, and run again"
        )
    if "unable to open" in problem:
        return CommandError(
            f"Dagster's database in {home} can't be opened; {TOO_MANY_FILES}, or check its "
            "permissions"
        )
    if "disk" in problem:  # "disk I/O error", "database or disk is full"
        return CommandError(f"the disk of {home} is full or fails ({problem}); free space on it")
    return CommandError(f"Dagster's database in {home} can't be used ({one_line(problem)})")
