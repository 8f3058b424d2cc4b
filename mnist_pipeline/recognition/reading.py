"""Read pictures in worker processes with a budget of time and memory, so that no picture can stop its reader."""

from __future__ import annotations

import os
from pathlib import Path

from mnist_pipeline.recognition.page import Found, ImageError, Page
from mnist_pipeline.utils.workers import MEMORY, WorkerError, Workers

__all__ = ["MEMORY", "read", "start"]

FILE, CONTENT = b"F", b"C"  # the first byte of a request: a path follows, or the content of a file
_workers = Workers("mnist_pipeline.recognition.answering:answer")
start = _workers.start  # so that a worker is ready when the first picture is read


def read(source: Path | bytes) -> Page:
    """Read a picture, a file or its content, and find its digits, within 5 s and 1 GB of memory.

    Raises
    ------
    ImageError
        As `pictures.read` does; also if the picture takes more time or memory.
    """
    request = CONTENT + source if isinstance(source, bytes) else FILE + os.fsencode(source)
    try:
        described, arrays = _workers.answer(request)
    except WorkerError as error:
        raise ImageError(f"{'the picture' if isinstance(source, bytes) else source}: {error}") from None
    if "error" in described:
        raise ImageError(described["error"])
    picture, *images = arrays
    digits = zip(described["digits"], images, strict=True)
    return Page(picture, [Found(tuple(box), image, line) for (box, line), image in digits])
