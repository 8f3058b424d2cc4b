"""The training set grown by deformed copies, in shards: as much of it as one likes, a fold of it in memory at a time.

A fold is a partition. What is said of a fold is made fold by fold, on any number of workers; what is said of the whole
set reads the folds one after another.
"""

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from assets.knn import TieBreak
from assets.networks import TRAINED, TrainingConfig, report_epoch, resolve_recipe, trained
from assets.pca import CHECKS as DECOMPOSED
from assets.pca import drawn, held, positive_semidefinite
from assets.softmax import CHECKS as FITTED
from assets.softmax import described, measured, passes
from mnist_pipeline import counts, evaluation, moments, pca, softmax
from mnist_pipeline.data import expansion
from mnist_pipeline.data.datasets import CLASS_NAMES, IMAGE_SIDE, DigitSet
from mnist_pipeline.knn import shards as neighbor_shards
from mnist_pipeline.knn.shards import ShardNeighbors
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.records import Neighbors, Network, SoftmaxModel
from mnist_pipeline.runtime.graph.checks import at_least, at_most, checks, exactly
from mnist_pipeline.runtime.graph.results import ROW_COUNT, result, stopwatch
from mnist_pipeline.runtime.graph.seed import Seed
from mnist_pipeline.runtime.graph.shards import FOLDS, GROUP, MADE_FROM, Shards, number_of

CHECKS = {
    "expanded_digits": {
        "labels_kept": "A deformed image is of the class of its original; share of equal labels.",
        "changed": "Fold 0 is the set itself, any other is new: how far the share of changed images is from that.",
    },
    "expanded_moments": {
        "ink": "The sums of all pixels add up to the ink of all images, summed at once; difference.",
        "symmetric": "Sums of products don't depend on the order of the factors; entries that do.",
    },
    "expanded_mean": {"counted": "Each fold enters once, with all its images; difference in images."},
    "expanded_covariance": {
        "symmetric": "Computed from integers it is symmetric to the bit; largest difference.",
        "positive_semidefinite": "No direction has negative variance; smallest ÷ largest eigenvalue (by size).",
    },
    "expanded_eigendecomposition": DECOMPOSED["eigendecomposition"],
    "expanded_projections": {
        "equals_double_precision": "Products are formed in float32; largest relative difference, on a sample.",
    },
    "expanded_neighbors": {
        "equals_brute_force": "The search excludes by a bound; a sample is searched without one. Share equal.",
    },
    "expanded_knn": {
        "ordered": "Neighbours come nearest first, no image twice; rows that don't.",
        "no_farther": "More images never move a neighbour away; largest rise over the first fold alone.",
    },
    "expanded_softmax": FITTED["softmax_model"],
    "expanded_cnn": {name: TRAINED[name] for name in ("finite_weights", "loss_falls")},
    "expanded_confusions": {"counted": "Each image of the fold is counted once for each model; difference."},
    "expanded_evaluation": {"counted": "The folds' counts add up to the whole set's; difference in images."},
}
NUM_KEPT = 10
NUM_SEARCHED = 20  # queries whose neighbours are searched again without a bound
LEAST_CHANGED = 0.99  # a deformation can come out as none
NUM_PROJECTED = 100


class ExpandedDigitsConfig(dg.Config):
    """From what the deformations are drawn; a seed of its own, so that each fold is run with the same one."""

    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the deformations.")


class ExpandedProjectionsConfig(dg.Config):
    """How much of the coordinates is kept."""

    num_components: int = Field(50, ge=1, le=784, description="Leading components to project on.")


class ExpandedNeighborsConfig(dg.Config):
    """For how many images neighbours are searched."""

    num_queries: int = Field(1_000, ge=1, le=10_000, description="The first so many test images.")


class ExpandedKNNConfig(dg.Config):
    """How neighbours vote."""

    num_neighbors: int = Field(3, ge=1, le=NUM_KEPT, description="k: how many of the nearest images vote.")
    tie_break: TieBreak = Field(TieBreak.NEAREST, description="Who wins a tied vote.")


class ExpandedSoftmaxConfig(dg.Config):
    """How softmax regression is fitted."""

    learning_rate: float = Field(1e-3, gt=0, le=10, description="Step of every update.")
    epochs: int = Field(1, ge=1, le=10_000, description="Passes over the whole set.")


