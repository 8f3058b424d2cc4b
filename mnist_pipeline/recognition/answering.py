"""What a worker of `reading` does. The worker imports this module, and SciPy with it, before its first request."""

import os
from pathlib import Path

from mnist_pipeline.recognition import pictures
from mnist_pipeline.recognition.page import ImageError
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
    return {"digits": [[digit.box, digit.line] for digit in found]}, [picture, *(digit.image for digit in found)]
