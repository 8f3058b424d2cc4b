"""Principal component analysis, step by step.

Mean, centring, covariance, eigendecomposition, projection, reconstruction. Each step is a function.
It raises a ValueError for numbers that are not finite, for shapes that do not fit, and for a result
that overflows, and a TypeError for what is no array.
"""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mnist_pipeline.utils.arguments import checked, checked_number, numbers
from mnist_pipeline.utils.blocks import slices
from mnist_pipeline.utils.deprecation import former_names
from mnist_pipeline.utils.stored_types import stored_type

BLOCK_ROWS = 4096  # 12 MB of float32 at 784 pixels: the memory that a pass needs, whatever N is
ERROR_ROWS = 512  # 3 MB of float64, which fit the cache
SMALLEST = 1e-30  # sum of squares that float32 still represents without loss
ROUNDING = 1e-5  # of eigenvalues that float32 data have, relative to the largest
SYMMETRY = 1e-6  # largest difference of the two triangles, relative to the largest entry


@stored_type
class Eigendecomposition(NamedTuple):
    """C = V diag(λ) Vᵀ."""

    eigenvalues: np.ndarray  # in descending order; float64 (n_features,)
    # Orthonormal columns, whose entries of largest magnitude are positive; float64 (n_features,
    # n_features).
    eigenvectors: np.ndarray


def mean(images: ArrayLike) -> np.ndarray:
    """Mean of each pixel of images (n_samples, 784) or (n_samples, 28, 28), float64.

    Sums of integers are exact up to 2⁵³. Raises a ValueError if the mean is not finite.

    Examples
    --------
    >>> mean(np.array([[0, 10], [20, 30]], np.uint8))
    array([10., 20.])
    """
    pixels = _rows(images)
    with np.errstate(all="ignore"):  # what is not finite is refused below
        total = pixels.sum(axis=0, dtype=np.float64)
    return checked("the mean of images", total / len(pixels))


def center(images: ArrayLike, mean: ArrayLike) -> np.ndarray:
    """Images (n_samples, 784) or (n_samples, 28, 28) minus the mean, float32 (n_samples, 784).

    Raises a ValueError if the differences are too large for float32.

    Examples
    --------
    >>> center(np.array([[0, 10], [20, 30]], np.uint8), np.array([10.0, 20.0]))
    array([[-10., -10.],
           [ 10.,  10.]], dtype=float32)
    """
    pixels = _rows(images)
    mean = _floats(checked("mean", mean, shape=pixels.shape[1:]))
    centered = np.empty(pixels.shape, np.float32)
    if pixels.dtype == np.uint8:
        # Bytes are at most 255, so a float32 mean is off by at most 2⁻¹⁷ grey levels. The mean of
        # other data may be large compared with its deviations: there the difference is taken in
        # float64, and rounded afterwards.
        mean = mean.astype(np.float32)
    with np.errstate(all="ignore"):  # overflow is found below
        for rows in slices(len(pixels), BLOCK_ROWS):
            np.subtract(pixels[rows], mean, out=centered[rows])
            checked("the deviations of images", centered[rows])
    return centered


def covariance(centered: ArrayLike) -> np.ndarray:
    """Sample covariance C = Xᵀ X / (N − 1) of centred data, float64 (n_features, n_features).

    The product of each block of rows is formed in float32 for float32 data, else in float64, and
    the blocks are added in float64. Data whose products overflow or underflow in float32 are
    multiplied in float64. Memory beyond the result does not grow with N. Raises a ValueError for a
    single sample, and for data whose products overflow in float64.

    Examples
    --------
    >>> covariance(np.array([[-10.0, -10.0], [10.0, 10.0]]))
    array([[200., 200.],
           [200., 200.]])
    """
    centered = numbers("centered", centered, shape=(None, None))
    if len(centered) < 2:
        raise ValueError(
            f"centered has shape {centered.shape}; a sample covariance needs at least 2 samples"
        )
    products = _products(centered, centered.dtype == np.float32)
    if centered.dtype == np.float32:
        squares = np.diagonal(products)
        lost = ~((squares >= SMALLEST) & (squares < np.inf))
        # The square of a constant pixel is 0; others have overflowed or underflowed.
        if lost.any() and centered[:, lost].any():
            products = _products(centered, in_float32=False)
    checked("the largest square of centered", products.max())
    return products / (len(centered) - 1)


