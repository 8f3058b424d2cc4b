"""Where a command prints: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mnist_pipeline.cli.display import Display


@contextmanager
def open_display() -> Iterator[Display]:
    """A live view where standard output is a terminal, plain lines elsewhere."""
    try:
        # While Dagster captures the output of steps, standard output is a file.
        stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=sys.stdout.encoding, errors="replace")
    except io.UnsupportedOperation:  # an object in memory, as in a test
        yield Display(sys.stdout)
        return
    with stream:
        if not stream.isatty() or os.environ.get("TERM") in ("dumb", "unknown"):
            yield Display(stream)
        else:
            from mnist_pipeline.cli.live import LiveDisplay  # rich takes time to import

            yield LiveDisplay(stream)
