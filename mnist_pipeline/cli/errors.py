"""The error that a command reports in one line."""

import shutil
import sys
import textwrap

import click

PREFIX = "Error: "  # of click


class CommandError(click.ClickException):
    """A command can't do what it should; the message names the argument, what is wrong and what to do."""

    def format_message(self) -> str:
        """Return the message; on a terminal, lines break between words."""
        if not sys.stderr.isatty():
            return self.message
        lines = f"{PREFIX}{self.message}".splitlines()
        wrap = textwrap.TextWrapper(shutil.get_terminal_size().columns, break_long_words=False, break_on_hyphens=False)
        return "\n".join(map(wrap.fill, lines)).removeprefix(PREFIX)