class ExpandedCNNConfig(TrainingConfig):
    """How the convolutional network is trained; its images are deformed already, and none are held out."""

    epochs: int | None = Field(1, ge=1, le=1_000, description="Passes over the whole set; the recipe's if unset.")


@dg.asset(
    group_name=GROUP,
    kinds={"numba"},
    partitions_def=FOLDS,
    check_specs=checks("expanded_digits", CHECKS["expanded_digits"], ("labels_kept", "changed")),
)
def expanded_digits(context: dg.AssetExecutionContext, train_digits: DigitSet, config: ExpandedDigitsConfig):
    """A fold of the expanded set: the training images, in fold 0 as they are, in any other each deformed anew."""
    number = number_of(context.partition_key)
    with stopwatch() as watch:
        digits = expansion.fold(train_digits, number, config.seed)
    changed = expansion.changed_share(train_digits, digits)
    return result(
        digits,
        f"{len(digits.labels):,} images",
        seconds=watch.seconds,
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
    check_specs=checks("expanded_moments", CHECKS["expanded_moments"], ("ink", "symmetric")),
)
def expanded_moments(expanded_digits: DigitSet):
    """Number, sums and sums of products of the images of a fold, exact integers that add up over folds."""
    with stopwatch() as watch:
        found = moments.moments(expanded_digits.images)
    ink = int(expanded_digits.images.sum(dtype=np.int64))
    return result(
        found,
        f"{int(found.num_images):,} images",
        seconds=watch.seconds,
        numbers={"images": int(found.num_images)},
        checks={
            "ink": exactly(int(found.sums.sum()) - ink, 0),
            "symmetric": exactly(np.count_nonzero(found.products != found.products.T), 0),
        },
    )


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("expanded_mean", CHECKS["expanded_mean"]))
def expanded_mean(expanded_moments: Shards, train_digits: DigitSet):
    """Mean of each pixel over the whole expanded set, float64 (784,), each correctly rounded."""
    from mnist_pipeline.report import figures

    with stopwatch() as watch:
        whole = moments.total(expanded_moments)
        mean = moments.mean(whole)
    return result(
        mean,
        f"{int(whole.num_images):,} images, grey level {mean.mean():.2f} on average",
        seconds=watch.seconds,
        numbers={"images": int(whole.num_images), MADE_FROM: expanded_moments.digest},
        figures={"mean": figures.mean_image(mean, IMAGE_SIDE)},
        checks={"counted": exactly(int(whole.num_images) - len(expanded_moments) * len(train_digits.labels), 0)},
    )


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("expanded_covariance", CHECKS["expanded_covariance"]))
def expanded_covariance(expanded_moments: Shards):
    """Sample covariance of the pixels over the whole expanded set, float64 (784, 784), each entry correctly rounded."""
    from mnist_pipeline.report import figures

    with stopwatch() as watch:
        matrix = moments.covariance(moments.total(expanded_moments))
    return result(
        matrix,
        f"trace {np.trace(matrix):,.0f}",
        seconds=watch.seconds,
        numbers={"trace": float(np.trace(matrix)), MADE_FROM: expanded_moments.digest},
        figures={"covariance": figures.matrix(matrix, "Covariance of the pixels", "covariance (grey levels squared)")},
        checks={
            "symmetric": exactly(np.abs(matrix - matrix.T).max(), 0),
            "positive_semidefinite": positive_semidefinite(matrix),
        },
    )


@dg.asset(
    group_name=GROUP,
    kinds={"numpy"},
    check_specs=checks("expanded_eigendecomposition", CHECKS["expanded_eigendecomposition"]),
)
def expanded_eigendecomposition(expanded_covariance: np.ndarray):
    """Eigenvalues, descending, and eigenvectors, as columns, of the covariance of the whole expanded set."""

    with stopwatch() as watch:
        decomposition = pca.eigendecomposition(expanded_covariance)
    values = decomposition.eigenvalues
    return result(
        decomposition,
        f"{pca.components_for_share(values, 0.9)} of {len(values)} components hold 90% of the variance",
        seconds=watch.seconds,
        numbers={"largest_eigenvalue": float(values[0])},
        figures=drawn(decomposition),
        checks=held(decomposition, expanded_covariance),
    )


