"""The training set expanded by deformed copies, one partition per fold, so that only one fold is in memory at a time.

An asset with partitions is computed fold by fold, by any number of workers. An asset without partitions reads all
folds, one after another.
"""

import dataclasses

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from mnist_pipeline import evaluation, moments, pca
from mnist_pipeline.data import expansion
from mnist_pipeline.data.datasets import IMAGE_SIDE, DigitSet
from mnist_pipeline.knn import shards as neighbor_shards
from mnist_pipeline.knn.shards import ShardNeighbors
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.records import Neighbors, Network
from mnist_pipeline.report import figures
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph.checks import at_least, at_most, checks, exactly
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import ROW_COUNT, result, stopwatch
from mnist_pipeline.runtime.graph.shards import MADE_FROM, Shards

from .knn import TieBreak
from .networks import TRAINED, TrainingConfig, report_epoch, resolve_recipe, trained
from .pca import CHECKS as PCA_CHECKS
from .pca import decomposition_checks, decomposition_figures, positive_semidefinite

GROUP = "expanded"
CHECKS = {
    "expanded_digits": {
        "labels_kept": "A deformed image keeps the class of its original. Share of labels that are equal.",
        "changed": "Fold 0 is the training set itself; every other fold is new. Share of images that changed.",
    },
    "expanded_moments": {
        "ink": "The sums over all pixels must equal the sum over all images. Difference.",
        "symmetric": "A product does not depend on the order of its factors. Number of entries that differ.",
    },
    "expanded_mean": {"counted": "Every image of every fold must enter exactly once. Difference in images."},
    "expanded_covariance": {
        "symmetric": "The covariance is computed from integers, so it is symmetric to the bit. Largest difference.",
        "positive_semidefinite": PCA_CHECKS["covariance"]["positive_semidefinite"],
    },
    "expanded_eigendecomposition": PCA_CHECKS["eigendecomposition"],
    "expanded_neighbors": {
        "equals_brute_force": "The search skips images by a bound, and the bound must be right. Share of a sample of "
        "queries with the neighbours that a search without the bound finds.",
    },
    "expanded_knn": {
        "ordered": "The nearest neighbour comes first, and no image appears twice. Number of rows out of order.",
        "no_farther": "More training images can only bring neighbours nearer. Largest increase of a distance over "
        "the first fold alone.",
    },
    "expanded_cnn": {name: TRAINED[name] for name in ("finite_weights", "loss_falls")},
    "expanded_evaluation": {
        "better_than_guessing": "A model that learned from deformed digits must read the original digits too. "
        "Lowest accuracy.",
    },
}
NUM_KEPT = 10
NUM_SEARCHED = 20  # queries whose neighbours are searched again without a bound
LEAST_CHANGED = 0.99  # a deformation can leave an image as it is


def fold_names(count: int) -> list[str]:
    """The names of a number of folds."""
    return [f"fold-{number:04d}" for number in range(count)]


def number_of(fold: str) -> int:
    """The number in the name of a fold."""
    return int(fold.rpartition("-")[2])


FOLDS = dg.StaticPartitionsDefinition(fold_names(settings.of_definitions().folds))


class ExpandedDigitsConfig(dg.Config):
    """The seed of the deformations. It is not the seed of the run, so that all folds share it."""

    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the deformations.")


class ExpandedNeighborsConfig(dg.Config):
    """How many test images are searched for."""

    num_queries: int = Field(1_000, ge=1, le=10_000, description="Number of test images, from the first on.")


class ExpandedKNNConfig(dg.Config):
    """How the neighbours vote."""

    num_neighbors: int = Field(3, ge=1, le=NUM_KEPT, description="k: how many of the nearest images vote.")
    tie_break: TieBreak = Field(TieBreak.NEAREST, description="Which class wins a tied vote.")


class ExpandedCNNConfig(TrainingConfig):
    """How the convolutional network is trained. The images are deformed already, and none is held out."""

    epochs: int | None = Field(1, ge=1, le=1_000, description="Passes over the whole set; default: as the recipe.")


