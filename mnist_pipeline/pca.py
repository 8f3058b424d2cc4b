"""Principal component analysis, step by step: mean, centring, covariance, eigenvectors, projection, back."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mnist_pipeline.utils.blocks import in_blocks, slices
from mnist_pipeline.utils.stored_types import stored_type

NUM_DIRECTIONS = 8  # along which a covariance is verified
ERROR_ROWS = 512  # 3 MB of float64, which stay in the cache
BLOCK_ROWS = 4096  # 12 MB of float32 at 784 pixels: the working set of a pass, whatever N is


@stored_type
class Eigendecomposition(NamedTuple):
    """C = V diag(λ) Vᵀ.

    Attributes
    ----------
    eigenvalues : ndarray of shape (n_features,), float64
        In descending order.
    eigenvectors : ndarray of shape (n_features, n_features), float64
        As columns, orthonormal; of each the loading of largest magnitude is positive.
    """

    eigenvalues: np.ndarray
    eigenvectors: np.ndarray


def mean(images: np.ndarray) -> np.ndarray:
    """Mean of each pixel.

    Parameters
    ----------
    images : ndarray of shape (n_samples, 784) or (n_samples, 28, 28)

    Returns
    -------
    ndarray of shape (n_features,), float64
        In the unit of the images. Sums of integers are exact.
    """
    pixels = flatten(images)
    if pixels.dtype == np.uint8:
        return _sum_of_bytes(pixels) / len(pixels)
    total = np.zeros(pixels.shape[1], np.int64 if np.issubdtype(pixels.dtype, np.integer) else np.float64)
    for rows in _blocks(len(pixels)):
        total += pixels[rows].sum(axis=0, dtype=total.dtype)
    return total / len(pixels)


def _sum_of_bytes(pixels: np.ndarray) -> np.ndarray:
    """The sum of each column, int64; threads share the rows."""
    total = np.zeros(pixels.shape[1], np.int64)
    lock = threading.Lock()

    def add(rows: slice) -> None:
        # 4096 bytes add up to less than 2³²; a narrow accumulator keeps the sum in vector registers.
        found = pixels[rows].sum(axis=0, dtype=np.uint32)
        with lock:
            np.add(total, found, out=total)

    in_blocks(add, len(pixels), BLOCK_ROWS)
    return total


def center(images: np.ndarray, mean: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Images minus the mean.

    Parameters
    ----------
    images : ndarray of shape (n_samples, 784) or (n_samples, 28, 28)
    mean : ndarray of shape (n_features,)
    out : ndarray of shape (n_samples, n_features), optional
        Where to write the result, a memory map for instance.

    Returns
    -------
    ndarray of shape (n_samples, n_features), float32
    """
    pixels = flatten(images)
    centered = np.empty(pixels.shape, np.float32) if out is None else out
    mean = mean.astype(np.float32)
    in_blocks(lambda rows: np.subtract(pixels[rows], mean, out=centered[rows]), len(pixels), BLOCK_ROWS)
    return centered


def covariance(centered: np.ndarray) -> np.ndarray:
    """Sample covariance C = Xᵀ X / (N − 1) of centred data.

    The products of a block of rows are formed in the precision of the data, the blocks added in float64;
    memory beyond the result does not grow with N.

    Parameters
    ----------
    centered : ndarray of shape (n_samples, n_features)
        With mean zero in each column.

    Returns
    -------
    ndarray of shape (n_features, n_features), float64

    Raises
    ------
    ValueError
        With fewer than two samples, of which there is no sample covariance.
    """
    num_samples, num_features = centered.shape
    if num_samples < 2:
        raise ValueError(f"centered holds {num_samples} sample; a sample covariance needs at least 2")
    products = np.zeros((num_features, num_features))
    for rows in _blocks(num_samples):
        block = np.asarray(centered[rows])
        products += block.T @ block
    return products / (num_samples - 1)


