"""Principal component analysis, step by step.

Mean, centring, covariance, eigendecomposition, projection, reconstruction. Each step is a function.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mnist_pipeline.utils.arguments import checked
from mnist_pipeline.utils.blocks import slices
from mnist_pipeline.utils.stored_types import stored_type

BLOCK_ROWS = 4096  # 12 MB of float32 at 784 pixels: the memory that a pass needs, whatever N is
ERROR_ROWS = 512  # 3 MB of float64, which fit the cache


@stored_type
class Eigendecomposition(NamedTuple):
    """C = V diag(λ) Vᵀ."""

    eigenvalues: np.ndarray  # in descending order; float64 (n_features,)
    # Orthonormal columns, whose entries of largest magnitude are positive; float64 (n_features,
    # n_features).
    eigenvectors: np.ndarray


def mean(images: np.ndarray) -> np.ndarray:
    """Mean of each pixel of images (n_samples, 784) or (n_samples, 28, 28), float64.

    Sums of integers are exact up to 2⁵³. Raises a ValueError if the mean is not finite.

    Examples
    --------
    >>> mean(np.array([[0, 10], [20, 30]], np.uint8))
    array([10., 20.])
    """
    pixels = flatten(images)
    with np.errstate(invalid="ignore"):  # ∞ − ∞, which is refused below
        total = pixels.sum(axis=0, dtype=np.float64)
    return checked("the mean of images", total / len(pixels))


def center(images: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Images (n_samples, 784) or (n_samples, 28, 28) minus the mean, float32 (n_samples, 784).

    Raises a ValueError if the differences are too large for float32.

    Examples
    --------
    >>> center(np.array([[0, 10], [20, 30]], np.uint8), np.array([10.0, 20.0]))
    array([[-10., -10.],
           [ 10.,  10.]], dtype=float32)
    """
    pixels = flatten(images)
    mean = checked("mean", mean, shape=pixels.shape[1:])
    centered = np.empty(pixels.shape, np.float32)
    if pixels.dtype == np.uint8:
        # Bytes are at most 255, so a float32 mean is off by at most 2⁻¹⁷ grey levels. The mean of
        # other data may be large compared with its deviations: there the difference is taken in
        # float64, and rounded afterwards.
        mean = mean.astype(np.float32)
    with np.errstate(all="ignore"):  # overflow is found below
        for rows in slices(len(pixels), BLOCK_ROWS):
            np.subtract(pixels[rows], mean, out=centered[rows])
    return checked("the deviations of images", centered)


def covariance(centered: np.ndarray) -> np.ndarray:
    """Sample covariance C = Xᵀ X / (N − 1) of centred data, float64 (n_features, n_features).

    The product of each block of rows is formed in float32 for float32 data, else in float64, and
    the blocks are added in float64. Memory beyond the result does not grow with N. Raises a
    ValueError for a single sample, and for data whose products overflow.

    Examples
    --------
    >>> covariance(np.array([[-10.0, -10.0], [10.0, 10.0]]))
    array([[200., 200.],
           [200., 200.]])
    """
    num_samples, num_features = centered.shape
    if num_samples < 2:
        raise ValueError(
            f"centered has shape {centered.shape}; a sample covariance needs at least 2 samples"
        )
    products = np.zeros((num_features, num_features))
    with np.errstate(all="ignore"):  # overflow is found below
        for rows in slices(num_samples, BLOCK_ROWS):
            block = np.asarray(centered[rows], None if centered.dtype == np.float32 else np.float64)
            products += block.T @ block  # exactly symmetric: NumPy computes one triangle
    checked("the largest square of centered", products.max())
    return products / (num_samples - 1)


def eigendecomposition(covariance: np.ndarray) -> Eigendecomposition:
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
    ascending, vectors = np.linalg.eigh(checked("covariance", covariance))
    eigenvalues, eigenvectors = ascending[::-1], vectors[:, ::-1]
    # An eigenvector is unique up to its sign, so the entry of largest magnitude is made positive.
    largest = np.argmax(np.abs(eigenvectors), axis=0)
    signs = np.sign(np.take_along_axis(eigenvectors, largest[None], axis=0))
    return Eigendecomposition(eigenvalues.copy(), np.ascontiguousarray(eigenvectors * signs))


def project(images: np.ndarray, mean: np.ndarray | None, components: np.ndarray) -> np.ndarray:
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
    pixels = flatten(images)
    components = components.astype(np.float32)
    projections = np.empty((len(pixels), components.shape[1]), np.float32)
    for rows in slices(len(pixels), BLOCK_ROWS):
        block = pixels[rows]
        centered = np.asarray(block, np.float32) if mean is None else center(block, mean)
        np.matmul(centered, components, out=projections[rows])
    return checked("the projections of images", projections)


