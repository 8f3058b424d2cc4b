"""k-nearest neighbours: the index of the training images, and how their neighbours vote."""

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline.data.values import DigitSet, ImageKind, Predictions
from mnist_pipeline.methods.knn import method
from mnist_pipeline.methods.pca import Eigendecomposition
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.configs import config_of, settings_of
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import ROW_COUNT, STORAGE, result, stopwatch

GROUP = "knn"
KNNConfig = config_of(MODELS["knn"])


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numba"})
def knn_model(
    train_digits: DigitSet,
    image_kind: ImageKind,
    data_mean: np.ndarray,
    eigendecomposition: Eigendecomposition,
    config: KNNConfig,  # type: ignore[valid-type]  # made from the entry
    mnist_seed: Seed,
):
    """The training images with their leading principal components, k, and the vote's smoothing.

    The components are stored in the order of the search. The smoothing calibrates the probabilities
    of a vote.
    """
    is_grey = train_digits.images.ndim == 3  # the components are of grey images
    with stopwatch():
        fitted = method.fit(
            train_digits,
            settings_of(config),
            seed=mnist_seed.number,
            kind=image_kind,
            mean=data_mean if is_grey else None,
            eigenvectors=eigendecomposition.eigenvectors if is_grey else None,
        )
    index = fitted.search_index
    num_bytes = fitted.images.nbytes + sum(array.nbytes for array in index or ())
    return result(
        fitted,
        f"k = {fitted.num_neighbors}, {len(fitted.labels):,} images, {num_bytes / 1e6:.0f} MB",
        numbers={ROW_COUNT: len(fitted.labels), "smoothing": fitted.smoothing},
        config=config,
        seed=mnist_seed,
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"pandas"})
def knn_votes(knn_predictions: Predictions, test_digits: DigitSet):
    """The accuracy of the vote for each k, under both rules for a tie, from one search."""
    with stopwatch():
        assert knn_predictions.nearest is not None
        neighbor_labels = knn_predictions.nearest.labels
        accuracies = method.accuracy_by_k(neighbor_labels, test_digits.labels)
    table, best = pd.DataFrame(accuracies), int(np.argmax(accuracies["nearest"]))
    return result(
        table,
        f"best for k = {best + 1}: {accuracies['nearest'][best]:.2%}",
        tables={"accuracy_by_k": table},
        figures={"votes": figures.votes(accuracies)},
    )
