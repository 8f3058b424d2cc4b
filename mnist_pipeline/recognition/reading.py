"""Read pictures in worker processes with a budget of time and memory, so that no picture can stop its reader."""

from __future__ import annotations

import os
from pathlib import Path

from mnist_pipeline.recognition.page import Found, ImageError, Page
from mnist_pipeline.utils.workers import MEMORY, OVER_BUDGET, Answer, OverBudgetError, Workers

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
    picture, *images = arrays
    found = zip(described["boxes"], images, described["lines"], strict=True)
    return Page(picture, [Found(tuple(box), image, line) for box, image, line in found])


def answer(request: bytes) -> Answer:
    """Read the picture of a request in a worker."""
    from mnist_pipeline.recognition import pictures

    content = request[len(CONTENT) :]
    try:
        picture = pictures.read(content if request.startswith(CONTENT) else Path(os.fsdecode(content)))
        found = pictures.find_digits(picture)
    except ImageError as error:
        return {"error": str(error)}, []
    described = {"boxes": [digit.box for digit in found], "lines": [digit.line for digit in found]}
    return described, [picture, *(digit.image for digit in found)]
