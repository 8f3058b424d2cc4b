"""k-nearest neighbours: the index of the training images, and how their neighbours vote."""

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline.data import duplicates
from mnist_pipeline.data.values import DigitSet, Predictions
from mnist_pipeline.methods.knn import method
from mnist_pipeline.methods.pca import Eigendecomposition
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.checks import checks, exactly, warning
from mnist_pipeline.runtime.graph.configs import config_of, settings_of
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import ROW_COUNT, STORAGE, result, stopwatch

GROUP = "knn"
CHECKS = {
    "knn_votes": {
        "equals_brute_force": "The search skips images by a bound, and the bound must be right. "
        "Share of a random sample of queries with the neighbours that a search without the bound "
        "finds.",
        "not_in_training": "Accuracy on images from the training set would be too optimistic. Test "
        "images that equal a training image, and of the first "
        f"{duplicates.NUM_COMPARED}, those that nearly do.",
    },
}
NUM_CHECKED = 100
KNNConfig = config_of(MODELS["knn"])


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numba"})
def knn_model(
    train_digits: DigitSet,
    data_mean: np.ndarray,
    eigendecomposition: Eigendecomposition,
    config: KNNConfig,  # type: ignore[valid-type]  # made from the entry
    mnist_seed: Seed,
):
    """The training images with their leading principal components, k, and the vote's smoothing.

    The components are in search order. The smoothing calibrates the probabilities of a vote.
    """
    images, labels = train_digits
    is_grey = images.ndim == 3  # as the components are
    with stopwatch():
        fitted = method.fit(
            images,
            labels,
            settings_of(config),
            seed=mnist_seed.number,
            mean=data_mean if is_grey else None,
            eigenvectors=eigendecomposition.eigenvectors if is_grey else None,
        )
    size = sum(array.nbytes for array in fitted.values())
    return result(
        fitted,
        f"k = {fitted['num_neighbors']}, {len(labels):,} images, {size / 1e6:.0f} MB",
        numbers={ROW_COUNT: len(labels), "smoothing": float(fitted["smoothing"])},
        config=config,
        seed=mnist_seed,
    )


@dg.asset(
    io_manager_key=STORAGE,
    group_name=GROUP,
    kinds={"pandas"},
    check_specs=checks("knn_votes", CHECKS),
)
def knn_votes(
    knn_model: dict[str, np.ndarray],
    knn_predictions: Predictions,
    train_digits: DigitSet,
    test_digits: DigitSet,
):
    """The accuracy of the vote for each k, under both rules for a tie, from one search."""
    nearest = knn_predictions.nearest
    with stopwatch():
        accuracies = method.accuracy_by_k(nearest["labels"], test_digits.labels)
        agreement = method.agreement_with_brute_force(
            nearest["indices"], knn_model, test_digits.images, NUM_CHECKED
        )
        in_training = nearest["squared_distances"][:, 0] == 0
        closest = train_digits.images[nearest["indices"][: duplicates.NUM_COMPARED, 0]]
        are_near = map(duplicates.is_near, test_digits.images, closest)
        in_training[: len(closest)] |= [*are_near]
    table, best = pd.DataFrame(accuracies), int(np.argmax(accuracies["nearest"]))
    return result(
        table,
        f"best for k = {best + 1}: {accuracies['nearest'][best]:.2%}",
        tables={"accuracy_by_k": table},
        figures={"votes": figures.votes(accuracies)},
        checks={
            "equals_brute_force": exactly(agreement, 1),
            "not_in_training": warning(
                exactly(
                    np.count_nonzero(in_training),
                    0,
                    "mnist-pipeline inspect names some; put all photos of an object into train, or "
                    "all into test",
                )
            ),
        },
    )
