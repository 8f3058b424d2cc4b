"""The assets of principal component analysis, called as functions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pydantic
import pytest
from support.resources import DATA_SET

from assets import pca
from assets.pca import ProjectionsConfig, ReconstructionsConfig
from mnist_pipeline import pca as methods
from mnist_pipeline.data.datasets import DigitSet, first_of_each_class
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.runtime.graph.results import HEADLINE, SECONDS


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
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A storage directory that the environment names, and that doesn't exist."""
    directory = tmp_path_factory.mktemp("pca") / "storage"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(directory))
        yield directory


@pytest.fixture(scope="module")
def decomposed(matrix: np.ndarray, untouched: Path) -> dg.MaterializeResult[Eigendecomposition]:
    """What the asset returns, computed once: it takes longer than all the others."""
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


def test_the_covariance_is_numpys(centered: np.ndarray) -> None:
    result = pca.covariance(centered)
    expected = np.cov(centered.astype(np.float64), rowvar=False)
    assert (result.value.shape, result.value.dtype) == ((784, 784), np.float64)
    np.testing.assert_allclose(result.value, expected, atol=1e-5 * expected.max())


def test_the_trace_of_the_covariance_is_the_variance_of_all_pixels(digits: DigitSet, centered: np.ndarray) -> None:
    metadata = pca.covariance(centered).metadata
    variance = digits.images.reshape(-1, 784).var(axis=0, ddof=1, dtype=np.float64).sum()
    assert metadata["trace"] == pytest.approx(variance, rel=1e-5)
    assert metadata["asymmetry"] == 0


def test_the_eigendecomposition_diagonalizes_the_covariance(
    matrix: np.ndarray, decomposition: Eigendecomposition
) -> None:
    values, vectors = decomposition
    assert (np.diff(values) <= 0).all()
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(784), atol=1e-10)
    np.testing.assert_allclose(vectors * values @ vectors.T, matrix, atol=1e-9 * values[0])


def test_the_largest_loading_of_each_eigenvector_is_positive(decomposition: Eigendecomposition) -> None:
    vectors = decomposition.eigenvectors
    assert (vectors.max(axis=0) >= -vectors.min(axis=0)).all()


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


def test_projections_are_uncorrelated_and_their_variances_are_the_eigenvalues(
    digits: DigitSet, centered: np.ndarray, decomposition: Eigendecomposition
) -> None:
    scores = pca.projections(
        centered, decomposition, digits, data_set=DATA_SET, config=ProjectionsConfig(num_components=20)
    ).value
    values = decomposition.eigenvalues
    np.testing.assert_allclose(
        np.cov(scores.astype(np.float64), rowvar=False), np.diag(values[:20]), atol=1e-4 * values[0]
    )


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


def test_reconstructions_are_those_of_the_methods(
    digit_images: np.ndarray, held_out: DigitSet, mean: np.ndarray, decomposition: Eigendecomposition
) -> None:
    found = pca.reconstructions(digit_images, held_out, mean, decomposition, config=ReconstructionsConfig()).value
    assert found.num_components.tolist() == [2, 3, 5, 10, 20, 50, 100]
    assert found.images.shape == (7, 10, 28, 28)
    for k, images in zip(found.num_components, found.images, strict=True):
        components = decomposition.eigenvectors[:, :k]
        expected = methods.reconstruct(methods.project(digit_images, mean, components), mean, components)
        np.testing.assert_allclose(images.reshape(10, 784), expected, atol=1e-3)


def test_more_components_leave_smaller_errors_and_hold_more_of_the_variance(
    digit_images: np.ndarray, held_out: DigitSet, mean: np.ndarray, decomposition: Eigendecomposition
) -> None:
    found = pca.reconstructions(digit_images, held_out, mean, decomposition, config=ReconstructionsConfig()).value
    assert (np.diff(found.test_rmse) < 0).all()
    assert (np.diff(found.explained_share) > 0).all()
    assert ((found.explained_share > 0) & (found.explained_share < 1)).all()


def test_the_error_is_measured_on_the_test_images(
    digit_images: np.ndarray, held_out: DigitSet, mean: np.ndarray, decomposition: Eigendecomposition
) -> None:
    config = ReconstructionsConfig(num_components=[5, 40])
    found = pca.reconstructions(digit_images, held_out, mean, decomposition, config=config).value
    for k, error in zip((5, 40), found.test_rmse, strict=True):
        components = decomposition.eigenvectors[:, :k]
        rebuilt = methods.reconstruct(methods.project(held_out.images, mean, components), mean, components)
        expected = np.sqrt(np.mean((rebuilt - held_out.images.reshape(-1, 784)) ** 2))
        assert error == pytest.approx(expected, rel=1e-4)


def test_all_components_give_the_digits_back(
    digit_images: np.ndarray, held_out: DigitSet, mean: np.ndarray, decomposition: Eigendecomposition
) -> None:
    config = ReconstructionsConfig(num_components=[784])
    found = pca.reconstructions(digit_images, held_out, mean, decomposition, config=config).value
    np.testing.assert_array_equal(np.rint(found.images[0]), digit_images)
    assert found.test_rmse[0] < 1e-3
    assert found.explained_share[0] == pytest.approx(1)


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


@pytest.mark.parametrize("outside", [-1, 0, 785])
def test_a_number_of_components_that_does_not_exist_is_refused_with_the_range(
    outside: int, digit_images: np.ndarray, held_out: DigitSet, mean: np.ndarray, decomposition: Eigendecomposition
) -> None:
    with pytest.raises(ValueError, match=rf"(?s)num_components.*k = {outside};.*1.784"):
        _reconstruct_from(outside, digit_images, held_out, mean, decomposition)


def _reconstruct_from(outside: int, *inputs: object) -> object:
    return pca.reconstructions(*inputs, config=ReconstructionsConfig(num_components=[10, outside]))


@pytest.mark.parametrize("outside", [1, 785, "many"])
def test_projections_are_configured_within_bounds(outside: object) -> None:
    with pytest.raises(pydantic.ValidationError, match="num_components"):
        ProjectionsConfig(num_components=outside)


def test_reconstructions_need_at_least_one_number_of_components() -> None:
    with pytest.raises(pydantic.ValidationError, match="num_components"):
        ReconstructionsConfig(num_components=[])


def test_called_as_functions_the_assets_show_figures_and_write_nothing(
    untouched: Path,
    digits: DigitSet,
    held_out: DigitSet,
    digit_images: np.ndarray,
    mean: np.ndarray,
    centered: np.ndarray,
    decomposed: dg.MaterializeResult[Eigendecomposition],
    decomposition: Eigendecomposition,
) -> None:
    called = [
        (pca.data_mean(digits), {"mean"}),
        (pca.centered_data(digits, mean), set()),
        (pca.covariance(centered), {"covariance"}),
        (decomposed, {"eigenvalues", "eigenvectors"}),
        (
            pca.projections(centered, decomposition, digits, data_set=DATA_SET, config=ProjectionsConfig()),
            {"scatter"},
        ),
        (
            pca.reconstructions(digit_images, held_out, mean, decomposition, config=ReconstructionsConfig()),
            {"reconstructions"},
        ),
    ]
    for result, figures in called:
        for figure in figures:
            preview = result.metadata[figure].value
            assert preview.startswith(f"![{figure}](data:image/png;base64,")
            assert len(preview) < 30_000, figure
        assert result.metadata[HEADLINE]
        assert result.metadata[SECONDS] >= 0
        assert result.data_version is None
    assert not untouched.exists()