def _products(rows: np.ndarray, in_float32: bool) -> np.ndarray:
    """XᵀX, added up block by block in float64."""
    products = np.zeros((rows.shape[1], rows.shape[1]))
    with np.errstate(all="ignore"):  # overflow is found by the caller
        for part in slices(len(rows), BLOCK_ROWS):
            block = np.asarray(rows[part], None if in_float32 else np.float64)
            products += block.T @ block  # exactly symmetric: NumPy computes one triangle
    return products


def eigendecomposition(covariance: ArrayLike) -> Eigendecomposition:
    """Eigenvalues and eigenvectors of a symmetric covariance matrix, largest first.

    References
    ----------
    K. Pearson, "On lines and planes of closest fit to systems of points in space", Philosophical
    Magazine 2(11), 1901.

    Examples
    --------
    >>> eigenvalues, eigenvectors = eigendecomposition(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> eigenvalues
    array([3., 1.])
    >>> eigenvectors[:, 0]  # (1, 1) / √2
    array([0.70710678, 0.70710678])
    """
    # NumPy's eigh, not SciPy's: each library has its own OpenBLAS, and NumPy's threads still spin
    # after the product.
    matrix = _floats(checked("covariance", covariance, shape=(None, None)))
    if len(matrix) != matrix.shape[1]:
        raise ValueError(f"covariance has shape {matrix.shape}; expected a square matrix")
    with np.errstate(over="ignore"):
        asymmetry = np.abs(matrix - matrix.T).max()
    if asymmetry > SYMMETRY * np.abs(matrix).max():
        raise ValueError(f"covariance differs from its transpose by {asymmetry}; expected symmetry")
    ascending, vectors = np.linalg.eigh(matrix)
    checked("the eigenvalues of covariance", ascending)
    eigenvalues, eigenvectors = ascending[::-1], vectors[:, ::-1]
    # An eigenvector is unique up to its sign, so the entry of largest magnitude is made positive.
    largest = np.argmax(np.abs(eigenvectors), axis=0)
    signs = np.sign(np.take_along_axis(eigenvectors, largest[None], axis=0))
    return Eigendecomposition(eigenvalues.copy(), np.ascontiguousarray(eigenvectors * signs))


def project(images: ArrayLike, mean: ArrayLike | None, components: ArrayLike) -> np.ndarray:
    """Coordinates (X − mean) V on the principal components, float32 (n_samples, n_components).

    The mean is None if the images are centred already. The components (n_features, n_components)
    are eigenvectors as columns.

    Examples
    --------
    >>> images = np.array([[3.0, 4.0], [5.0, 12.0]])
    >>> project(images, mean=np.array([1.0, 1.0]), components=np.array([[1.0], [0.0]]))
    array([[2.],
           [4.]], dtype=float32)
    """
    pixels = _rows(images)
    largest = float(np.finfo(np.float32).max)
    components = checked("components", components, -largest, largest, (pixels.shape[1], -1))
    components = components.astype(np.float32)
    projections = np.empty((len(pixels), components.shape[1]), np.float32)
    with np.errstate(all="ignore"):  # overflow is found below
        for rows in slices(len(pixels), BLOCK_ROWS):
            block = pixels[rows]
            centered = np.asarray(block, np.float32) if mean is None else center(block, mean)
            np.matmul(centered, components, out=projections[rows])
    return checked("the projections of images", projections)


def reconstruct(projections: ArrayLike, mean: ArrayLike, components: ArrayLike) -> np.ndarray:
    """Images from their coordinates, P Vᵀ + mean, float64 (n_samples, n_features).

    Over the centred data, this is the best approximation of rank k. Values are not clipped: some
    lie slightly outside the range of the images.

    Examples
    --------
    >>> components = np.array([[1.0], [0.0]])
    >>> reconstruct(np.array([[2.0], [4.0]]), mean=np.array([1.0, 1.0]), components=components)
    array([[3., 1.],
           [5., 1.]])
    """
    projections = _floats(numbers("projections", projections, (None, -1)))
    components = _floats(checked("components", components, shape=(None, projections.shape[1])))
    mean = _floats(checked("mean", mean, shape=(len(components),)))
    with np.errstate(all="ignore"):  # overflow is found below
        images = np.asarray(projections @ components.T + mean, np.float64)
    return checked("the reconstructions of projections", images)


