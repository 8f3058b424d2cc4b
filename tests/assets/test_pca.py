"""The assets of principal component analysis, called as functions."""

from __future__ import annotations

import dagster as dg
import numpy as np
import pytest
from support.resources import DATA_SET

from assets import pca
from assets.pca import ProjectionsConfig, ReconstructionsConfig
from mnist_pipeline import pca as methods
from mnist_pipeline.data.datasets import DigitSet, first_of_each_class
from mnist_pipeline.pca import Eigendecomposition


@pytest.fixture(scope="module")
def digits(small_train: DigitSet) -> DigitSet:
    return DigitSet(small_train.images[:1_000], small_train.labels[:1_000])


@pytest.fixture(scope="module")
def held_out(small_test: DigitSet) -> DigitSet:
    return DigitSet(small_test.images[:200], small_test.labels[:200])


@pytest.fixture(scope="module")
def digit_images(digits: DigitSet) -> np.ndarray:
    return first_of_each_class(digits)


@pytest.fixture(scope="module")
def mean(digits: DigitSet) -> np.ndarray:
    return methods.mean(digits.images)


@pytest.fixture(scope="module")
def centered(digits: DigitSet, mean: np.ndarray) -> np.ndarray:
    return methods.center(digits.images, mean)


@pytest.fixture(scope="module")
def matrix(centered: np.ndarray) -> np.ndarray:
    return methods.covariance(centered)


@pytest.fixture(scope="module")
def decomposed(matrix: np.ndarray) -> dg.MaterializeResult[Eigendecomposition]:
    """The result of the asset, computed once because it takes longest."""
    return pca.eigendecomposition(matrix)


@pytest.fixture(scope="module")
def decomposition(decomposed: dg.MaterializeResult[Eigendecomposition]) -> Eigendecomposition:
    return decomposed.value


def test_the_mean_is_the_average_grey_level_of_each_pixel(digits: DigitSet) -> None:
    result = pca.data_mean(digits)
    assert (result.value.shape, result.value.dtype) == ((784,), np.float64)
    np.testing.assert_allclose(result.value, digits.images.reshape(-1, 784).mean(axis=0, dtype=np.float64))
    blank = ~digits.images.reshape(-1, 784).any(axis=0)
    assert result.metadata["empty_pixels"] == blank.sum()


def test_centered_data_and_mean_give_the_images_back(digits: DigitSet, mean: np.ndarray) -> None:
    result = pca.centered_data(digits, mean)
    assert (result.value.shape, result.value.dtype) == ((1_000, 784), np.float32)
    np.testing.assert_array_equal(np.rint(result.value + mean), digits.images.reshape(-1, 784))
    assert result.metadata["largest_mean"] < 1e-3


@pytest.mark.parametrize("share", [80, 90, 95])
def test_the_components_for_a_share_of_the_variance_are_the_fewest(
    share: int, decomposed: dg.MaterializeResult[Eigendecomposition]
) -> None:
    count = decomposed.metadata[f"components_for_{share}"]
    values = decomposed.value.eigenvalues
    assert values[: count - 1].sum() < share / 100 * values.sum() <= values[:count].sum()


def test_projections_are_those_of_the_method_on_the_uncentred_images(
    digits: DigitSet, mean: np.ndarray, centered: np.ndarray, decomposition: Eigendecomposition
) -> None:
    result = pca.projections(
        centered, decomposition, digits, data_set=DATA_SET, config=ProjectionsConfig(num_components=30)
    )
    expected = methods.project(digits.images, mean, decomposition.eigenvectors[:, :30])
    assert (result.value.shape, result.value.dtype) == ((1_000, 30), np.float32)
    np.testing.assert_allclose(result.value, expected, atol=1e-2)


@pytest.mark.parametrize("num_components", [2, 50, 784])
def test_projections_tell_their_share_of_the_variance_and_their_configuration(
    num_components: int, digits: DigitSet, centered: np.ndarray, decomposition: Eigendecomposition
) -> None:
    config = ProjectionsConfig(num_components=num_components)
    result = pca.projections(centered, decomposition, digits, data_set=DATA_SET, config=config)
    values = decomposition.eigenvalues
    assert result.value.shape == (1_000, num_components)
    assert result.metadata["explained_share"] == pytest.approx(values[:num_components].sum() / values.sum())
    assert result.metadata["config"].data == {"num_components": num_components}


def test_reconstructions_list_each_k_once_and_in_order(
    digit_images: np.ndarray, held_out: DigitSet, mean: np.ndarray, decomposition: Eigendecomposition
) -> None:
    config = ReconstructionsConfig(num_components=[20, 3, 20])
    result = pca.reconstructions(digit_images, held_out, mean, decomposition, config=config)
    assert result.value.num_components.tolist() == [3, 20]
    rows = [record.data for record in result.metadata["table"].records]
    assert [row["k"] for row in rows] == [3, 20]
    np.testing.assert_allclose([row["test_rmse"] for row in rows], result.value.test_rmse, rtol=1e-5)
    np.testing.assert_allclose([row["explained_share"] for row in rows], result.value.explained_share, rtol=1e-5)
    assert result.metadata["config"].data == {"num_components": [20, 3, 20]}
