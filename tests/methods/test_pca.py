"""Principal component analysis: invariants of the covariance, its eigenvectors, projections and
reconstructions.
"""

from typing import NamedTuple

import numpy as np
import pytest

from mnist_pipeline.methods import pca

NUM_PIXELS = 784
SUM_FLOAT32 = 1e-5  # relative rounding of sums of thousands of its products


class Analysis(NamedTuple):
    """Every step on the same images."""

    images: np.ndarray
    mean: np.ndarray
    centered: np.ndarray
    covariance: np.ndarray
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray


def _analyse(images: np.ndarray) -> Analysis:
    mean = pca.mean(images)
    centered = pca.center(images, mean)
    covariance = pca.covariance(centered)
    return Analysis(images, mean, centered, covariance, *pca.eigendecomposition(covariance))


@pytest.fixture(scope="module")
def full(train) -> Analysis:
    return _analyse(train.images)


def test_the_covariance_of_all_training_images_agrees_with_a_float64_reference(full):
    # (Σ x xᵀ − N m mᵀ) / (N − 1): sums of integers below 2⁵³, exact in float64.
    pixels = full.images.reshape(-1, NUM_PIXELS).astype(np.float64)
    mean = pixels.mean(axis=0)
    scatter = pixels.T @ pixels - len(pixels) * np.outer(mean, mean)
    exact_covariance = scatter / (len(pixels) - 1)
    assert full.covariance.dtype == np.float64
    np.testing.assert_array_equal(full.covariance, full.covariance.T)
    error = np.abs(full.covariance - exact_covariance).max()
    assert error < SUM_FLOAT32 * np.abs(exact_covariance).max()
    reference = np.linalg.eigvalsh(exact_covariance)[::-1]
    assert np.abs(full.eigenvalues - reference).max() < 1e-6 * reference[0]


def test_integers_do_not_wrap_around_and_a_large_mean_costs_no_precision():
    deviations = np.tile(np.array([[-100], [100]], np.int16), (2, 3))
    np.testing.assert_allclose(pca.covariance(deviations), np.cov(deviations.T))
    images = deviations + 1e9
    np.testing.assert_array_equal(pca.center(images, pca.mean(images)), deviations)


@pytest.mark.parametrize("block_rows", [1, 7, 299, 300, 10**6])
def test_the_size_of_a_block_changes_nothing(block_rows, small_train, monkeypatch):
    window = small_train.images[:300, 6:22, 6:22]
    images, mean, centered, covariance, _, vectors = _analyse(window)
    expected = pca.project(images, mean, vectors)
    errors = pca.reconstruction_rmse(images, mean, vectors, [1, 20])
    monkeypatch.setattr(pca, "BLOCK_ROWS", block_rows)
    np.testing.assert_allclose(
        pca.covariance(centered), covariance, rtol=0, atol=SUM_FLOAT32 * np.abs(covariance).max()
    )
    np.testing.assert_allclose(pca.project(images, mean, vectors), expected, rtol=0, atol=1e-2)
    np.testing.assert_allclose(
        pca.reconstruction_rmse(images, mean, vectors, [1, 20]), errors, rtol=1e-9
    )


def test_eigenvectors_are_orthonormal_and_the_covariance_only_scales_them_largest_first(full):
    values, vectors = full.eigenvalues, full.eigenvectors
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(NUM_PIXELS), atol=1e-12)
    np.testing.assert_allclose(
        full.covariance @ vectors, vectors * values, rtol=0, atol=1e-11 * values[0]
    )
    assert (np.diff(values) <= 0).all()
    assert (vectors[np.abs(vectors).argmax(axis=0), np.arange(NUM_PIXELS)] > 0).all()


def test_the_short_way_to_the_error_gives_that_of_the_reconstructions(small_train, small_test):
    small = _analyse(small_train.images)
    ks = [100, 0, 2, 784, 20]  # in any order
    errors = pca.reconstruction_rmse(small_test.images, small.mean, small.eigenvectors, ks)
    pixels = small_test.images.reshape(-1, NUM_PIXELS)
    for k, error in zip(ks, errors, strict=True):
        components = small.eigenvectors[:, :k]
        back = pca.reconstruct(pca.project(pixels, small.mean, components), small.mean, components)
        np.testing.assert_allclose(
            error, np.sqrt(np.mean(np.square(back - pixels))), rtol=1e-4, atol=1e-3
        )
    lost = (
        pca.reconstruction_rmse(small.images, small.mean, small.eigenvectors, ks) ** 2
        * small.images.size
    )
    omitted = [small.eigenvalues[k:].sum() for k in ks]
    np.testing.assert_allclose(lost / (len(small.images) - 1), omitted, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("share", [1e-9, 0.5, 0.8, 0.9, 0.95, 0.999])
def test_components_for_a_share_are_just_enough(share, full):
    count = pca.components_for_share(full.eigenvalues, share)
    shares = np.concatenate([[0], pca.explained_share(full.eigenvalues)])
    np.testing.assert_allclose(
        shares[1:], np.cumsum(full.eigenvalues) / np.trace(full.covariance), rtol=1e-12
    )
    assert shares[count - 1] < share <= shares[count]
    assert (
        pca.components_for_share(np.full(7, 1 / 3), 1.0) <= 7
    )  # where the shares may add up to less than 1


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_step_without_a_finite_result_is_refused():
    infinite, finite, mean = np.diag([np.inf, 1]), np.eye(2), np.zeros(2)
    for step, *arguments in (
        (pca.mean, np.zeros((0, 28, 28))),
        (pca.covariance, np.zeros((1, 4))),
        (pca.eigendecomposition, infinite),
        (pca.project, infinite, None, finite),
        (pca.reconstruct, infinite, mean, finite),
    ):
        with pytest.raises(ValueError, match=r"nan|inf|shape"):
            step(*arguments)
