"""k-nearest neighbours: the index of the training images, and the neighbours of the test images."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from mnist_pipeline import knn
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.records import Neighbors
from mnist_pipeline.evaluation import scores
from mnist_pipeline.knn import model
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.checks import checks, exactly
from mnist_pipeline.runtime.graph.resources import DataSetResource, Seed
from mnist_pipeline.runtime.graph.results import ROW_COUNT, result, stopwatch

GROUP = "knn"
NUM_CHECKED = 100
CHECKS = {
    "knn_index": {
        "labels_kept": "Neighbours are indices into these labels. Share equal to the training "
        "labels."
    },
    "knn_predictions": {
        "equals_brute_force": "The search skips images by a bound, and the bound must be right. "
        "Share of a random "
        "sample of queries with the neighbours that a search without the bound finds.",
    },
}
NUM_KEPT = 10
NUM_ERRORS_SHOWN = 8
NUM_NEIGHBORS_SHOWN = 3
TieBreak = Enum("TieBreak", {"NEAREST": "nearest", "SMALLEST": "smallest"})


class KNNConfig(dg.Config):
    """How many neighbours vote, and how."""

    num_neighbors: int = Field(
        3, ge=1, le=1_000, description="k: how many of the nearest images vote."
    )
    tie_break: TieBreak = Field(
        TieBreak.NEAREST,
        description="Whether a tied vote goes to the class of the nearest neighbour or to the "
        "smallest label.",
    )


@dg.asset(group_name=GROUP, kinds={"numba"}, check_specs=checks("knn_index", CHECKS))
def knn_index(
    train_digits: DigitSet, data_mean: np.ndarray, eigendecomposition: Eigendecomposition
):
    """The training images, with their leading principal components in search order."""
    with stopwatch():
        classifier = knn.KNNClassifier(num_neighbors=1, algorithm="pca")
        classifier.fit(
            train_digits.images, train_digits.labels, data_mean, eigendecomposition.eigenvectors
        )
        arrays = classifier.to_arrays()
    size = sum(array.nbytes for array in arrays.values())
    return result(
        arrays,
        f"{len(train_digits.labels):,} images, {size / 1e6:.0f} MB",
        numbers={ROW_COUNT: len(train_digits.labels)},
        checks={"labels_kept": exactly(scores.accuracy(train_digits.labels, arrays["labels"]), 1)},
    )


@dg.asset(group_name=GROUP, kinds={"numba"}, check_specs=checks("knn_predictions", CHECKS))
def knn_predictions(
    knn_index: dict[str, np.ndarray],
    test_digits: DigitSet,
    train_digits: DigitSet,
    data_set: DataSetResource,
    config: KNNConfig,
    seed: Seed,
):
    """The nearest training images of each test image by exact distance, and the label they vote
    for.
    """
    kept = max(min(NUM_KEPT, len(train_digits.labels)), config.num_neighbors)
    with stopwatch() as watch:
        classifier = knn.KNNClassifier.from_arrays(knn_index, kept)
        distances, indices = classifier.kneighbors(test_digits.images)
        labels = knn.vote(
            train_digits.labels[indices[:, : config.num_neighbors]], config.tie_break.value
        )
    found = Neighbors(labels.astype(np.uint8), np.array(config.num_neighbors), indices, distances)
    agreement = model.agreement_with_brute_force(
        found, *train_digits, test_digits.images, NUM_CHECKED, seed.value
    )
    accuracies = model.accuracy_by_k(found, train_digits.labels, test_digits.labels)
    return result(
        found,
        f"k = {config.num_neighbors}: {len(labels) / watch.seconds:,.0f} images per second",
        numbers={ROW_COUNT: len(labels)},
        tables={"accuracy_by_k": pd.DataFrame(accuracies)},
        figures={
            "votes": figures.votes(accuracies),
            **_errors(found, train_digits, test_digits, data_set.class_names),
        },
        config=config,
        seed=seed,
        checks={"equals_brute_force": exactly(agreement, 1)},
    )


def _errors(
    found: Neighbors, train: DigitSet, test: DigitSet, names: Sequence[str]
) -> dict[str, Any]:
    """A figure of misread test images, each with its nearest training images; none if no image is
    misread.
    """
    wrong = np.flatnonzero(found.labels != test.labels)[:NUM_ERRORS_SHOWN]
    if len(wrong) == 0:
        return {}
    near = found.indices[wrong, :NUM_NEIGHBORS_SHOWN]
    captions = [figures.misread(names, int(test.labels[i]), int(found.labels[i])) for i in wrong]
    near_captions = [[names[label] for label in row] for row in train.labels[near]]
    return {
        "errors": figures.neighbor_errors(
            test.images[wrong], captions, train.images[near], near_captions
        )
    }