@dg.asset(
    group_name=GROUP,
    kinds={"numpy"},
    partitions_def=FOLDS,
    check_specs=checks("expanded_projections", CHECKS["expanded_projections"]),
)
def expanded_projections(
    expanded_digits: DigitSet,
    expanded_mean: np.ndarray,
    expanded_eigendecomposition: Eigendecomposition,
    config: ExpandedProjectionsConfig,
):
    """The images of a fold on the leading components of the whole set, float32 (N, k)."""
    vectors = expanded_eigendecomposition.eigenvectors[:, : config.num_components]
    with stopwatch() as watch:
        coordinates = pca.project(expanded_digits.images, expanded_mean, vectors)
    error = _projection_error(expanded_digits.images, expanded_mean, vectors, coordinates)
    return result(
        coordinates,
        f"{len(coordinates):,} images on {config.num_components} components",
        seconds=watch.seconds,
        numbers={ROW_COUNT: len(coordinates)},
        config=config,
        checks={"equals_double_precision": at_most(error, 1e-5)},
    )


@dg.asset(
    group_name=GROUP,
    kinds={"numba"},
    partitions_def=FOLDS,
    check_specs=checks("expanded_neighbors", CHECKS["expanded_neighbors"], ("equals_brute_force",)),
)
def expanded_neighbors(
    context: dg.AssetExecutionContext,
    expanded_digits: DigitSet,
    expanded_mean: np.ndarray,
    expanded_eigendecomposition: Eigendecomposition,
    test_digits: DigitSet,
    config: ExpandedNeighborsConfig,
):
    """The images of a fold that are nearest to the first test images, with exact squared distances."""
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
        seconds=watch.seconds,
        numbers={ROW_COUNT: len(queries)},
        config=config,
        checks={"equals_brute_force": exactly(np.mean(same.all(axis=1)), 1)},
    )


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("expanded_knn", CHECKS["expanded_knn"]))
def expanded_knn(expanded_neighbors: Shards, test_digits: DigitSet, config: ExpandedKNNConfig):
    """The nearest images of the whole expanded set to the first test images, merged from the folds, and their vote."""
    from mnist_pipeline import knn

    with stopwatch() as watch:
        near = neighbor_shards.nearest(expanded_neighbors, NUM_KEPT)
        labels = knn.vote(near.labels[:, : config.num_neighbors], config.tie_break.value)
    first: ShardNeighbors = expanded_neighbors[0]
    accuracy = evaluation.accuracy(test_digits.labels[: len(labels)], labels)
    return result(
        Neighbors(labels.astype(np.uint8), np.array(config.num_neighbors), near.indices, near.squared_distances),
        f"k = {config.num_neighbors}: {accuracy:.2%} of {len(labels):,}",
        seconds=watch.seconds,
        numbers={"accuracy": accuracy, ROW_COUNT: len(labels), MADE_FROM: expanded_neighbors.digest},
        config=config,
        checks={
            "ordered": exactly(neighbor_shards.num_out_of_order(near), 0),
            "no_farther": at_most((near.squared_distances - first.squared_distances).max(), 0),
        },
    )


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("expanded_softmax", CHECKS["expanded_softmax"]))
def expanded_softmax(expanded_digits: Shards, test_digits: DigitSet, config: ExpandedSoftmaxConfig, seed: Seed):
    """Softmax regression by SGD, one image an update, on the whole expanded set, fold after fold."""
    from mnist_pipeline.report import figures

    records, on_epoch = passes(config.epochs)
    with stopwatch() as watch:
        parameters = softmax.sgd_on_shards(
            expanded_digits,
            learning_rate=config.learning_rate,
            epochs=config.epochs,
            seed=seed.value,
            on_epoch=on_epoch,
        )
    model = described(parameters, records, test_digits)
    deviations = softmax.pixel_deviations(test_digits.images)
    return result(
        model,
        f"loss {model.loss[-1]:.4f} after {len(records)} passes",
        seconds=watch.seconds,
        numbers={
            "loss": float(model.loss[-1]),
            "training_accuracy": float(model.accuracy[-1]),
            MADE_FROM: expanded_digits.digest,
        },
        figures={"templates": figures.templates(model.weights, deviations, IMAGE_SIDE, CLASS_NAMES)},
        config=config,
        seed=seed,
        checks=measured(model),
    )