def explained_variance_ratio(eigenvalues: ArrayLike, *, cumulative: bool = False) -> np.ndarray:
    """Share of the variance on component k, λ_k / Σ λ_i, or with `cumulative` on the first k
    components, Σ_{i≤k} λ_i / Σ λ_i, for k = 1 … n_features.

    Without any variance, the first component has all of it. Raises a ValueError for eigenvalues
    that are negative beyond rounding.

    Examples
    --------
    >>> explained_variance_ratio([6.0, 3.0, 1.0])
    array([0.6, 0.3, 0.1])
    >>> explained_variance_ratio([6.0, 3.0, 1.0], cumulative=True)
    array([0.6, 0.9, 1. ])
    """
    eigenvalues = _checked_eigenvalues("eigenvalues", eigenvalues)
    total = eigenvalues.sum()
    if total <= 0:
        eigenvalues, total = np.eye(1, len(eigenvalues))[0], np.float64(1)
    return (np.cumsum(eigenvalues) if cumulative else eigenvalues) / total


def components_for_share(eigenvalues: ArrayLike, share: float) -> int:
    """Smallest number of components, at least 1, with at least `share` (0–1) of the variance.

    Examples
    --------
    >>> components_for_share(np.array([6.0, 3.0, 1.0]), 0.8)
    2
    """
    shares = explained_variance_ratio(eigenvalues, cumulative=True)
    count = int(np.searchsorted(shares, checked_number("share", share, 0, 1)) + 1)
    return min(count, len(shares))  # rounding can leave the sum of all shares slightly below 1


def orthonormality_error(vectors: ArrayLike) -> float:
    """Largest absolute entry of VᵀV − I, for vectors as columns.

    Examples
    --------
    >>> orthonormality_error(np.array([[1.0, 0.5], [0.0, 1.0]]))
    0.5
    """
    vectors = _floats(checked("vectors", vectors, shape=(None, None)))
    return float(checked_number("the largest product of vectors", _orthonormality_error(vectors)))


def _orthonormality_error(vectors: np.ndarray) -> float:
    with np.errstate(all="ignore"):  # overflow is refused by the caller
        return float(np.abs(vectors.T @ vectors - np.eye(vectors.shape[1])).max(initial=0))


def variance_error(centered: ArrayLike, expected: ArrayLike) -> float:
    """Largest error of a column's variance, relative to the largest expected variance.

    The columns are centred pixels, and `expected` is the diagonal of their covariance. Or the
    columns are coordinates on the principal components, and `expected` has their eigenvalues, and
    maybe those of further components.

    Examples
    --------
    >>> variance_error(np.array([[-3.0, -1.0], [3.0, 1.0]]), expected=np.array([20.0, 2.0]))
    0.1
    """
    centered = _samples("centered", centered)
    expected = _checked_eigenvalues("expected", expected, centered.shape[1])
    with np.errstate(all="ignore"):  # overflow is refused
        squares = np.einsum("ij,ij->j", centered, centered, dtype=np.float64)
    variances = checked("the squares of centered", squares) / (len(centered) - 1)
    difference = np.abs(variances - expected[: len(variances)]).max()
    return _relative(difference, "expected", expected.max())


def left_out_error(centered: ArrayLike, projections: ArrayLike, eigenvalues: ArrayLike) -> float:
    """Difference of the squared error of the reconstructions and the sum of omitted eigenvalues.

    It is relative to the sum of all eigenvalues. The shapes are (n_samples, n_features),
    (n_samples, n_components) and (n_features,).

    Examples
    --------
    >>> centered = np.array([[-3.0, -1.0], [3.0, 1.0]])
    >>> left_out_error(centered, projections=centered[:, :1], eigenvalues=np.array([16.0, 4.0]))
    0.1
    """
    centered = _samples("centered", centered)
    num_samples, num_features = centered.shape
    projections = _floats(numbers("projections", projections, (num_samples, -1)))
    eigenvalues = _checked_eigenvalues("eigenvalues", eigenvalues, num_features, num_features)
    if projections.shape[1] > num_features:
        raise ValueError(
            f"projections has shape {projections.shape}; expected at most {num_features} columns"
        )
    with np.errstate(all="ignore"):  # overflow is refused
        total = np.einsum("ij,ij->", centered, centered, dtype=np.float64)
        captured = np.einsum("ij,ij->", projections, projections, dtype=np.float64)
    checked("the squares of centered", total)
    checked("the squares of projections", captured)
    error = (total - captured) / (num_samples - 1)
    omitted = eigenvalues[projections.shape[1] :].sum()
    return _relative(abs(error - omitted), "eigenvalues", eigenvalues.sum())


