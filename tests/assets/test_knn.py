"""The assets of k-nearest neighbours, called as functions."""

from __future__ import annotations

import numpy as np
import pytest
from support.resources import DATA_SET

from assets import knn
from assets.knn import KNNConfig
from mnist_pipeline import pca
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn.model import accuracy_by_k
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.runtime.graph.results import HEADLINE
from mnist_pipeline.runtime.graph.seed import Seed

ALGORITHMS = ("auto", "pca", "brute", "kdtree")

SEED = Seed(value=0)


@pytest.fixture(scope="module")
def digits(small_train: DigitSet) -> DigitSet:
    """800 training digits, the last 20 of which repeat the first 20, so that there are real ties."""
    chosen = np.r_[:780, :20]
    return DigitSet(small_train.images[chosen], small_train.labels[chosen])


@pytest.fixture(scope="module")
def queries(small_train: DigitSet, small_test: DigitSet) -> DigitSet:
    """80 test digits, and 20 that are training digits."""
    return DigitSet(
        np.concatenate([small_test.images[:80], small_train.images[:20]]),
        np.concatenate([small_test.labels[:80], small_train.labels[:20]]),
    )


@pytest.fixture(scope="module")
def mean(digits: DigitSet) -> np.ndarray:
    return pca.mean(digits.images)


@pytest.fixture(scope="module")
def decomposition(digits: DigitSet, mean: np.ndarray) -> Eigendecomposition:
    """Components of a hundred digits, quickly had; the neighbours don't depend on how good they are."""
    _, singular, components = np.linalg.svd(pca.center(digits.images[:100], mean), full_matrices=False)
    return Eigendecomposition(singular**2 / 99, components.T.astype(np.float64))


@pytest.fixture(scope="module")
def index(digits: DigitSet, mean: np.ndarray, decomposition: Eigendecomposition) -> dict[str, np.ndarray]:
    return knn.knn_index(digits, mean, decomposition).value


@pytest.fixture(scope="module")
def nearest(digits: DigitSet, queries: DigitSet) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances and indices of the ten nearest, by comparing everything in integers."""
    train = digits.images.reshape(-1, 784).astype(np.int64)
    distances = np.stack([((train - query.reshape(784)) ** 2).sum(axis=1) for query in queries.images])
    order = np.argsort(distances, axis=1, kind="stable")[:, :10]
    return np.take_along_axis(distances, order, axis=1), order


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_finds_the_neighbours_of_exhaustive_search(
    algorithm: str,
    index: dict[str, np.ndarray],
    digits: DigitSet,
    queries: DigitSet,
    nearest: tuple[np.ndarray, np.ndarray],
) -> None:
    found = knn.knn_predictions(
        index, queries, digits, data_set=DATA_SET, config=KNNConfig(algorithm=algorithm), seed=SEED
    ).value
    distances, indices = nearest
    np.testing.assert_array_equal(found.squared_distances, distances, strict=True)
    np.testing.assert_array_equal(found.indices, indices, strict=True)


def test_a_tied_vote_goes_to_the_class_of_the_nearest_or_to_the_smallest_label(
    index: dict[str, np.ndarray], digits: DigitSet, queries: DigitSet
) -> None:
    found = {
        rule: knn.knn_predictions(
            index, queries, digits, data_set=DATA_SET, config=KNNConfig(num_neighbors=2, tie_break=rule), seed=SEED
        ).value
        for rule in ("nearest", "smallest")
    }
    two = digits.labels[found["nearest"].indices[:, :2]]
    np.testing.assert_array_equal(found["nearest"].labels, two[:, 0])
    np.testing.assert_array_equal(found["smallest"].labels, two.min(axis=1))
    assert (found["nearest"].labels != found["smallest"].labels).any()


@pytest.mark.parametrize("tie_break", ["nearest", "smallest"])
def test_accuracy_by_k_comes_from_one_search_and_has_the_predictions_in_it(
    tie_break: str, index: dict[str, np.ndarray], digits: DigitSet, queries: DigitSet
) -> None:
    config = KNNConfig(tie_break=tie_break)
    result = knn.knn_predictions(index, queries, digits, data_set=DATA_SET, config=config, seed=SEED)
    table = accuracy_by_k(result.value, digits.labels, queries.labels)
    assert table["k"] == list(range(1, 11))
    assert {len(column) for column in table.values()} == {10}
    assert table[tie_break][2] == np.mean(result.value.labels == queries.labels)
    assert table["nearest"][:2] == [table["smallest"][0]] * 2  # two neighbours: the nearest decides every tie
    shown = [record.data for record in result.metadata["accuracy_by_k"].records]
    assert [row["k"] for row in shown] == table["k"]
    np.testing.assert_allclose([row["nearest"] for row in shown], table["nearest"], rtol=1e-5)


def test_more_than_ten_neighbours_are_kept_where_more_vote(
    index: dict[str, np.ndarray], digits: DigitSet, queries: DigitSet
) -> None:
    found = knn.knn_predictions(
        index, queries, digits, data_set=DATA_SET, config=KNNConfig(num_neighbors=12), seed=SEED
    ).value
    assert found.indices.shape == found.squared_distances.shape == (100, 12)


def test_fewer_than_ten_training_digits_are_all_kept(
    digits: DigitSet, queries: DigitSet, mean: np.ndarray, decomposition: Eigendecomposition
) -> None:
    few = DigitSet(digits.images[:6], digits.labels[:6])
    index = knn.knn_index(few, mean, decomposition).value
    found = knn.knn_predictions(index, queries, few, data_set=DATA_SET, config=KNNConfig(), seed=SEED).value
    assert found.indices.shape == (100, 6)
    assert (np.sort(found.indices, axis=1) == np.arange(6)).all()


def test_training_digits_find_themselves_and_leave_no_error_to_draw(
    index: dict[str, np.ndarray], digits: DigitSet
) -> None:
    same = DigitSet(digits.images[:50], digits.labels[:50])
    result = knn.knn_predictions(index, same, digits, data_set=DATA_SET, config=KNNConfig(num_neighbors=1), seed=SEED)
    np.testing.assert_array_equal(result.value.indices[:, 0], np.arange(50))
    assert not result.value.squared_distances[:, 0].any()
    np.testing.assert_array_equal(result.value.labels, same.labels)
    assert "errors" not in result.metadata


def test_the_configuration_is_recorded_as_it_was_given(
    index: dict[str, np.ndarray], digits: DigitSet, queries: DigitSet
) -> None:
    config = KNNConfig(algorithm="brute", num_neighbors=5, tie_break="smallest")
    metadata = knn.knn_predictions(index, queries, digits, data_set=DATA_SET, config=config, seed=SEED).metadata
    assert metadata["config"].data == {"algorithm": "brute", "num_neighbors": 5, "tie_break": "smallest"}
    assert "k = 5" in metadata[HEADLINE]