@dg.asset(
    group_name=GROUP,
    kinds={"torch"},
    check_specs=checks("expanded_cnn", CHECKS["expanded_cnn"], ("finite_weights",)),
)
def expanded_cnn(expanded_digits: Shards, config: ExpandedCNNConfig, seed: Seed):
    """The convolutional network, trained on the whole expanded set, folds and images in a random order."""
    from dataclasses import replace

    from mnist_pipeline import networks, training

    recipe = replace(resolve_recipe("cnn", config), variation=None)
    model = training.build(networks.CNN, seed=seed.value)
    with stopwatch() as watch:
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
        seconds=watch.seconds,
        numbers={**numbers, MADE_FROM: expanded_digits.digest},
        config=config,
        seed=seed,
        checks=found,
    )


@dg.asset(
    group_name=GROUP,
    kinds={"torch", "numpy"},
    partitions_def=FOLDS,
    check_specs=checks("expanded_confusions", CHECKS["expanded_confusions"]),
)
def expanded_confusions(expanded_digits: DigitSet, expanded_softmax: SoftmaxModel, expanded_cnn: Network):
    """Counts of (true, predicted) class over a fold for each model trained on the whole set, int64 (10, 10) each."""
    with stopwatch() as watch:
        found = _confusions(expanded_digits, expanded_softmax, expanded_cnn)
    total = len(expanded_digits.labels)
    return result(
        found,
        ", ".join(f"{model} {np.trace(matrix) / total:.2%}" for model, matrix in found.items()),
        seconds=watch.seconds,
        numbers={"images": total},
        checks={"counted": exactly(sum(abs(int(matrix.sum()) - total) for matrix in found.values()), 0)},
    )


@dg.asset(group_name=GROUP, kinds={"pandas"}, check_specs=checks("expanded_evaluation", CHECKS["expanded_evaluation"]))
def expanded_evaluation(
    expanded_confusions: Shards, expanded_softmax: SoftmaxModel, expanded_cnn: Network, test_digits: DigitSet
):
    """How well the models read the whole set that they were trained on, and the test digits: exact counts."""
    with stopwatch() as watch:
        whole = counts.total(expanded_confusions)
        on_test = _confusions(test_digits, expanded_softmax, expanded_cnn)
        table = pd.DataFrame([*counts.rows("expanded", whole), *counts.rows("test", on_test)])
    size, expected = len(test_digits.labels), len(expanded_confusions) * counts.num_images(expanded_confusions[0])
    read = table[table["digits"] == "test"]
    return result(
        table,
        ", ".join(f"{row.model} {row.accuracy:.2%}" for row in read.itertuples()) + f" of {size:,} test digits",
        seconds=watch.seconds,
        numbers={MADE_FROM: expanded_confusions.digest},
        tables={"models": table},
        checks={"counted": exactly(sum(abs(int(matrix.sum()) - expected) for matrix in whole.values()), 0)},
    )


def _confusions(digits: DigitSet, softmax_model: SoftmaxModel, network: Network) -> dict[str, np.ndarray]:
    from mnist_pipeline import networks, training

    cnn = training.load_weights(networks.CNN(), network.weights)
    return counts.confusions(
        digits,
        {
            "softmax": lambda images: softmax.predict_probabilities(softmax_model.weights, softmax_model.bias, images),
            "cnn": lambda images: training.predict_probabilities(cnn, images),
        },
    )


def _projection_error(images: np.ndarray, mean: np.ndarray, vectors: np.ndarray, coordinates: np.ndarray) -> float:
    """Largest difference of some coordinates from those in double precision, relative to the largest."""
    sample = images[:NUM_PROJECTED].reshape(len(images[:NUM_PROJECTED]), -1)
    expected = (sample - mean) @ vectors
    return float(np.abs(coordinates[:NUM_PROJECTED] - expected).max() / np.abs(expected).max())
