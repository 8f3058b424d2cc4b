"""The standard output of a command that runs assets."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


class _Descriptor(io.FileIO):
    """A file whose errors are ignored: a run continues after nobody reads its output any more."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return len(content)


@contextmanager
def open_output() -> Iterator[TextIO]:
    """Open what is standard output now. While steps run, Dagster redirects standard output to a file."""
    try:
        file = _Descriptor(os.dup(sys.stdout.fileno()), "w")
    except io.UnsupportedOperation:  # an object in memory, as in a test
        yield sys.stdout
        return
    with io.TextIOWrapper(io.BufferedWriter(file), encoding=sys.stdout.encoding, errors="replace") as stream:
        yield stream
