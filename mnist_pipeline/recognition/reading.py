"""Read pictures in worker processes with a budget of time and memory, so that no picture can stop its reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_pipeline.recognition.page import Found, ImageError, Page
from mnist_pipeline.utils.workers import MEMORY, OVER_BUDGET, Answer, OverBudgetError, Workers

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MEMORY", "answer", "read", "start"]

FILE, CONTENT = b"F", b"C"  # the first byte of a request: a path follows, or the content of a file
_workers = Workers(f"{__name__}:answer")
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
    except OverBudgetError:
        raise ImageError(f"{'the picture' if isinstance(source, bytes) else source}: {OVER_BUDGET}") from None
    if "error" in described:
        raise ImageError(described["error"])
    picture, *rest = arrays
    images = iter(rest)
    return Page(picture, [_restored(digit, images) for digit in described["digits"]])


def answer(request: bytes) -> Answer:
    """Read the picture of a request in a worker."""
    from mnist_pipeline.recognition import pictures

    content = request[len(CONTENT) :]
    try:
        picture = pictures.read(content if request.startswith(CONTENT) else Path(os.fsdecode(content)))
        found = pictures.find_digits(picture)
    except ImageError as error:
        return {"error": str(error)}, []
    images: list[np.ndarray] = []
    return {"digits": [_described(digit, images) for digit in found]}, [picture, *images]


def _described(digit: Found, images: list[np.ndarray]) -> list[Any]:
    """The box, the line and the cuts of a digit, which JSON can express; its images are appended."""
    images.append(digit.image)
    return [digit.box, digit.line, [[_described(side, images) for side in cut] for cut in digit.cuts]]


def _restored(described: list[Any], images: Iterator[np.ndarray]) -> Found:
    """The inverse of `_described`."""
    box, line, cuts = described
    image = next(images)
    pairs = [[_restored(side, images) for side in cut] for cut in cuts]
    return Found(tuple(box), image, line, tuple((left, right) for left, right in pairs))