def eigendecomposition(covariance: np.ndarray) -> Eigendecomposition:
    """Eigenvalues and eigenvectors of a covariance matrix, largest first.

    Parameters
    ----------
    covariance : ndarray of shape (n_features, n_features)
        Symmetric.

    Returns
    -------
    Eigendecomposition
        `eigenvalues` (n_features,) descending, `eigenvectors` (n_features, n_features) as columns.

    References
    ----------
    K. Pearson, "On lines and planes of closest fit to systems of points in space", Philosophical Magazine
    2(11), 1901.
    """
    # NumPy's, not SciPy's: each brings its own OpenBLAS, and the threads of the product before still spin.
    ascending, vectors = np.linalg.eigh(covariance)
    eigenvalues, eigenvectors = ascending[::-1], vectors[:, ::-1]
    largest = np.argmax(np.abs(eigenvectors), axis=0)
    signs = np.sign(np.take_along_axis(eigenvectors, largest[None], axis=0))
    return Eigendecomposition(eigenvalues.copy(), np.ascontiguousarray(eigenvectors * signs))


def project(images: np.ndarray, mean: np.ndarray | None, components: np.ndarray) -> np.ndarray:
    """Coordinates on the principal components, (X − mean) V.

    Parameters
    ----------
    images : ndarray of shape (n_samples, 784) or (n_samples, 28, 28)
    mean : ndarray of shape (n_features,) or None
        None says that the images are centred already.
    components : ndarray of shape (n_features, n_components)
        Eigenvectors as columns.

    Returns
    -------
    ndarray of shape (n_samples, n_components), float32
    """
    pixels = flatten(images)
    components = components.astype(np.float32)
    projections = np.empty((len(pixels), components.shape[1]), np.float32)
    for rows in _blocks(len(pixels)):
        block = np.asarray(pixels[rows], np.float32) if mean is None else center(pixels[rows], mean)
        np.matmul(block, components, out=projections[rows])
    return projections