def reconstruction_rmse(
    images: ArrayLike, mean: ArrayLike, eigenvectors: ArrayLike, num_components: ArrayLike
) -> np.ndarray:
    """Root mean squared error of reconstructions from k components, for each k, over all pixels.

    The numbers of components are from 0, which reconstructs the mean, to n_features.

    The components, columns of `eigenvectors`, must be orthonormal: then the squared error of an
    image x is ‖x − mean‖² − Σ_{i≤k} p_i².

    Examples
    --------
    >>> reconstruction_rmse(np.array([[3.0, 4.0]]), np.zeros(2), np.eye(2), [1, 2]).round(2)
    array([2.83, 0.  ])
    """
    pixels = _rows(images)
    num_features = pixels.shape[1]
    mean = _floats(checked("mean", mean, shape=(num_features,)))
    vectors = _floats(checked("eigenvectors", eigenvectors, shape=(num_features, None)))
    largest = min(num_features, vectors.shape[1])
    ks = checked("num_components", num_components, 0, largest, kinds="iu").astype(np.int64)
    if ks.size == 0:
        raise ValueError(f"num_components has shape {ks.shape}; expected at least one number")
    largest = int(ks.max())
    leading = vectors[:, :largest]
    checked("the orthonormality error of eigenvectors", _orthonormality_error(leading), high=1e-5)
    total = 0.0
    captured = np.zeros(largest + 1)  # by component, after a 0 for the mean alone
    with np.errstate(all="ignore"):  # overflow is found below
        for rows in slices(len(pixels), ERROR_ROWS):
            block = pixels[rows] - mean
            total += float(np.vdot(block, block))
            captured[1:] += np.square(block @ leading).sum(axis=0)
        squared_errors = total - np.cumsum(captured)[ks]
    checked("the squared errors of images", squared_errors)
    return np.sqrt(np.maximum(squared_errors, 0) / pixels.size)


def flatten(images: ArrayLike) -> np.ndarray:
    """Images as rows of pixels, (n_samples, n_features), without a copy where possible.

    Examples
    --------
    >>> flatten(np.zeros((5, 28, 28))).shape
    (5, 784)
    """
    return _rows(checked("images", images))


def _rows(images: ArrayLike) -> np.ndarray:
    """Images as rows of pixels; their numbers may be infinite or NaN, which a result shows."""
    array = numbers("images", images)
    if array.ndim < 2 or array.size == 0:
        raise ValueError(
            f"images has shape {array.shape}; expected (n_samples, 784) or (n_samples, 28, 28)"
        )
    return array.reshape(len(array), -1)


def _floats(array: np.ndarray) -> np.ndarray:
    """An array as float32 or float64: integers wrap around, and the others lack routines."""
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def _samples(name: str, rows: ArrayLike) -> np.ndarray:
    """At least two rows, whose numbers may be infinite or NaN, which a result shows."""
    array = _floats(numbers(name, rows, (None, None)))
    if len(array) < 2:
        raise ValueError(f"{name} has shape {array.shape}; a variance needs at least 2 samples")
    return array


def _checked_eigenvalues(
    name: str, values: ArrayLike, least: int = 1, most: int | None = None
) -> np.ndarray:
    """Variances (n_features,), float64, not negative beyond rounding, whose sum is finite."""
    array = checked(name, values, shape=(None,)).astype(np.float64, copy=False)
    if len(array) < least or (most is not None and len(array) > most):
        raise ValueError(f"{name} has shape {array.shape}; expected {least} numbers")
    with np.errstate(over="ignore"):
        checked(f"the sum of {name}", array.sum())
    checked(name, array, -ROUNDING * max(array.max(), 0))
    return array


def _relative(difference: float, name: str, whole: float) -> float:
    """A difference as a share of some variance; 0 if there is no difference."""
    if difference == 0:
        return 0.0
    if not whole > 0:
        raise ValueError(f"{name} has the largest value {whole}; expected a variance above 0")
    with np.errstate(over="ignore"):
        return float(checked_number(f"the difference relative to {name}", difference / whole))


_cumulative = functools.partial(explained_variance_ratio, cumulative=True)
__getattr__ = former_names(
    __name__,
    {"explained_share": ("explained_variance_ratio, with cumulative=True", _cumulative)},
)
