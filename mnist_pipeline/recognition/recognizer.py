"""What the models say of a person's own digit, and whether to believe it.

A `Recognizer` is all that answering takes, as arrays; it needs neither torch nor Dagster, so that a command can
answer at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from mnist_pipeline import inference, models, pca
from mnist_pipeline.data.datasets import IMAGE_SIDE, NUM_CLASSES
from mnist_pipeline.knn import KNNClassifier, vote
from mnist_pipeline.recognition import pictures as images
from mnist_pipeline.recognition.novelty import POINT, Novelty, looks_like_digit_in_picture, percentile
from mnist_pipeline.softmax import predict_probabilities, softmax
from mnist_pipeline.utils.bisection import crossing
from mnist_pipeline.utils.blocks import slices

MODELS = tuple(models.MODELS)
SHAPE = (IMAGE_SIDE, IMAGE_SIDE)
REFERENCE_ROWS = 512  # images reconstructed at a time
NUM_COMPONENTS = 50  # of the reconstruction
NUM_NEIGHBORS_SHOWN = 3
SMOOTHINGS = (1e-4, 10.0)  # between which that of the vote is sought
NUM_HELD_OUT = 2_000  # training images whose neighbours among the others calibrate the vote


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


class Recognizer(NamedTuple):
    """The models in service, and what their answers are held against.

    Attributes
    ----------
    champion : ndarray of shape (), int64
        The place in `MODELS` of the one whose answer counts.
    knn : dict from name to ndarray
        As `KNNClassifier.to_arrays` gives them.
    num_neighbors : ndarray of shape (), int64
        How many of them vote.
    smoothing : ndarray of shape (), float64
        Added to the votes of each class, see `vote_probabilities`.
    softmax : dict from "weights", "bias" to ndarray
        Of softmax regression, which needs no temperature: it maximises the likelihood itself, without smoothing.
    mlp, cnn : dict from parameter name to ndarray
    temperatures : dict from "mlp", "cnn" to ndarray of shape ()
        What the logits are divided by.
    mean : ndarray of shape (784,), float64
    components : ndarray of shape (784, 50), float32
        The leading eigenvectors of the covariance, as columns.
    errors : ndarray of shape (n_test,), float64
        Of the reconstruction of each test digit, ascending, root mean square in grey levels.
    novelty : dict from name to ndarray
        The fields of a `novelty.Novelty`.
    """

    champion: np.ndarray
    knn: dict[str, np.ndarray]
    num_neighbors: np.ndarray
    smoothing: np.ndarray
    softmax: dict[str, np.ndarray]
    mlp: dict[str, np.ndarray]
    cnn: dict[str, np.ndarray]
    temperatures: dict[str, np.ndarray]
    mean: np.ndarray
    components: np.ndarray
    errors: np.ndarray
    novelty: dict[str, np.ndarray]

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
        distances, indices, voted = self._neighbors(digits)
        near_labels = self.knn["labels"][indices]
        probabilities = {
            "knn": vote_probabilities(near_labels[:, : int(self.num_neighbors)], float(self.smoothing)),
            "softmax": predict_probabilities(self.softmax["weights"], self.softmax["bias"], digits),
            "mlp": self._calibrated("mlp", inference.mlp_logits(self.mlp, digits)),
            "cnn": self._calibrated("cnn", inference.cnn_logits(self.cnn, digits)),
        }
        answers = {model: given.argmax(axis=1) for model, given in probabilities.items()} | {"knn": voted}
        reconstructions = self.reconstruct(digits)
        unusual = percentile(reconstruction_errors(digits, reconstructions), self.errors)
        novelty = Novelty(**self.novelty).percentile(digits)
        champion = MODELS[int(self.champion)]
        return [
            Recognition(
                digit=int(answers[champion][i]),
                probability=float(probabilities[champion][i, answers[champion][i]]),
                champion=champion,
                digits={model: int(answer[i]) for model, answer in answers.items()},
                probabilities={model: given[i] for model, given in probabilities.items()},
                neighbors=[
                    Neighbor(int(index), int(label), float(np.sqrt(distance)))
                    for index, label, distance in zip(
                        indices[i, :NUM_NEIGHBORS_SHOWN], near_labels[i], distances[i], strict=False
                    )
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
        return np.asarray(self.knn["images"][index].reshape(SHAPE))

    def _neighbors(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Squared distances and indices of the nearest training digits, and the label that they vote for."""
        voting = int(self.num_neighbors)
        kept = min(max(voting, NUM_NEIGHBORS_SHOWN), len(self.knn["labels"]))
        distances, indices = KNNClassifier.from_arrays(self.knn, kept).kneighbors(images)
        return distances, indices, vote(self.knn["labels"][indices[:, :voting]])

    def _calibrated(self, model: str, logits: np.ndarray) -> np.ndarray:
        return softmax(logits.astype(np.float64) / float(self.temperatures[model]))


