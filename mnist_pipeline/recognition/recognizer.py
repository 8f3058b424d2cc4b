"""What the models say of a person's own digit, and whether to believe it.

A `Recognizer` is all that answering takes, as arrays; it needs neither torch nor Dagster, so that a command can
answer at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from mnist_pipeline import models, pca
from mnist_pipeline.data.datasets import IMAGE_SIDE
from mnist_pipeline.models import MODELS
from mnist_pipeline.recognition import pictures as images
from mnist_pipeline.recognition.novelty import POINT, Novelty, looks_like_digit_in_picture, percentile
from mnist_pipeline.utils.blocks import slices
from mnist_pipeline.utils.stored_types import stored_type

INDEX = "knn"  # the model whose state holds the training digits
SHAPE = (IMAGE_SIDE, IMAGE_SIDE)
REFERENCE_ROWS = 512  # images reconstructed at a time
NUM_COMPONENTS = 50  # of the reconstruction
NUM_NEIGHBORS_SHOWN = 3


@dataclass(frozen=True)
class Neighbor:
    """A training digit near an image: its index, its label, and the Euclidean distance in grey levels."""

    index: int
    digit: int
    distance: float


@dataclass(frozen=True)
class Recognition:
    """What is said of one image.

    Attributes
    ----------
    digit : int
        The champion's answer.
    probability : float
        What the champion gives it, calibrated.
    champion : str
        Which model that is.
    digits : dict from model to int
        Each model's answer.
    probabilities : dict from model to ndarray of shape (n_classes,), float64
    neighbors : list of Neighbor
        The three nearest training digits, the nearest first.
    unusual : float
        Percentile, 0–100, of the error of its reconstruction from 50 components among those of the test digits.
    novelty : float
        Percentile, 0–100, of how far its strokes are from those of any digit, see `novelty.Novelty`.
    looks_like_digit : bool
        Whether that is at most `novelty.POINT`; of a picture's digits, beside what else was found in it.
    reconstruction : ndarray of shape (28, 28), float32
        From 50 components, not clipped.
    """

    digit: int
    probability: float
    champion: str
    digits: dict[str, int]
    probabilities: dict[str, np.ndarray]
    neighbors: list[Neighbor]
    unusual: float
    novelty: float
    looks_like_digit: bool
    reconstruction: np.ndarray

    def document(self) -> dict[str, Any]:
        """The same as plain JSON values, without the reconstruction."""
        return {
            "digit": self.digit,
            "probability": round(self.probability, 6),
            "looks_like_digit": self.looks_like_digit,
            "novelty": round(self.novelty, 2),
            "unusual": round(self.unusual, 2),
            "champion": self.champion,
            "models": {
                model: {
                    "digit": digit,
                    "probability": round(float(self.probabilities[model][digit]), 6),
                    "probabilities": self.probabilities[model].round(6).tolist(),
                }
                for model, digit in self.digits.items()
            },
            "neighbors": [
                {"index": near.index, "digit": near.digit, "distance": round(near.distance, 1)}
                for near in self.neighbors
            ],
        }


class Reading(NamedTuple):
    """A digit of a picture: where it is, what the models see of it, and what they say.

    Attributes
    ----------
    box : tuple of four ints
        x, y, width and height in pixels of the upright picture.
    image : ndarray of shape (28, 28), uint8
    recognition : Recognition
    """

    box: tuple[int, int, int, int]
    image: np.ndarray
    recognition: Recognition

    def document(self) -> dict[str, Any]:
        """The same as plain JSON values, without the image."""
        digit, probability, *rest = self.recognition.document().items()
        return dict([digit, probability, ("box", list(self.box)), *rest])


@stored_type
class Recognizer(NamedTuple):
    """The models in service, and what their answers are compared with.

    Attributes
    ----------
    champion : ndarray of shape (length,), uint8
        The name of the model whose answer counts, in UTF-8.
    states : dict from "MODEL.ARRAY" to ndarray
        What each model answers from, see `models.state`.
    mean : ndarray of shape (784,), float64
    components : ndarray of shape (784, 50), float32
        The leading eigenvectors of the covariance, as columns.
    errors : ndarray of shape (n_test,), float64
        Of the reconstruction of each test digit, ascending, root mean square in grey levels.
    novelty : dict from name to ndarray
        The fields of a `novelty.Novelty`.
    """

    champion: np.ndarray
    states: dict[str, np.ndarray]
    mean: np.ndarray
    components: np.ndarray
    errors: np.ndarray
    novelty: dict[str, np.ndarray]

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Recognizer:
        """A recognizer from its stored fields; those of versions before 2026-11-26 had a field for each model."""
        if set(fields) == set(cls._fields):
            return cls(**fields)
        temperatures = fields["temperatures"]
        states = {
            "knn": {**fields["knn"], "num_neighbors": fields["num_neighbors"], "smoothing": fields["smoothing"]},
            "softmax": fields["softmax"],
            **{name: {**fields[name], "temperature": temperatures[name]} for name in ("mlp", "cnn")},
        }
        champion = list(states)[int(fields["champion"])]
        kept = {name: fields[name] for name in ("mean", "components", "errors", "novelty")}
        return cls(_encoded(champion), _flat(states), **kept)

    @property
    def champion_name(self) -> str:
        """The name of the model whose answer counts."""
        return bytes(self.champion).decode()

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models that answer, in the order of the table."""
        stored = {name.partition(".")[0] for name in self.states}
        return tuple(name for name in MODELS if name in stored)

    def state(self, model: str) -> dict[str, np.ndarray]:
        """What a model answers from."""
        prefix = f"{model}."
        return {name[len(prefix) :]: array for name, array in self.states.items() if name.startswith(prefix)}

    def with_champion(self, model: str) -> Recognizer:
        """The same models with another champion."""
        return self._replace(champion=_encoded(model))

    def with_state(self, model: str, state: Mapping[str, np.ndarray]) -> Recognizer:
        """The same recognizer with another state of a model."""
        others = {name: array for name, array in self.states.items() if not name.startswith(f"{model}.")}
        return self._replace(states={**others, **_flat({model: state})})

    def read(self, pictures: Sequence[np.ndarray]) -> list[list[Reading]]:
        """The digits of each picture in reading order, with what is said of them.

        Parameters
        ----------
        pictures : sequence of ndarrays of shape (rows, columns)
            Upright and grey, as `images.read` gives them.
        """
        found = [images.find_digits(picture) for picture in pictures]
        said = iter(self.recognize(_stacked([each for digits in found for each in digits])))
        readings = [[Reading(each.box, each.image, next(said)) for each in digits] for digits in found]
        return [_among_others(each, picture.shape) for each, picture in zip(readings, pictures, strict=True)]

    def recognize(self, digits: np.ndarray) -> list[Recognition]:
        """What is said of each digit.

        Parameters
        ----------
        digits : ndarray of shape (n, 28, 28), uint8
            Light ink on 0, as `images.find_digits` gives them.

        Returns
        -------
        list of n Recognition
        """
        digits = _checked(digits)
        if not len(digits):
            return []
        answers = {name: models.answer(MODELS[name], self.state(name), digits) for name in self.model_names}
        champion, nearest = self.champion_name, answers[INDEX].nearest
        assert nearest is not None
        reconstructions = self.reconstruct(digits)
        unusual = percentile(reconstruction_errors(digits, reconstructions), self.errors)
        novelty = Novelty(**self.novelty).percentile(digits)
        return [
            Recognition(
                digit=int(answers[champion].labels[i]),
                probability=float(answers[champion].probabilities[i, answers[champion].labels[i]]),
                champion=champion,
                digits={name: int(answer.labels[i]) for name, answer in answers.items()},
                probabilities={name: answer.probabilities[i] for name, answer in answers.items()},
                neighbors=[
                    Neighbor(int(index), int(label), float(np.sqrt(distance)))
                    for index, label, distance in zip(*(each[i, :NUM_NEIGHBORS_SHOWN] for each in nearest), strict=True)
                ],
                unusual=float(unusual[i]),
                novelty=float(novelty[i]),
                looks_like_digit=bool(novelty[i] <= POINT),
                reconstruction=reconstructions[i],
            )
            for i in range(len(digits))
        ]

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Images from their 50 leading components, float32, of the same shape."""
        coordinates = pca.project(images, self.mean, self.components)
        return np.asarray(pca.reconstruct(coordinates, self.mean, self.components), np.float32).reshape(images.shape)

    def training_image(self, index: int) -> np.ndarray:
        """A training image, uint8 (28, 28)."""
        return np.asarray(self.states[f"{INDEX}.images"][index].reshape(SHAPE))


def assemble(
    champion: str,
    states: Mapping[str, Mapping[str, np.ndarray]],
    *,
    mean: np.ndarray,
    eigenvectors: np.ndarray,
    reference: np.ndarray,
) -> Recognizer:
    """A recognizer from what the models answer from.

    Parameters
    ----------
    champion : str
        The model whose answer counts.
    states : mapping from model to mapping from name to ndarray
        As `models.state` returns them; that of k-nearest neighbours holds the training digits.
    mean : ndarray of shape (784,), float64
    eigenvectors : ndarray of shape (784, n), float64
        Of the covariance, as columns, the largest eigenvalue's first.
    reference : ndarray of shape (n_test, 28, 28), uint8
        The digits that others are compared with.
    """
    index = states[INDEX]
    recognizer = Recognizer(
        champion=_encoded(champion),
        states=_flat(states),
        mean=mean,
        components=eigenvectors[:, :NUM_COMPONENTS].astype(np.float32),
        errors=np.empty(0),
        novelty=Novelty.fit(index["images"].reshape(-1, *SHAPE), index["labels"], reference)._asdict(),
    )
    blocks = [reference[rows] for rows in slices(len(reference), REFERENCE_ROWS)]
    errors = [reconstruction_errors(block, recognizer.reconstruct(block)) for block in blocks]
    return recognizer._replace(errors=np.sort(np.concatenate(errors)))


def _encoded(name: str) -> np.ndarray:
    return np.frombuffer(name.encode(), np.uint8)


def _flat(states: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {f"{model}.{name}": array for model, state in states.items() for name, array in state.items()}


def reconstruction_errors(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Root mean square difference of each image from its reconstruction, in grey levels, float64 (n,)."""
    difference = images.reshape(len(images), -1) - reconstructions.reshape(len(images), -1)
    return np.asarray(np.sqrt(np.mean(difference.astype(np.float64) ** 2, axis=1)))


def _among_others(readings: list[Reading], shape: tuple[int, ...]) -> list[Reading]:
    """The readings of a picture, each held to look like a digit beside the others, and uncut."""
    if not readings:
        return []
    percentiles = np.array([reading.recognition.novelty for reading in readings])
    like = looks_like_digit_in_picture(percentiles, [reading.box for reading in readings], shape)
    return [
        reading._replace(recognition=replace(reading.recognition, looks_like_digit=bool(looks)))
        for reading, looks in zip(readings, like, strict=True)
    ]


def _stacked(found: Sequence[images.Found]) -> np.ndarray:
    """The images of what was found, uint8 (n, 28, 28)."""
    return np.array([each.image for each in found], np.uint8).reshape(-1, *SHAPE)


def _checked(images: np.ndarray) -> np.ndarray:
    if images.dtype != np.uint8 or images.shape[1:] != SHAPE:
        raise ValueError(
            f"images is {images.dtype} of shape {images.shape}; pass uint8 of shape (n, {IMAGE_SIDE}, {IMAGE_SIDE}), "
            "as images.find_digits gives them"
        )
    return images
