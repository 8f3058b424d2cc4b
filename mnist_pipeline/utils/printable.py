"""Texts for terminals and pages, such as names of files from other people."""

import difflib
from collections.abc import Iterable


def printable(text: str) -> str:
    r"""A text as one printable line: other characters, which may steer a terminal, are escaped.

    Examples
    --------
    >>> printable("two\nlines, \x1b[31mred")
    'two\\nlines, \\x1b[31mred'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def count(number: int, noun: str) -> str:
    """A number of things.

    Examples
    --------
    >>> count(0, "run"), count(1, "run"), count(2_000, "run")
    ('0 runs', '1 run', '2,000 runs')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def one_line(message: object) -> str:
    """A message in one line that a terminal can show, whatever the message quotes."""
    return printable(" ".join(str(message).split()))


def shortened(text: str, width: int = 100) -> str:
    """The beginning of a long text.

    Examples
    --------
    >>> shortened("pixel0, pixel1, pixel2", 15)
    'pixel0, pixel1…'
    """
    return text if len(text) <= width else f"{text[: width - 1]}…"


def unknown(name: str, kind: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, and list the three known ones that it resembles most."""
    names = sorted(known)
    similar = difflib.get_close_matches(name, names, 3, cutoff=0.4) or names[:3]
    return f"{name!a} is not {kind}; did you mean {', '.join(similar)}?"
