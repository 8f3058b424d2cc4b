"""The answers of the models for a picture, how far to trust them, and how to say so in words."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from mnist_pipeline.data.values import DataSet
from mnist_pipeline.handwriting.novelty import ORDINARY

PROBABLE = 0.9  # an answer with a lower claim is in doubt
EVEN = 0.5  # below this probability, the answer names two classes
VOTING = "knn"  # the model whose answer is a vote
SPECK = 0.35  # share of the size of the largest finding in a picture


@dataclass(frozen=True)
class Neighbor:
    """A training digit near an image."""

    index: int
    digit: int  # its label
    distance: float  # Euclidean, in grey levels


@dataclass(frozen=True)
class Recognition:
    """What all models answer for one image, put together for a person: one answer and its doubt."""

    digit: int  # the champion's answer: the number of a class
    name: str  # of that class
    runner_up: str  # the name of the most probable other class
    probability: float  # the champion's calibrated probability of its answer
    champion: str  # the name of the champion
    digits: dict[str, int]  # the answer of each model
    # Whether the votes for other answers outweigh the champion's, and the judge does not agree.
    models_disagree: bool
    is_certain: bool  # whether `probability` is high, and on a page of digits the judge agrees
    # How often an answer like this is right, as far as held-out answers show: `probability`, but
    # at most the largest claim. It is the only probability that people see in words.
    claim: float
    probabilities: dict[str, np.ndarray]  # the models' own, of each class; float64 (n_classes,)
    votes: tuple[int, int]  # of the nearest training digits: for k-NN's answer, and in all
    neighbors: list[Neighbor]  # the three nearest training digits, the nearest first
    novelty: float  # percentile, 0–100, of its distance from all digits; see `novelty.Novelty`
    looks_like_digit: bool  # by `novelty` and `probability`; on a page of digits, by the judge
    reconstruction: np.ndarray  # from 50 components, not clipped; float32 (28, 28)
    judge_agrees: bool | None = None  # whether the judge sees this digit; None if it has not judged

    @property
    def text(self) -> str:
        """The name of the class, or a question mark if the image does not look like a digit."""
        return self.name if self.looks_like_digit else "?"

    @property
    def is_doubtful(self) -> bool:
        """Whether the headline is more than the name of the class."""
        return not self.looks_like_digit or self.models_disagree or not self.is_certain

    def agreement(self, shares: np.ndarray) -> float:
        """The product of the probabilities of the answer by the champion and by the judge.

        `shares` are the judge's probabilities of `judge.classes.CLASSES`, (12,).
        """
        return float(self.probability * shares[self.digit])

    def headline(self, noun: str) -> str:
        """The answer in words, with its doubt; `noun` is what a training image shows."""
        if not self.looks_like_digit:
            if noun == "digit":
                return "does not look like a digit"
            return f"is unlike the training {noun}s"
        if self.probability < EVEN:
            return f"unsure: {self.name} or {self.runner_up}"
        if self.models_disagree:
            return f"probably {self.name}, the models disagree"
        return self.name if self.is_certain else f"probably {self.name}"


class Reading(NamedTuple):
    """A `Recognition` in a picture: with its box and line, as `predict` and `/draw` show it."""

    box: tuple[int, int, int, int]  # x, y, width and height in pixels of the upright picture
    image: np.ndarray  # uint8 (28, 28)
    recognition: Recognition
    line: int = 1  # the number of the line that it stands in, from the top
    least_certain: bool = False  # of the digits of its line, if there are several
    judged: np.ndarray | None = None  # the judge's probabilities of its classes, (12,)

    def document(self, known: DataSet) -> dict[str, Any]:
        """The box, and the answers without the reconstruction, as plain JSON values."""
        answer = self.recognition
        models = {
            model: {
                "digit": digit,
                "probability": round(float(answer.probabilities[model][digit]), 6),
                "probabilities": answer.probabilities[model].round(6).tolist(),
                **({"votes": list(answer.votes)} if model == VOTING else {}),
            }
            for model, digit in answer.digits.items()
        }
        neighbors = [
            {"index": n.index, "digit": n.digit, "distance": round(n.distance, 1)}
            for n in answer.neighbors
        ]
        return {
            "digit": answer.digit,
            "class": answer.name,
            "probability": round(answer.claim, 6),
            "headline": answer.headline(known.noun),
            "line": self.line,
            "least_certain": self.least_certain,
            "box": list(self.box),
            "looks_like_digit": answer.looks_like_digit,
            "models_disagree": answer.models_disagree,
            "judge_agrees": answer.judge_agrees,
            "novelty": round(answer.novelty, 2),
            "champion": answer.champion,
            "models": models,
            "neighbors": neighbors,
        }


def text_of(readings: Sequence[Reading]) -> list[str]:
    """The text of each line of a picture; spaces separate names of several letters."""
    texts = []
    for _, line in itertools.groupby(readings, lambda reading: reading.line):
        names = [reading.recognition.text for reading in line]
        texts.append(("" if max(map(len, names)) == 1 else " ").join(names))
    return texts


def headline(readings: Sequence[Reading], known: DataSet, warnings: Sequence[str] = ()) -> str:
    """The text of a picture in one line, how many of its digits are in doubt, and the warnings of
    its `Page`.
    """
    return "; ".join([_text_and_doubts(readings, known), *warnings])


def _text_and_doubts(readings: Sequence[Reading], known: DataSet) -> str:
    if len(readings) == 1:
        return readings[0].recognition.headline(known.noun)
    if not any(reading.recognition.looks_like_digit for reading in readings):
        shapes = f" among {len(readings)} shapes" if readings else ""
        return f"no {known.noun} found{shapes}"
    text = " / ".join(text_of(readings))
    doubtful = sum(reading.recognition.is_doubtful for reading in readings)
    return f"{text} ({doubtful} of {len(readings)} in doubt)" if doubtful else text


def only_ordinary(readings: Sequence[Reading]) -> list[Reading]:
    """If most shapes of a picture do not look like digits, only ordinary digits do.

    Noise and textures produce many shapes, and a few of them resemble a 1 or a 7.
    """
    num_digits = sum(reading.recognition.looks_like_digit for reading in readings)
    if 2 * num_digits >= len(readings):
        return [*readings]
    answers = [reading.recognition for reading in readings]
    looks = [answer.looks_like_digit and answer.novelty <= ORDINARY for answer in answers]
    return [
        reading._replace(recognition=replace(answer, looks_like_digit=is_digit))
        for reading, answer, is_digit in zip(readings, answers, looks)
    ]


def with_least_certain(readings: Sequence[Reading]) -> list[Reading]:
    """Mark the least certain digit of each line with several digits."""
    marked = [*readings]
    lines: dict[int, list[tuple[bool, float, int]]] = {}  # of each digit: how certain, its index
    for index, reading in enumerate(readings):
        answer = reading.recognition
        if answer.looks_like_digit:
            certainty = (not answer.models_disagree, answer.probability, index)
            lines.setdefault(reading.line, []).append(certainty)
    for certainties in lines.values():
        if len(certainties) > 1:
            *_, least = min(certainties)
            marked[least] = marked[least]._replace(least_certain=True)
    return marked


def without_specks(readings: list[Reading]) -> list[Reading]:
    """Drop shapes much smaller than the largest, as noise is, unless most look like digits, or a
    few have a line to themselves.
    """
    limit = SPECK * max((max(reading.box[2:]) for reading in readings), default=0)
    specks = [reading for reading in readings if max(reading.box[2:]) < limit]
    large = [reading for reading in readings if max(reading.box[2:]) >= limit]
    num_digits = sum(reading.recognition.looks_like_digit for reading in specks)
    if 2 * num_digits > len(specks):
        return readings
    lines = Counter(reading.line for reading in specks)
    for reading in large:
        del lines[reading.line]
    are_few = len(specks) <= len(large)  # a picture with more specks is noisy
    return [
        reading
        for reading in readings
        if max(reading.box[2:]) >= limit or (are_few and lines[reading.line] > 1)
    ]
