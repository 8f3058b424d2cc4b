"""Principal component analysis: invariants of the covariance, its eigenvectors, projections and
reconstructions.
"""

import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest
from support.arguments import check_door

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
def small(small_train) -> Analysis:
    return _analyse(small_train.images)


@pytest.mark.parametrize("digits", ["small_train", pytest.param("train", marks=pytest.mark.full)])
def test_the_covariance_of_training_images_agrees_with_a_float64_reference(digits, request):
    found = _analyse(request.getfixturevalue(digits).images)
    # (Σ x xᵀ − N m mᵀ) / (N − 1): sums of integers below 2⁵³, exact in float64.
    pixels = found.images.reshape(-1, NUM_PIXELS).astype(np.float64)
    mean = pixels.mean(axis=0)
    scatter = pixels.T @ pixels - len(pixels) * np.outer(mean, mean)
    exact_covariance = scatter / (len(pixels) - 1)
    assert found.covariance.dtype == np.float64
    np.testing.assert_array_equal(found.covariance, found.covariance.T)
    error = np.abs(found.covariance - exact_covariance).max()
    assert error < SUM_FLOAT32 * np.abs(exact_covariance).max()
    reference = np.linalg.eigvalsh(exact_covariance)[::-1]
    assert np.abs(found.eigenvalues - reference).max() < 1e-6 * reference[0]


def test_integers_do_not_wrap_around_and_a_large_mean_costs_no_precision():
    deviations = np.tile(np.array([[-100], [100]], np.int16), (2, 3))
    np.testing.assert_allclose(pca.covariance(deviations), np.cov(deviations.T))
    for kind in (np.int64, np.float64):
        images = deviations.astype(kind) + 1_000_000_001  # which float32 rounds
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


@pytest.mark.parametrize("step", ["covariance", "project", "left_out_error", "reconstruction_rmse"])
def test_a_pass_over_many_rows_copies_a_few_blocks_of_them_at_most(step, monkeypatch):
    rows, unit = np.ones((20_000, 50), np.float32), np.eye(50)
    arguments = {
        "covariance": (rows,),
        "project": (rows, None, unit[:, :2]),
        "left_out_error": (rows, rows[:, :2], np.ones(50)),
        "reconstruction_rmse": (rows, np.zeros(50), unit, [2]),
    }
    monkeypatch.setattr(pca, "BLOCK_ROWS", 500)
    tracemalloc.start()
    getattr(pca, step)(*arguments[step])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows.nbytes / 4


def test_eigenvectors_are_orthonormal_and_the_covariance_only_scales_them_largest_first(small):
    values, vectors = small.eigenvalues, small.eigenvectors
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(NUM_PIXELS), atol=1e-12)
    np.testing.assert_allclose(
        small.covariance @ vectors, vectors * values, rtol=0, atol=1e-11 * values[0]
    )
    assert (np.diff(values) <= 0).all()
    assert (vectors[np.abs(vectors).argmax(axis=0), np.arange(NUM_PIXELS)] > 0).all()


def test_the_short_way_to_the_error_gives_that_of_the_reconstructions(small, small_test):
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
def test_components_for_a_share_are_just_enough(share, small):
    count = pca.components_for_share(small.eigenvalues, share)
    ratios = pca.explained_variance_ratio(small.eigenvalues, cumulative=True)
    shares = np.concatenate([[0], ratios])
    np.testing.assert_allclose(
        shares[1:], np.cumsum(small.eigenvalues) / np.trace(small.covariance), rtol=1e-12
    )
    assert shares[count - 1] < share <= shares[count]


def test_all_components_are_enough_for_the_whole_variance():
    # Rounding leaves the sum of these shares slightly below 1.
    assert pca.explained_variance_ratio(BELOW_ONE, cumulative=True)[-1] < 1
    assert pca.components_for_share(BELOW_ONE, 1) == len(BELOW_ONE)


def test_without_variance_each_share_is_all_of_it():
    np.testing.assert_array_equal(
        pca.explained_variance_ratio([0.0, 0.0, -0.0], cumulative=True), [1, 1, 1]
    )
    assert pca.variance_error(np.zeros((4, 3)), np.zeros(3)) == 0
    assert pca.left_out_error(np.zeros((4, 3)), np.zeros((4, 2)), np.zeros(3)) == 0
    with pytest.raises(ValueError, match="expected"):
        pca.variance_error(np.ones((4, 3)), np.zeros(3))


