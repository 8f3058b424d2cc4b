"""Read pictures in worker processes with a budget of time and memory, so that no picture can stop its reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_pipeline.recognition.page import Found, ImageError, Page
from mnist_pipeline.utils.workers import MEMORY, WorkerError, Workers

if TYPE_CHECKING:
    import numpy as np

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
    picture, *rest = arrays
    images = iter(rest)
    return Page(picture, _restored(described["digits"], images))


def _restored(described: list[Any], images: Iterator[np.ndarray]) -> list[Found]:
    """The digits that a worker described; each takes the next image."""
    digits = []
    for box, line, cuts in described:
        image = next(images)
        pairs = [_restored(cut, images) for cut in cuts]
        digits.append(Found(tuple(box), image, line, tuple((left, right) for left, right in pairs)))
    return digits