@dg.asset(
    group_name=GROUP,
    kinds={"numba"},
    partitions_def=FOLDS,
    check_specs=checks("expanded_digits", CHECKS, "labels_kept", "changed"),
)
def expanded_digits(context: dg.AssetExecutionContext, train_digits: DigitSet, config: ExpandedDigitsConfig):
    """A fold of the expanded set. Fold 0 is the training images as they are; every other fold deforms each anew."""
    number = number_of(context.partition_key)
    with stopwatch():
        digits = expansion.fold(train_digits, number, config.seed)
    changed = expansion.changed_share(train_digits, digits)
    return result(
        digits,
        f"{len(digits.labels):,} images",
        numbers={ROW_COUNT: len(digits.labels), "changed": changed},
        config=config,
        checks={
            "labels_kept": exactly(evaluation.accuracy(train_digits.labels, digits.labels), 1),
            "changed": at_most(changed, 0) if number == 0 else at_least(changed, LEAST_CHANGED),
        },
    )


@dg.asset(
    group_name=GROUP,
    kinds={"numpy"},
    partitions_def=FOLDS,
    check_specs=checks("expanded_moments", CHECKS, "ink", "symmetric"),
)
def expanded_moments(expanded_digits: DigitSet):
    """Count, sums, and sums of products of the pixels of a fold: exact integers, which add up over the folds."""
    with stopwatch():
        found = moments.moments(expanded_digits.images)
    ink = int(expanded_digits.images.sum(dtype=np.int64))
    return result(
        found,
        f"{int(found.num_images):,} images",
        numbers={"images": int(found.num_images)},
        checks={
            "ink": exactly(int(found.sums.sum()) - ink, 0),
            "symmetric": exactly(np.count_nonzero(found.products != found.products.T), 0),
        },
    )


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("expanded_mean", CHECKS))
def expanded_mean(expanded_moments: Shards, train_digits: DigitSet):
    """Mean of each pixel over the whole expanded set, float64 (784,), correctly rounded."""
    with stopwatch():
        whole = moments.total(expanded_moments)
        mean = moments.mean(whole)
    return result(
        mean,
        f"{int(whole.num_images):,} images, grey level {mean.mean():.2f} on average",
        numbers={"images": int(whole.num_images), MADE_FROM: expanded_moments.digest},
        figures={"mean": figures.mean_image(mean, IMAGE_SIDE)},
        checks={"counted": exactly(int(whole.num_images) - len(expanded_moments) * len(train_digits.labels), 0)},
    )


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("expanded_covariance", CHECKS))
def expanded_covariance(expanded_moments: Shards):
    """Sample covariance of the pixels over the whole expanded set, float64 (784, 784), correctly rounded."""
    with stopwatch():
        matrix = moments.covariance(moments.total(expanded_moments))
    return result(
        matrix,
        f"trace {np.trace(matrix):,.0f}",
        numbers={"trace": float(np.trace(matrix)), MADE_FROM: expanded_moments.digest},
        figures={"covariance": figures.matrix(matrix, "Covariance of the pixels", "covariance (grey levels squared)")},
        checks={
            "symmetric": exactly(np.abs(matrix - matrix.T).max(), 0),
            "positive_semidefinite": positive_semidefinite(matrix),
        },
    )


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("expanded_eigendecomposition", CHECKS))
def expanded_eigendecomposition(expanded_covariance: np.ndarray):
    """Eigenvalues, descending, and eigenvectors, as columns, of the covariance of the whole expanded set."""
    with stopwatch():
        decomposition = pca.eigendecomposition(expanded_covariance)
    values = decomposition.eigenvalues
    return result(
        decomposition,
        f"{pca.components_for_share(values, 0.9)} of {len(values)} components explain 90% of the variance",
        numbers={"largest_eigenvalue": float(values[0])},
        figures=decomposition_figures(decomposition),
        checks=decomposition_checks(decomposition, expanded_covariance),
    )


