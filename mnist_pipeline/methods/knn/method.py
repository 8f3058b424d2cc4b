"""k-nearest neighbours as a model of the table, and the probabilities of a vote."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mnist_pipeline.data.values import Answer, DigitSet, ImageKind, Nearest
from mnist_pipeline.methods.knn.classifier import (
    SMALL,
    TIE_BREAKS,
    KNNClassifier,
    search_all,
    vote,
)
from mnist_pipeline.methods.knn.index import PrincipalComponentIndex
from mnist_pipeline.utils.bisection import crossing
from mnist_pipeline.utils.stored_types import stored_type

NUM_NEAREST = 10  # nearest training images that an answer has, if there are as many
NUM_NEIGHBORS_SHOWN = 3  # of an answer, to people
SMOOTHINGS = (1e-4, 10.0)  # range in which the smoothing of the vote is searched
LARGE = 20_000  # training images, of which a second index would take seconds
NUM_HELD_OUT = 2_000  # training images whose neighbours among the others calibrate the vote


@stored_type
class FittedKNN(NamedTuple):
    """The training images, how many of the nearest vote, and how their votes are counted."""

    images: np.ndarray  # uint8 (n_samples, n_features)
    labels: np.ndarray  # uint8 (n_samples,)
    search_index: PrincipalComponentIndex | None  # of few images, there is none
    num_neighbors: int  # that vote
    smoothing: float  # of the vote, see `vote_probabilities`

    @property
    def num_classes(self) -> int:
        """Number of classes, if each has an image."""
        return int(self.labels.max()) + 1

    def classifier(self, num_neighbors: int) -> KNNClassifier:
        """The classifier that finds so many neighbours; the arrays are not copied."""
        index = self.search_index._asdict() if self.search_index else {}
        arrays = {"images": self.images, "labels": self.labels, **index}
        return KNNClassifier.from_arrays(arrays, num_neighbors)


def fit(
    digits: DigitSet,
    settings: Mapping[str, Any],
    *,
    seed: int,
    kind: ImageKind,
    repeats: float = 1.0,
    on_epoch: object = None,
    mean: np.ndarray | None = None,
    eigenvectors: np.ndarray | None = None,
) -> FittedKNN:
    """The index of all images, and the smoothing that calibrates their votes.

    The held-out images are among them: `held_out_answer` leaves out an image's own neighbours. If
    there are fewer images than neighbours, all images vote. `mean` (784,) and `eigenvectors`
    (784, n) of the images save their computation.
    """
    images, labels = digits
    num_neighbors = min(settings["num_neighbors"], len(labels))
    # The index is stored, so that no later search builds it again.
    algorithm = "pca" if images.size >= SMALL else "auto"
    classifier = KNNClassifier(num_neighbors, algorithm).fit(images, labels, mean, eigenvectors)
    arrays = classifier.to_arrays()
    rows, labels = arrays.pop("images"), arrays.pop("labels")
    index = PrincipalComponentIndex(**arrays) if arrays else None
    fitted = FittedKNN(rows, labels, index, num_neighbors, 0.0)
    size = min(NUM_HELD_OUT, len(labels))
    sample = np.random.default_rng(seed).choice(len(labels), size, replace=False)
    neighbor_labels = _labels_of_others(fitted, images[sample], sample)
    smoothing = fit_smoothing(neighbor_labels, labels[sample], fitted.num_classes)
    return fitted._replace(smoothing=smoothing)


def answer(fitted: FittedKNN, images: np.ndarray) -> Answer:
    """The vote of the nearest training images, its calibrated probabilities, and those images."""
    voting = fitted.num_neighbors
    num_kept = min(max(voting, NUM_NEAREST), len(fitted.labels))
    squared_distances, indices = fitted.classifier(num_kept).kneighbors(images)
    labels = fitted.labels[indices]
    probabilities = vote_probabilities(labels[:, :voting], fitted.smoothing, fitted.num_classes)
    nearest = Nearest(indices, labels, squared_distances)
    return Answer(vote(labels[:, :voting]), probabilities, nearest)


def votes_for(fitted: FittedKNN, answer: Answer) -> tuple[np.ndarray, int]:
    """The number of votes for each of its answers, integers (n_images,), and of all votes."""
    assert answer.nearest is not None
    voting = answer.nearest.labels[:, : fitted.num_neighbors]
    return (voting == answer.labels[:, np.newaxis]).sum(axis=1), voting.shape[1]


def accuracy_by_k(neighbor_labels: np.ndarray, test_labels: np.ndarray) -> dict[str, list[float]]:
    """Accuracy of the vote of the k nearest, for each k up to the neighbours kept.

    `neighbor_labels` (n_test, n_kept) has the labels of the nearest training images. The result has
    columns of equal length: `k`, and the accuracy under each of `TIE_BREAKS`.
    """
    ks = range(1, neighbor_labels.shape[1] + 1)
    accuracies = {
        rule: [float(np.mean(vote(neighbor_labels[:, :k], rule) == test_labels)) for k in ks]
        for rule in TIE_BREAKS
    }
    return {"k": list(ks), **accuracies}


def agreement_with_brute_force(
    indices: np.ndarray, fitted: FittedKNN, queries: np.ndarray, size: int
) -> float:
    """Share of a random sample of queries for which brute force finds the same neighbours.

    `indices` (n_queries, n_kept) are the training images that the index found.
    """
    sample = np.random.default_rng(0).choice(len(queries), min(size, len(queries)), replace=False)
    sampled = queries[sample].reshape(len(sample), -1)
    _, expected = search_all(fitted.images, sampled, indices.shape[1])
    return float(np.mean((expected == indices[sample]).all(axis=1)))


def vote_probabilities(
    neighbor_labels: np.ndarray, smoothing: float, num_classes: int
) -> np.ndarray:
    """Class probabilities of a vote, (v_c + s) ÷ (k + C s) for v_c of k votes and C classes,
    float64 (n, n_classes).

    Lidstone's smoothing, with s = `smoothing` ≥ 0: the share of votes alone would be certain where
    k votes cannot show it.
    """
    votes = (neighbor_labels[:, :, np.newaxis] == np.arange(num_classes)).sum(axis=1)
    return (votes + smoothing) / (neighbor_labels.shape[1] + num_classes * smoothing)


def fit_smoothing(neighbor_labels: np.ndarray, labels: np.ndarray, num_classes: int) -> float:
    """The smoothing that maximises the likelihood of labels (n,) under the votes of their
    neighbours (n, k).

    No sample may be its own neighbour.
    """
    num_votes = neighbor_labels.shape[1]
    right = (neighbor_labels == labels[:, np.newaxis]).sum(axis=1)

    def slope(smoothing: float) -> float:
        # d/ds of the mean of log (v_y + s) − log (k + C s)
        return float(
            np.mean(1 / (right + smoothing)) - num_classes / (num_votes + num_classes * smoothing)
        )

    return crossing(slope, *SMOOTHINGS)


def held_out_answer(fitted: FittedKNN, images: np.ndarray, held_out: np.ndarray) -> Answer:
    """The answer to each of these images, without the training images that they were made from.

    In a large set, it is without the image's own training image only.
    """
    if len(fitted.labels) > LARGE:
        neighbor_labels = _labels_of_others(fitted, images, held_out)
    else:
        others = np.delete(fitted.labels, held_out)
        classifier = KNNClassifier(min(fitted.num_neighbors, len(others)))
        classifier.fit(np.delete(fitted.images, held_out, axis=0), others)
        neighbor_labels = others[classifier.kneighbors(images)[1]]
    probabilities = vote_probabilities(neighbor_labels, fitted.smoothing, fitted.num_classes)
    return Answer(vote(neighbor_labels), probabilities)


def _labels_of_others(fitted: FittedKNN, images: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Labels of the nearest training images of images made from a sample of them, without the
    sample's own.
    """
    voting = min(fitted.num_neighbors, len(fitted.labels) - 1)
    _, indices = fitted.classifier(voting + 1).kneighbors(images)
    own = indices == sample[:, np.newaxis]
    own[~own.any(axis=1), -1] = True  # copies of the image are all nearer
    return fitted.labels[indices[~own].reshape(len(sample), voting)]
