"""The error that a command reports in one line."""

import contextlib
import difflib
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

PREFIX = "Error: "  # of click
COPIED = f"{__name__}.copied"  # in a command's context: the directory of a copied Dagster instance, and of the original


def unknown(name: str, kind: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, and name the known one that it resembles, or else all of them."""
    names = sorted(known)
    similar = difflib.get_close_matches(name, names, 1)
    return f"{name!a} is not {kind}; " + (f"did you mean {similar[0]}?" if similar else f"there are {', '.join(names)}")


class CommandError(click.ClickException):
    """A command can't do what it should; the message names the argument, what is wrong and what to do."""

    def format_message(self) -> str:
        """Return the message; on a terminal, lines break between words."""
        if not sys.stderr.isatty():
            return self.message
        lines = f"{PREFIX}{self.message}".splitlines()
        wrap = textwrap.TextWrapper(shutil.get_terminal_size().columns, break_long_words=False, break_on_hyphens=False)
        return "\n".join(map(wrap.fill, lines)).removeprefix(PREFIX)


@contextlib.contextmanager
def writing(option: str, path: Path) -> Iterator[None]:
    """Report in one line that the file of an option can't be written."""
    try:
        yield
    except OSError as error:
        reason = f"can't be written ({error.strerror}); name a file in a directory that can"
        raise CommandError(f"{option} {path} {reason}") from error


def with_original_paths(context: click.Context, message: str) -> str:
    """A message that names the files of a copied Dagster instance by the paths of the originals."""
    return message.replace(*context.meta[COPIED]) if COPIED in context.meta else message
