"""What a worker of `reading` does. The worker imports this module, and SciPy with it, before its first request."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnist_pipeline.recognition import pictures
from mnist_pipeline.recognition.page import Found, ImageError
from mnist_pipeline.recognition.reading import CONTENT
from mnist_pipeline.utils.workers import Answer


def answer(request: bytes) -> Answer:
    """Read the picture of a request, and find its digits."""
    content = request[len(CONTENT) :]
    try:
        picture = pictures.read(content if request.startswith(CONTENT) else Path(os.fsdecode(content)))
        found = pictures.find_digits(picture)
    except ImageError as error:
        return {"error": str(error)}, []
    images: list[np.ndarray] = []
    return {"digits": _described(found, images)}, [picture, *images]


def _described(digits: Sequence[Found], images: list[np.ndarray]) -> list[Any]:
    """The box, the line and the cuts of each digit, which JSON can express; its image is appended."""
    described = []
    for digit in digits:
        images.append(digit.image)
        described.append([digit.box, digit.line, [_described(cut, images) for cut in digit.cuts]])
    return described