@dg.asset(
    group_name=GROUP,
    kinds={"numba"},
    partitions_def=FOLDS,
    check_specs=checks("expanded_neighbors", CHECKS, "equals_brute_force"),
)
def expanded_neighbors(
    context: dg.AssetExecutionContext,
    expanded_digits: DigitSet,
    expanded_mean: np.ndarray,
    expanded_eigendecomposition: Eigendecomposition,
    test_digits: DigitSet,
    config: ExpandedNeighborsConfig,
):
    """The ten images of a fold nearest to each of the first test images, with exact squared distances."""
    first = number_of(context.partition_key) * len(expanded_digits.labels)
    queries = test_digits.images[: config.num_queries]
    with stopwatch() as watch:
        found = neighbor_shards.search(
            expanded_digits, first, queries, NUM_KEPT, expanded_mean, expanded_eigendecomposition.eigenvectors
        )
    sample = slice(None, None, max(1, len(queries) // NUM_SEARCHED))
    expected = neighbor_shards.search(expanded_digits, first, queries[sample], NUM_KEPT, algorithm="brute")
    same = expected.indices == found.indices[sample]
    return result(
        found,
        f"{len(queries):,} queries in {watch.seconds:.2f} s",
        numbers={ROW_COUNT: len(queries)},
        config=config,
        checks={"equals_brute_force": exactly(np.mean(same.all(axis=1)), 1)},
    )


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("expanded_knn", CHECKS))
def expanded_knn(expanded_neighbors: Shards, test_digits: DigitSet, config: ExpandedKNNConfig):
    """The nearest images of the whole expanded set, merged from the folds, and the label that they vote for."""
    from mnist_pipeline import knn

    with stopwatch():
        near = neighbor_shards.nearest(expanded_neighbors, NUM_KEPT)
        labels = knn.vote(near.labels[:, : config.num_neighbors], config.tie_break.value)
    first: ShardNeighbors = expanded_neighbors[0]
    accuracy = evaluation.accuracy(test_digits.labels[: len(labels)], labels)
    return result(
        Neighbors(labels.astype(np.uint8), np.array(config.num_neighbors), near.indices, near.squared_distances),
        f"k = {config.num_neighbors}: {accuracy:.2%} of {len(labels):,}",
        numbers={"accuracy": accuracy, ROW_COUNT: len(labels), MADE_FROM: expanded_neighbors.digest},
        config=config,
        checks={
            "ordered": exactly(neighbor_shards.num_out_of_order(near), 0),
            "no_farther": at_most((near.squared_distances - first.squared_distances).max(), 0),
        },
    )


@dg.asset(group_name=GROUP, kinds={"torch"}, check_specs=checks("expanded_cnn", CHECKS, "finite_weights"))
def expanded_cnn(expanded_digits: Shards, config: ExpandedCNNConfig, seed: Seed):
    """The convolutional network, trained on the whole expanded set, with folds and images in random order."""
    from mnist_pipeline import networks, training

    recipe = dataclasses.replace(resolve_recipe("cnn", config), variation=None)
    num_classes = next(iter(expanded_digits)).num_classes
    model = training.build(lambda: networks.CNN(num_classes), seed=seed.value)
    with stopwatch():
        history = training.train_on_shards(
            model,
            expanded_digits,
            recipe,
            seed=seed.value,
            on_epoch=lambda record: report_epoch(record, recipe.epochs),
        )
    network, numbers, found = trained(model, history, recipe)
    size = history.num_training
    return result(
        network,
        f"training accuracy {network.accuracy[-1]:.2%} after {recipe.epochs} passes over {size:,} images",
        numbers={**numbers, MADE_FROM: expanded_digits.digest},
        config=config,
        seed=seed,
        checks=found,
    )


@dg.asset(group_name=GROUP, kinds={"torch"}, check_specs=checks("expanded_evaluation", CHECKS))
def expanded_evaluation(expanded_knn: Neighbors, expanded_cnn: Network, test_digits: DigitSet):
    """Accuracy of k-NN and of the CNN, both trained on the whole expanded set, on the test digits."""
    from mnist_pipeline import networks, training

    with stopwatch():
        network = training.load_weights(networks.CNN(expanded_cnn.num_classes), expanded_cnn.weights)
        probabilities = training.predict_probabilities(network, test_digits.images)
        # k-NN predicts the first test images only.
        labels = {"knn": expanded_knn.labels, "cnn": probabilities.argmax(axis=1)}
        found = {
            name: evaluation.evaluate(test_digits.labels[: len(each)], each, expanded_cnn.num_classes)
            for name, each in labels.items()
        }
    table = pd.DataFrame(
        [(name, each.total, each.errors, each.accuracy, *each.interval) for name, each in found.items()],
        columns=["model", "total", "errors", "accuracy", "interval_low", "interval_high"],
    )
    return result(
        table,
        ", ".join(f"{row.model} {row.accuracy:.2%} of {row.total:,}" for row in table.itertuples()),
        tables={"models": table},
        checks={
            "better_than_guessing": at_least(
                table["accuracy"].min(), evaluation.least_useful_accuracy(test_digits.labels)
            )
        },
    )
