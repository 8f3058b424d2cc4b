"""How well a recognizer reads pictures whose digits are known."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from mnist_pipeline.handwriting.recognizer import Recognizer
from support.handwriting import Example, Picture, grey


@dataclass
class Score:
    """Counts over pictures of one kind."""

    digits: int = 0
    right: int = 0  # digits that are read correctly
    flagged: int = 0  # digits that are read correctly and do not look like one
    silent: int = 0  # digits that are read incorrectly or lost, without any doubt
    pictures: int = 0
    in_order: int = 0  # pictures whose digits are found in order

    @property
    def accuracy(self) -> float:
        """Share of the digits that are found and read correctly."""
        return self.right / self.digits


def scores(recognizer: Recognizer, examples: Iterable[Example]) -> dict[str, Score]:
    """Compute the score for each kind of picture."""
    found: dict[str, Score] = {}
    for example in examples:
        score = found.setdefault(example.kind, Score())
        (readings,) = recognizer.read([grey(example.picture)])
        certain = not any(reading.recognition.is_doubtful for reading in readings)
        places = []  # of the readings that contain the middle of a box
        for digit, (x, y, width, height) in zip(example.digits, example.boxes, strict=True):
            for place, reading in enumerate(readings):
                left, top, own_width, own_height = reading.box
                if (
                    left <= x + width / 2 <= left + own_width
                    and top <= y + height / 2 <= top + own_height
                ):
                    places.append(place)
                    answer = reading.recognition
                    score.right += answer.digit == digit
                    score.flagged += answer.digit == digit and not answer.looks_like_digit
                    score.silent += answer.digit != digit and not answer.is_doubtful
                    break
            else:
                score.silent += certain and len(readings) > 0
        score.digits += len(example.digits)
        score.pictures += 1
        score.in_order += all(first < second for first, second in pairwise(places))
    return found


def holds_no_digit(recognizer: Recognizer, picture: Picture) -> bool:
    """Whether nothing in a picture looks like a digit."""
    (readings,) = recognizer.read([grey(picture)])
    return not any(reading.recognition.looks_like_digit for reading in readings)