def reconstruct(projections: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Back from the components to pixels, P Vᵀ + mean; the best approximation of rank k.

    Parameters
    ----------
    projections : ndarray of shape (n_samples, n_components)
    mean : ndarray of shape (n_features,)
    components : ndarray of shape (n_features, n_components)

    Returns
    -------
    ndarray of shape (n_samples, n_features), float64
        Not clipped: values can lie a little outside the range of the images.
    """
    return np.asarray(projections @ components.T + mean, np.float64)


def explained_share(eigenvalues: np.ndarray) -> np.ndarray:
    """Share of the variance on the first k components, Σ_{i≤k} λ_i / Σ λ_i, for k = 1 … n_features.

    One throughout where there is no variance to share.
    """
    total = eigenvalues.sum()
    return np.cumsum(eigenvalues) / total if total > 0 else np.ones(len(eigenvalues))


def components_for_share(eigenvalues: np.ndarray, share: float) -> int:
    """Smallest number of components that hold at least `share` (0–1) of the variance."""
    count = int(np.searchsorted(explained_share(eigenvalues), share) + 1)
    return min(count, len(eigenvalues))  # rounding can leave the sum of all shares a little under 1


def orthonormality_error(vectors: np.ndarray) -> float:
    """Largest entry of |VᵀV − I|, for vectors as columns."""
    return float(np.abs(vectors.T @ vectors - np.eye(vectors.shape[1])).max())


def score_variance_error(projections: np.ndarray, eigenvalues: np.ndarray) -> float:
    """Largest difference between the variance on a component and its eigenvalue, relative to the largest.

    Parameters
    ----------
    projections : ndarray of shape (n_samples, n_components)
        Of centred data.
    eigenvalues : ndarray of shape (n_features,)
    """
    variances = _variances(projections)
    return float(np.abs(variances - eigenvalues[: len(variances)]).max() / eigenvalues[0])


def direction_variance_error(centered: np.ndarray, covariance: np.ndarray) -> float:
    """Largest difference between the variance of centred data along a direction, and vᵀ C v, relative to the largest.

    The directions are random ones: a covariance of other data would have to agree on them by chance.

    Parameters
    ----------
    centered : ndarray of shape (n_samples, n_features)
    covariance : ndarray of shape (n_features, n_features)

    References
    ----------
    R. Freivalds, "Probabilistic machines can use less running time", IFIP Congress, 1977: a product of matrices is
    verified by multiplying vectors with it.
    """
    directions = np.random.default_rng(0).normal(size=(len(covariance), NUM_DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    along = project(centered, None, directions)
    variances = _variances(along)
    expected = np.einsum("ij,ik,kj->j", directions, covariance, directions, optimize=True)
    return float(np.abs(variances - expected).max() / variances.max())


def left_out_error(centered: np.ndarray, projections: np.ndarray, eigenvalues: np.ndarray) -> float:
    """How far the error of the training reconstruction is from the sum of the eigenvalues left out.

    Parameters
    ----------
    centered : ndarray of shape (n_samples, n_features)
    projections : ndarray of shape (n_samples, n_components)
    eigenvalues : ndarray of shape (n_features,)

    Returns
    -------
    float
        Relative to the sum of all eigenvalues.
    """
    kept = projections.shape[1]
    total = sum(float(np.vdot(centered[rows], centered[rows])) for rows in _blocks(len(centered)))
    captured = float(np.einsum("ij,ij->", projections, projections, dtype=np.float64))
    error = (total - captured) / (len(centered) - 1)
    return float(abs(error - eigenvalues[kept:].sum()) / eigenvalues.sum())


def reconstruction_rmse(
    images: np.ndarray, mean: np.ndarray, eigenvectors: np.ndarray, num_components: Sequence[int]
) -> np.ndarray:
    """Root mean squared error of reconstructions from k components, over all pixels.

    The components are orthonormal, so what k of them leave of an image x is ‖x − mean‖² − Σ_{i≤k} p_i².

    Parameters
    ----------
    images : ndarray of shape (n_samples, 784) or (n_samples, 28, 28)
    mean : ndarray of shape (n_features,)
    eigenvectors : ndarray of shape (n_features, n_features)
    num_components : sequence of int
        The values of k, each 1 … n_features.

    Returns
    -------
    ndarray of shape (len(num_components),), float64
        In the unit of the images.

    Raises
    ------
    ValueError
        If there are not that many components.
    """
    most = eigenvectors.shape[1]
    outside = [k for k in num_components if not 1 <= k <= most]
    if outside:
        raise ValueError(f"num_components holds {outside[0]}; each must lie in 1–{most}")
    pixels = flatten(images)
    largest = max(num_components)
    total = 0.0
    captured = np.zeros(largest)
    for rows in slices(len(pixels), ERROR_ROWS):
        block = pixels[rows] - mean
        total += float(np.vdot(block, block))
        captured += np.square(block @ eigenvectors[:, :largest]).sum(axis=0)
    left = total - np.cumsum(captured)[np.asarray(num_components) - 1]
    return np.sqrt(np.maximum(left, 0) / pixels.size)


def flatten(images: np.ndarray) -> np.ndarray:
    """Images as rows of pixels, (n_samples, n_features), without a copy where possible."""
    if images.ndim < 2 or len(images) == 0:
        raise ValueError(f"images has shape {images.shape}; it must be (n_samples, 784) or (n_samples, 28, 28)")
    return images.reshape(len(images), -1)


def _variances(projections: np.ndarray) -> np.ndarray:
    """Variance along each direction that centred data was projected on, float64."""
    return np.asarray(np.einsum("ij,ij->j", projections, projections, dtype=np.float64) / (len(projections) - 1))


def _blocks(num_rows: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK_ROWS) for start in range(0, num_rows, BLOCK_ROWS))
