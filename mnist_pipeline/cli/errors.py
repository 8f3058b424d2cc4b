"""Errors that a command reports in one line."""

from __future__ import annotations

import contextlib
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import NoReturn

import click

PREFIX = "Error: "  # of click


class LaunchError(ValueError):
    """A run can't start as asked; the message names the argument, what is wrong and what to do."""


@contextlib.contextmanager
def fail_on(error: type[Exception]) -> Iterator[None]:
    """End the command with the message of an error of that class."""
    try:
        yield
    except error as caught:
        fail(str(caught))


def fail(message: str) -> NoReturn:
    """End the command with a message and exit code 1; on a terminal, lines break between words."""
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns
        lines = f"{PREFIX}{message}".splitlines()
        wrapped = [textwrap.fill(line, columns, break_long_words=False, break_on_hyphens=False) for line in lines]
        message = "\n".join(wrapped).removeprefix(PREFIX)
    raise click.ClickException(message)