def assemble(
    champion: str,
    *,
    knn: dict[str, np.ndarray],
    num_neighbors: int,
    softmax: dict[str, np.ndarray],
    mlp: dict[str, np.ndarray],
    cnn: dict[str, np.ndarray],
    temperatures: dict[str, np.ndarray],
    mean: np.ndarray,
    eigenvectors: np.ndarray,
    reference: np.ndarray,
    seed: int = 0,
) -> Recognizer:
    """A recognizer from what the models are, its vote calibrated.

    Parameters
    ----------
    champion : str
        Which of `MODELS` it is.
    knn, num_neighbors, softmax, mlp, cnn, temperatures, mean
        As `Recognizer` holds them.
    eigenvectors : ndarray of shape (784, n), float64
        Of the covariance, as columns, the largest eigenvalue's first.
    reference : ndarray of shape (n_test, 28, 28), uint8
        The digits that others are held against.
    seed : int, default=0
        Of the sample that calibrates the vote.
    """
    training = knn["images"].reshape(-1, *SHAPE)
    recognizer = Recognizer(
        champion=np.array(MODELS.index(champion)),
        knn=knn,
        num_neighbors=np.array(num_neighbors),
        smoothing=np.array(fit_smoothing(*held_out_neighbors(knn, num_neighbors, seed))),
        softmax=softmax,
        mlp=mlp,
        cnn=cnn,
        temperatures=temperatures,
        mean=mean,
        components=eigenvectors[:, :NUM_COMPONENTS].astype(np.float32),
        errors=np.empty(0),
        novelty=Novelty.fit(training, knn["labels"], reference)._asdict(),
    )
    blocks = [reference[rows] for rows in slices(len(reference), REFERENCE_ROWS)]
    errors = [reconstruction_errors(block, recognizer.reconstruct(block)) for block in blocks]
    return recognizer._replace(errors=np.sort(np.concatenate(errors)))


def vote_probabilities(neighbor_labels: np.ndarray, smoothing: float) -> np.ndarray:
    """Class probabilities of a vote, (v_c + s) ÷ (k + C s) for v_c of k votes and C classes.

    Lidstone's smoothing: the share of votes alone would call certain what k votes can't show to be.

    Parameters
    ----------
    neighbor_labels : ndarray of shape (n, k)
    smoothing : float
        s, at least 0.

    Returns
    -------
    ndarray of shape (n, n_classes), float64
    """
    votes = (neighbor_labels[:, :, np.newaxis] == np.arange(NUM_CLASSES)).sum(axis=1)
    return np.asarray((votes + smoothing) / (neighbor_labels.shape[1] + NUM_CLASSES * smoothing))


def fit_smoothing(neighbor_labels: np.ndarray, labels: np.ndarray) -> float:
    """The smoothing of a vote that makes the labels most probable.

    Parameters
    ----------
    neighbor_labels : ndarray of shape (n, k)
        Of samples that are not their own neighbours.
    labels : ndarray of shape (n,)
        Their true labels.
    """
    num_votes = neighbor_labels.shape[1]
    right = (neighbor_labels == labels[:, np.newaxis]).sum(axis=1)

    def slope(smoothing: float) -> float:
        # d/ds of the mean of log (v_y + s) − log (k + C s)
        return float(np.mean(1 / (right + smoothing)) - NUM_CLASSES / (num_votes + NUM_CLASSES * smoothing))

    return crossing(slope, *SMOOTHINGS)


def held_out_neighbors(knn: dict[str, np.ndarray], num_neighbors: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the neighbours of some training digits among all the others, and their own labels.

    Parameters
    ----------
    knn : dict from name to ndarray
        As `KNNClassifier.to_arrays` gives them.
    num_neighbors : int
    seed : int, default=0
        Of the sample.

    Returns
    -------
    neighbor_labels : ndarray of shape (n, num_neighbors), fewer where there are fewer digits
    labels : ndarray of shape (n,)
    """
    labels = knn["labels"]
    sample = np.random.default_rng(seed).choice(len(labels), min(NUM_HELD_OUT, len(labels)), replace=False)
    voting = min(num_neighbors, len(labels) - 1)
    _, indices = KNNClassifier.from_arrays(knn, voting + 1).kneighbors(knn["images"][sample])
    own = indices == sample[:, np.newaxis]
    own[~own.any(axis=1), -1] = True  # it has as many copies before it
    return labels[indices[~own].reshape(len(sample), voting)], labels[sample]


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