def reconstruct(projections: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
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
    images = np.asarray(projections @ components.T + mean, np.float64)
    return checked("the reconstructions of projections", images)


def explained_share(eigenvalues: np.ndarray) -> np.ndarray:
    """Share of the variance on the first k components, Σ_{i≤k} λ_i / Σ λ_i, for k = 1 … n_features.

    Without any variance, all shares are 1.

    Examples
    --------
    >>> explained_share(np.array([6.0, 3.0, 1.0]))
    array([0.6, 0.9, 1. ])
    """
    total = eigenvalues.sum()
    return np.cumsum(eigenvalues) / total if total > 0 else np.ones(len(eigenvalues))


def components_for_share(eigenvalues: np.ndarray, share: float) -> int:
    """Smallest number of components with at least `share` (0–1) of the variance.

    Examples
    --------
    >>> components_for_share(np.array([6.0, 3.0, 1.0]), 0.8)
    2
    """
    count = int(np.searchsorted(explained_share(eigenvalues), share) + 1)
    return min(count, len(eigenvalues))  # rounding can leave the sum of all shares slightly below 1


def orthonormality_error(vectors: np.ndarray) -> float:
    """Largest absolute entry of VᵀV − I, for vectors as columns.

    Examples
    --------
    >>> orthonormality_error(np.array([[1.0, 0.5], [0.0, 1.0]]))
    0.5
    """
    return float(np.abs(vectors.T @ vectors - np.eye(vectors.shape[1])).max())


def variance_error(centered: np.ndarray, expected: np.ndarray) -> float:
    """Largest error of a column's variance, relative to the largest expected variance.

    The columns are centred pixels, and `expected` is the diagonal of their covariance. Or the
    columns are coordinates on the principal components, and `expected` has their eigenvalues.

    Examples
    --------
    >>> variance_error(np.array([[-3.0, -1.0], [3.0, 1.0]]), expected=np.array([20.0, 2.0]))
    0.1
    """
    squares = np.einsum("ij,ij->j", centered, centered, dtype=np.float64)
    variances = squares / (len(centered) - 1)
    return float(np.abs(variances - expected[: len(variances)]).max() / expected.max())


def left_out_error(centered: np.ndarray, projections: np.ndarray, eigenvalues: np.ndarray) -> float:
    """Difference of the squared error of the reconstructions and the sum of omitted eigenvalues.

    It is relative to the sum of all eigenvalues. The shapes are (n_samples, n_features),
    (n_samples, n_components) and (n_features,).

    Examples
    --------
    >>> centered = np.array([[-3.0, -1.0], [3.0, 1.0]])
    >>> left_out_error(centered, projections=centered[:, :1], eigenvalues=np.array([16.0, 4.0]))
    0.1
    """
    total = np.einsum("ij,ij->", centered, centered, dtype=np.float64)
    captured = np.einsum("ij,ij->", projections, projections, dtype=np.float64)
    error = (total - captured) / (len(centered) - 1)
    omitted = eigenvalues[projections.shape[1] :].sum()
    return float(abs(error - omitted) / eigenvalues.sum())


def reconstruction_rmse(
    images: np.ndarray, mean: np.ndarray, eigenvectors: np.ndarray, num_components: Sequence[int]
) -> np.ndarray:
    """Root mean squared error of reconstructions from k components, for each k, over all pixels.

    The numbers of components are from 0, which reconstructs the mean, to n_features.

    The components are orthonormal, so the squared error of an image x is ‖x − mean‖² − Σ_{i≤k}
    p_i².

    Examples
    --------
    >>> reconstruction_rmse(np.array([[3.0, 4.0]]), np.zeros(2), np.eye(2), [1, 2]).round(2)
    array([2.83, 0.  ])
    """
    pixels = flatten(images)
    ks = np.asarray(num_components)
    largest = ks.max()
    total = 0.0
    captured = np.zeros(largest + 1)  # by component, after a 0 for the mean alone
    for rows in slices(len(pixels), ERROR_ROWS):
        block = pixels[rows] - mean
        total += float(np.vdot(block, block))
        captured[1:] += np.square(block @ eigenvectors[:, :largest]).sum(axis=0)
    squared_errors = total - np.cumsum(captured)[ks]
    return np.sqrt(np.maximum(squared_errors, 0) / pixels.size)


def flatten(images: np.ndarray) -> np.ndarray:
    """Images as rows of pixels, (n_samples, n_features), without a copy where possible.

    Examples
    --------
    >>> flatten(np.zeros((5, 28, 28))).shape
    (5, 784)
    """
    if images.ndim < 2 or len(images) == 0:
        raise ValueError(
            f"images has shape {images.shape}; expected (n_samples, 784) or (n_samples, 28, 28)"
        )
    return images.reshape(len(images), -1)
