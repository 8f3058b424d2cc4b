"""How well a recognizer reads pictures whose digits are known, and how often it flags pictures that hold none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise

import numpy as np
import PIL.Image
from generators.handwriting import Box, Example, Picture

from mnist_pipeline.recognition import pictures as images
from mnist_pipeline.recognition.recognizer import Reading, Recognizer


@dataclass
class Score:
    """Digits that there are, those read right, those flagged; pictures, and those whose boxes come in order."""

    digits: int = 0
    right: int = 0
    flagged: int = 0
    pictures: int = 0
    in_order: int = 0

    @property
    def accuracy(self) -> float:
        """Share of the digits that are found and read right."""
        return self.right / self.digits


def scores(recognizer: Recognizer, examples: Iterable[Example]) -> dict[str, Score]:
    """The score by kind of picture."""
    found: dict[str, Score] = {}
    for example in examples:
        score = found.setdefault(example.kind, Score())
        (readings,) = recognizer.read([grey(example.picture)])
        places = [_place(box, readings) for box in example.boxes]
        met = [place for place in places if place is not None]
        score.digits += len(example.digits)
        score.right += sum(
            place is not None and readings[place].recognition.digit == digit
            for digit, place in zip(example.digits, places, strict=True)
        )
        score.flagged += sum(not readings[place].recognition.looks_like_digit for place in met)
        score.pictures += 1
        score.in_order += all(first < second for first, second in pairwise(met))
    return found


def holds_no_digit(recognizer: Recognizer, picture: Picture) -> bool:
    """Whether nothing is found in a picture, or nothing that looks like a digit."""
    (readings,) = recognizer.read([grey(picture)])
    return not any(reading.recognition.looks_like_digit for reading in readings)


def grey(picture: Picture) -> np.ndarray:
    """A picture as its file is read."""
    file = BytesIO()
    PIL.Image.fromarray(picture).save(file, "BMP")
    return images.read(file.getvalue())


def _place(box: Box, readings: list[Reading]) -> int | None:
    """Which reading has a box's middle within its own, None if none has."""
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    for place, reading in enumerate(readings):
        left, top, width, height = reading.box
        if left <= x <= left + width and top <= y <= top + height:
            return place
    return None