def test_eigenvalues_may_be_negative_by_rounding_only():
    np.testing.assert_allclose(
        pca.explained_variance_ratio([4, -1e-6], cumulative=True), [1, 1], rtol=1e-6
    )
    with pytest.raises(ValueError, match="eigenvalues"):
        pca.explained_variance_ratio([4, -1e-3], cumulative=True)


@pytest.mark.parametrize("seed", range(20))
def test_all_components_leave_no_error(seed):
    generator = np.random.default_rng(seed)
    vectors = np.linalg.qr(generator.normal(size=(5, 5)))[0]
    errors = pca.reconstruction_rmse(generator.normal(size=(3, 5)), np.zeros(5), vectors, [5, 0])
    assert errors[0] < 1e-7
    assert (pca.reconstruction_rmse(np.zeros((3, 5)), np.zeros(5), vectors, [0, 5]) == 0).all()


@pytest.mark.parametrize("scales", [1e-22, 1e-25, 1e25, [1, 1e-25, 1e18]])
def test_float32_data_of_any_magnitude_have_the_covariance_of_float64(scales):
    data = (np.random.default_rng(0).uniform(1, 2, (50, 3)) * scales).astype(np.float32)
    wide = data.astype(np.float64)
    np.testing.assert_allclose(pca.covariance(data), wide.T @ wide / 49, rtol=1e-5)


def as_numbers(values, ndim=2, least=1, least_size=1):
    """The argument as float64, if it has numbers in so many dimensions."""
    array = np.asarray(values)
    assert array.dtype.kind in "biuf"
    assert array.ndim == ndim
    assert len(array) >= least
    assert array.size >= least_size
    return array.astype(float)


def as_rows(images):
    array = np.asarray(images)
    assert array.ndim >= 2
    return as_numbers(array.reshape(len(array), -1))


def in_float32(values):
    return values if np.abs(values).max(initial=0) < 3e38 else None


def plain_center(images, mean):
    rows, mean = as_rows(images), as_numbers(mean, 1)
    assert mean.shape == rows.shape[1:]
    return in_float32(rows - mean)


def plain_covariance(centered):
    X = as_numbers(centered, least=2)
    return X.T @ X / (len(X) - 1)


def plain_eigendecomposition(covariance):
    C = as_numbers(covariance)
    assert (C == C.T).all()
    values, vectors = np.linalg.eigh(C)
    vectors = vectors[:, ::-1]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(len(C))]
    return values[::-1], vectors * np.sign(largest)


def plain_project(images, mean, components):
    rows = as_rows(images) if mean is None else plain_center(images, mean)
    return in_float32(rows @ in_float32(as_numbers(components, least_size=0)))


def plain_reconstruct(projections, mean, components):
    P, V = (as_numbers(values, least_size=0) for values in (projections, components))
    mean = as_numbers(mean, 1)
    assert len(mean) == len(V)
    return P @ V.T + mean


def as_eigenvalues(values):
    array = as_numbers(values, 1)
    assert array.min() >= 0
    return array


def plain_shares(eigenvalues):
    array = as_eigenvalues(eigenvalues)
    return np.cumsum(array) / array.sum() if array.any() else np.ones(len(array))


def plain_ratios(eigenvalues):
    return np.diff(plain_shares(eigenvalues), prepend=0.0)


def plain_components(eigenvalues, share):
    assert np.ndim(share) == 0
    assert 0 <= share <= 1
    return np.argmax(plain_shares(eigenvalues) >= share) + 1


def relative(differences, whole):
    largest = np.abs(differences).max()
    return largest / whole if largest else 0.0


def plain_variance_error(centered, expected):
    variances = np.square(as_numbers(centered, least=2)).sum(axis=0) / (len(centered) - 1)
    expected = as_eigenvalues(expected)
    return relative(variances - expected[: len(variances)], expected.max())


def plain_left_out(centered, projections, eigenvalues):
    X, P = as_numbers(centered, least=2), as_numbers(projections, least_size=0)
    assert (len(P), P.shape[1] <= X.shape[1]) == (len(X), True)
    eigenvalues = as_eigenvalues(eigenvalues)
    assert len(eigenvalues) == X.shape[1]
    lost = (np.square(X).sum() - np.square(P).sum()) / (len(X) - 1)
    return relative(lost - eigenvalues[P.shape[1] :].sum(), eigenvalues.sum())


