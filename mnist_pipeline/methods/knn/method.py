"""k-nearest neighbours as a model of the table, and the probabilities of a vote."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mnist_pipeline.data.values import Answer, Nearest
from mnist_pipeline.methods.knn.classifier import (
    SMALL,
    TIE_BREAKS,
    KNNClassifier,
    search_all,
    vote,
)
from mnist_pipeline.utils.bisection import crossing

NUM_NEAREST = 10  # nearest training images that an answer has, if there are as many
NUM_NEIGHBORS_SHOWN = 3  # of an answer, to people
SMOOTHINGS = (1e-4, 10.0)  # range in which the smoothing of the vote is searched
LARGE = 20_000  # training images, of which a second index would take seconds
NUM_HELD_OUT = 2_000  # training images whose neighbours among the others calibrate the vote


def fit(
    images: np.ndarray,
    labels: np.ndarray,
    settings: Mapping[str, Any],
    *,
    seed: int,
    repeats: float = 1.0,
    handwritten: bool | None = None,
    mean: np.ndarray | None = None,
    eigenvectors: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """The index of the training images, `num_neighbors`, and the `smoothing` of the vote.

    If there are fewer images than neighbours, all images vote. `mean` (784,) and `eigenvectors`
    (784, n) of the images save their computation.
    """
    num_neighbors = min(settings["num_neighbors"], len(labels))
    # The index is stored, so that no later search builds it again.
    algorithm = "pca" if images.size >= SMALL else "auto"
    classifier = KNNClassifier(num_neighbors, algorithm).fit(images, labels, mean, eigenvectors)
    index = classifier.to_arrays()
    size = min(NUM_HELD_OUT, len(labels))
    sample = np.random.default_rng(seed).choice(len(labels), size, replace=False)
    neighbor_labels = _labels_of_others(index, num_neighbors, images[sample], sample)
    smoothing = fit_smoothing(neighbor_labels, labels[sample], _num_classes(index))
    return {
        **index,
        "num_neighbors": np.array(num_neighbors),
        "smoothing": np.array(smoothing),
    }


def answer(fitted: Mapping[str, np.ndarray], images: np.ndarray) -> Answer:
    """The vote of the nearest training images, its calibrated probabilities, and those images."""
    voting = int(fitted["num_neighbors"])
    num_kept = min(max(voting, NUM_NEAREST), len(fitted["labels"]))
    squared_distances, indices = KNNClassifier.from_arrays(fitted, num_kept).kneighbors(images)
    labels = fitted["labels"][indices]
    probabilities = vote_probabilities(
        labels[:, :voting], float(fitted["smoothing"]), _num_classes(fitted)
    )
    nearest = Nearest(indices, labels, squared_distances)
    return Answer(vote(labels[:, :voting]), probabilities, nearest)


def _num_classes(index: Mapping[str, np.ndarray]) -> int:
    return int(index["labels"].max()) + 1


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
    indices: np.ndarray, fitted: Mapping[str, np.ndarray], queries: np.ndarray, size: int
) -> float:
    """Share of a random sample of queries for which brute force finds the same neighbours.

    `indices` (n_queries, n_kept) are the training images that the index found.
    """
    sample = np.random.default_rng(0).choice(len(queries), min(size, len(queries)), replace=False)
    sampled = queries[sample].reshape(len(sample), -1)
    _, expected = search_all(fitted["images"], sampled, indices.shape[1])
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


def held_out_answer(
    fitted: Mapping[str, np.ndarray], images: np.ndarray, held_out: np.ndarray
) -> Answer:
    """The answer to each of these images, without the training images that they were made from.

    In a large set, it is without the image's own training image only.
    """
    num_neighbors, labels = int(fitted["num_neighbors"]), fitted["labels"]
    if len(labels) > LARGE:
        neighbor_labels = _labels_of_others(fitted, num_neighbors, images, held_out)
    else:
        others = np.delete(labels, held_out)
        classifier = KNNClassifier(min(num_neighbors, len(others)))
        classifier.fit(np.delete(fitted["images"], held_out, axis=0), others)
        neighbor_labels = others[classifier.kneighbors(images)[1]]
    probabilities = vote_probabilities(
        neighbor_labels, float(fitted["smoothing"]), _num_classes(fitted)
    )
    return Answer(vote(neighbor_labels), probabilities)


def _labels_of_others(
    index: Mapping[str, np.ndarray], num_neighbors: int, images: np.ndarray, sample: np.ndarray
) -> np.ndarray:
    """Labels of the nearest training images of images made from a sample of them, without the
    sample's own.
    """
    labels = index["labels"]
    voting = min(num_neighbors, len(labels) - 1)
    _, indices = KNNClassifier.from_arrays(index, voting + 1).kneighbors(images)
    own = indices == sample[:, np.newaxis]
    own[~own.any(axis=1), -1] = True  # copies of the image fill all places before it
    return labels[indices[~own].reshape(len(sample), voting)]