def plain_rmse(images, mean, eigenvectors, num_components):
    X, V, ks = plain_center(images, mean), as_numbers(eigenvectors), np.asarray(num_components)
    assert ks.dtype.kind in "iu"
    assert ks.size
    assert 0 <= ks.min() <= ks.max() <= V.shape[1]
    leading = V[:, : ks.max()]
    np.testing.assert_allclose(leading.T @ leading, np.eye(leading.shape[1]), atol=1e-5)
    lost = [np.square(X - X @ V[:, :k] @ V[:, :k].T).mean() for k in ks.ravel()]
    return np.sqrt(lost).reshape(ks.shape)


def plain_orthonormality(vectors):
    V = as_numbers(vectors)
    return np.abs(V.T @ V - np.eye(V.shape[1])).max()


BELOW_ONE = next(
    values
    for values in np.random.default_rng(0).uniform(size=(100, 20))
    if np.cumsum(values)[-1] < values.sum()
)
IMAGES = np.random.default_rng(1).integers(1, 99, (6, 3)).astype(float)
MEAN, VECTORS = np.array([1.5, 2.25, 3.0]), np.random.default_rng(2).uniform(0.5, 1, (3, 2))
C = np.array([[4.0, 1, 0], [1, 3, 0.5], [0, 0.5, 2]])
TURN = np.linalg.qr(C)[0]
DOORS = {
    "flatten": ({"images": IMAGES.reshape(2, 3, 3)}, as_rows),
    "mean": ({"images": IMAGES}, lambda images: as_rows(images).mean(axis=0)),
    "center": ({"images": IMAGES, "mean": MEAN}, plain_center),
    "covariance": ({"centered": IMAGES}, plain_covariance),
    "eigendecomposition": ({"covariance": C}, plain_eigendecomposition),
    "project": ({"images": IMAGES, "mean": MEAN, "components": VECTORS}, plain_project),
    "reconstruct": (
        {"projections": IMAGES[:, :2], "mean": MEAN, "components": VECTORS},
        plain_reconstruct,
    ),
    "explained_variance_ratio": ({"eigenvalues": np.array([6.0, 3, 1])}, plain_ratios),
    "components_for_share": (
        {"eigenvalues": np.array([6.0, 3, 1]), "share": 0.8},
        plain_components,
    ),
    "orthonormality_error": ({"vectors": VECTORS}, plain_orthonormality),
    "variance_error": ({"centered": IMAGES, "expected": np.arange(1.0, 5)}, plain_variance_error),
    "left_out_error": (
        {"centered": IMAGES, "projections": IMAGES[:, :2], "eigenvalues": np.array([6.0, 3, 1])},
        plain_left_out,
    ),
    "reconstruction_rmse": (
        {"images": IMAGES, "mean": MEAN, "eigenvectors": TURN, "num_components": np.array([2, 0])},
        plain_rmse,
    ),
}


@pytest.mark.parametrize("name", DOORS)
def test_any_arguments_are_answered_rightly_or_refused(other_process, name):
    arguments, plain = DOORS[name]
    check_door(other_process, getattr(pca, name), arguments, plain, rtol=1e-5)


def test_float32_data_are_answered_rightly_or_refused(other_process):
    data = {"centered": IMAGES.astype(np.float32)}
    check_door(other_process, pca.covariance, data, plain_covariance, rtol=1e-5, atol=0)


def test_the_former_name_of_the_cumulative_ratio_still_counts_with_a_warning():
    with pytest.warns(DeprecationWarning, match="explained_variance_ratio"):
        shares = pca.explained_share([3.0, 1.0])
    np.testing.assert_array_equal(shares, [0.75, 1])


def test_finite_numbers_without_a_finite_result_are_refused():
    largest = np.finfo(float).max
    for name, step, *arguments in (
        ("eigenvalues", pca.explained_variance_ratio, [largest, largest]),
        ("covariance", pca.eigendecomposition, np.full((2, 2), largest)),
        ("projections", pca.left_out_error, IMAGES, IMAGES * 1e200, np.ones(3)),
    ):
        with pytest.raises(ValueError, match=rf"{name} has the value (nan|inf)"):
            step(*arguments)


def test_a_matrix_that_is_not_symmetric_has_no_eigendecomposition():
    with pytest.raises(ValueError, match="covariance"):
        pca.eigendecomposition([[2.0, 1.0], [0.0, 2.0]])
