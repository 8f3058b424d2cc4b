"""The principal component index: a lower bound of the distance that is cheap, tight and rigorous."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mnist_pipeline.kernels.tiles import CENTROID_DIMENSIONS, DEPTHS, LANES, in_lanes, pack
from mnist_pipeline.utils.blocks import in_blocks, read_only

_BLOCK = 1024  # rows converted to float64 at a time
_COVARIANCE_ROWS = 10_000  # rows from which the components are computed by default
_SPLIT_DIMENSIONS = 24  # leading dimensions among which the ordering looks for its splits
_MAX_DEFECT = 1e-3
_MAX_SCALED_NORM = 2.0**40  # queries that are farther out are compared exactly, so that float32 suffices

_TILE_SHAPE = (1 + len(DEPTHS) + DEPTHS[-1], LANES)

_Fixed = tuple[np.ndarray, np.ndarray, float, np.ndarray, float]


@dataclass(frozen=True)
class PrincipalComponentIndex:
    r"""Training points in a few principal components, ordered so that neighbours share a tile.

    Attributes
    ----------
    mean : ndarray of shape (n_features,), float64
        Subtracted from every point. Any finite vector is correct; the mean prunes best.
    components : ndarray of shape (n_features, n_components), float64
        Nearly orthonormal columns. Any are correct; leading principal components prune best.
    scale : float
        A power of two that brings the largest centred norm of the training points to at most one.
    order : ndarray of shape (n_samples,), int64
        The training row of each lane of each tile.
    tiles : ndarray of shape (n_tiles, 1 + 5 + 112, 32), float32
        For each tile of 32 points: the negative half squared norms, the residual norms beyond 12, 24, 40, 64
        and 112 dimensions, and the coordinates.

    Notes
    -----
    **The bound.** Let a and b be a query and a training point, centred and scaled; A = \|a\|² and B = \|b\|²;
    W a matrix with orthonormal columns; ρ² = \|x\|² − \|Wᵀx\|² the squared norm outside their span.
    Cauchy–Schwarz on the part outside the span gives

        ⟨a, b⟩ ≤ ⟨Wᵀa, Wᵀb⟩ + ρ_a ρ_b =: S,   \|a − b\|² = A + B − 2⟨a, b⟩ ≥ A + B − 2S.

    This is the distance in the leading components plus (ρ_a − ρ_b)², written so that one sum of products
    computes it, with the residual norm as one more coordinate.

    **The margin** makes it hold for the numbers the computer has, in float32, whatever components it was
    given. Write u = 2⁻²⁴.

    1. *Components.* With ε = ‖VᵀV − I‖ (Frobenius), all singular values of V lie within ε of one, so V is within
       ε of the orthonormal W of its polar decomposition. A stored coordinate vector p is Vᵀx, computed in
       float64 and rounded to float32, hence \|p − Wᵀx\| ≤ η\|x\| with η = ε + 2u + √112·2⁻⁵²·n_features.
       Centring is one rounding of each difference, and η has room for it.
    2. *Residuals.* \|Wᵀx\| ≥ \|p\| − η\|x\| gives ρ² ≤ \|x\|² − \|p\|² + 3η\|x\|². The stored residual norm is the
       square root of max(0, \|x\|² − \|p\|²) + 5η\|x\|², which is above ρ after rounding to float32.
    3. *Products.* Hence S ≤ Ŝ + 3η\|a\|\|b\|, where Ŝ uses the stored numbers, and \|a\|\|b\| ≤ (A + B)/2.
    4. *Summation.* A float32 sum of m = 112 + 2 terms, in any order, fused or not, is off by at most
       γ = mu/(1 − mu) times the sum of their magnitudes, which is at most 1.1 (A + B)/2 + B/2.

    Together \|a − b\|² ≥ (1 − μ)(A + B) − 2Ŝ with μ = 4η + 3γ + 4u, about 2·10⁻⁵: the margin is a share of A
    and of B, so it splits in a constant of the query and a constant of the point, and an outlier among the
    points loosens no other point's bound. A point is excluded when

        −(1 − μ)B/2 + Ŝ < ((1 − μ)A − τ)/2,

    τ being the k-th exact distance so far, times 1 + (n_features + 4)·2⁻⁵¹ because a distance of floating-point
    data is itself a rounded sum, plus what may underflow. The inequality is strict, so a point at the same
    distance is compared and the order by index decides.
    """

    mean: np.ndarray
    components: np.ndarray
    scale: float
    order: np.ndarray
    tiles: np.ndarray

    @classmethod
    def fit(
        cls, X: np.ndarray, mean: np.ndarray | None = None, components: np.ndarray | None = None
    ) -> "PrincipalComponentIndex":
        """Project the training points and sort them into tiles.

        `X` is of shape (n_samples, n_features); `mean` and `components` are as in `KNNClassifier.fit`. By default the
        components are computed from at most 10,000 rows of `X`, evenly spread.
        """
        if mean is None:
            mean = X.mean(axis=0, dtype=np.float64)
        mean = _checked("mean", mean, X.shape[1:])
        scale = _scale(X, mean)
        if components is None:
            components = _leading_components(X, mean, scale)
        components = _checked_components(components, X.shape[1])
        fixed = _projection(mean, components, scale)
        coordinates, half_norms = _empty(len(X))
        in_blocks(lambda rows: _project(X[rows], fixed, coordinates[rows], half_norms[rows]), len(X), _BLOCK)
        order = _order_by_splits(coordinates[:, len(DEPTHS) :][:, :_SPLIT_DIMENSIONS])
        return cls(mean, components, scale, order, pack(coordinates, half_norms, order))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> "PrincipalComponentIndex":
        """Restore an index of training points of the given shape from its named arrays."""
        n_samples, n_features = shape
        mean, components = (np.ascontiguousarray(arrays[name], np.float64) for name in ("mean", "components"))
        order = np.ascontiguousarray(arrays["order"], np.int64)
        tiles = np.ascontiguousarray(arrays["tiles"], np.float32)
        found = mean.shape, components.shape[:1], order.shape, tiles.shape
        expected = (n_features,), (n_features,), (n_samples,), (-(-n_samples // LANES), *_TILE_SHAPE)
        if found != expected:
            raise ValueError(f"arrays has shapes {found}, expected {expected}: pass arrays that were stored together")
        return cls(mean, components, float(np.ravel(arrays["scale"])[0]), order, tiles)

    def project(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the coordinates of queries, and (1 − μ)A/2 of each, negative where it is out of range."""
        found = _empty(len(X))
        _project(X, self._projection, *found)
        return found

    @cached_property
    def _projection(self) -> _Fixed:
        return _projection(self.mean, self.components, self.scale)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The centroids of the tiles, and the numbers that turn a k-th distance into τ.

        The centroids are laid out as tiles are, float32 (n_groups, 1 + 16, 32): a lane is a tile, and its rows are the
        negative half squared norm and the leading coordinates. The value of its bound, without a residual, is largest
        for the nearest tile. The numbers are the inverse scale, the growth, and the underflow.
        """
        first = 1 + len(DEPTHS)
        means = self.tiles[:, first : first + CENTROID_DIMENSIONS].mean(axis=2)
        rows = np.concatenate([np.square(means).sum(axis=1, keepdims=True) * np.float32(-0.5), means], axis=1)
        n_features = self.components.shape[0]
        inverse = 1.0 / self.scale
        with np.errstate(over="ignore"):
            underflow = n_features * 2.0**-1022 * inverse * inverse
        return in_lanes(rows), np.array([inverse, 1.0 + (n_features + 4) * 2.0**-51, underflow])


def _checked(name: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The mean or the components as finite float64, with rows for all features."""
    array = np.asarray(array, np.float64)
    if array.ndim != len(shape) or array.shape[0] != shape[0] or not array.size:
        raise ValueError(f"{name} has shape {array.shape}: pass {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite")
    return array


def _checked_components(components: np.ndarray, n_features: int) -> np.ndarray:
    components = np.ascontiguousarray(_checked("components", components, (n_features, DEPTHS[-1]))[:, : DEPTHS[-1]])
    defect = _orthonormality_defect(components)
    if defect > _MAX_DEFECT:
        raise ValueError(
            f"the columns of components are not orthonormal: the norm of VᵀV − I is {defect:.2g}, "
            f"allowed is {_MAX_DEFECT:g}; pass unit eigenvectors as columns, not as rows"
        )
    return components


def _orthonormality_defect(components: np.ndarray) -> float:
    """ε = ‖VᵀV − I‖ in the Frobenius norm, with room for the rounding of VᵀV itself."""
    n_features, n_components = components.shape
    gram = components.T @ components
    return float(np.linalg.norm(gram - np.eye(n_components)) + n_features * n_components * 2.0**-51)


def _scale(X: np.ndarray, mean: np.ndarray) -> float:
    """The power of two at or above the largest centred norm: scaling by it does not round."""
    deviations = np.maximum(X.max(axis=0) - mean, mean - X.min(axis=0))
    largest = float(deviations.max())
    bound = largest * math.sqrt(X.shape[1])
    return math.ldexp(1.0, min(max(math.ceil(math.log2(bound)), -500), 600)) if bound > 0 else 1.0


def _leading_components(X: np.ndarray, mean: np.ndarray, scale: float) -> np.ndarray:
    """Eigenvectors of the covariance of some rows, float64 (n_features, at most 112)."""
    rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), _COVARIANCE_ROWS)).astype(np.int64))
    centered = (X[rows] - mean) / scale
    _, eigenvectors = np.linalg.eigh(centered.T @ centered)
    return np.asarray(eigenvectors[:, ::-1][:, : DEPTHS[-1]])


def _projection(mean: np.ndarray, components: np.ndarray, scale: float) -> _Fixed:
    """The arguments of the kernel `project` that are the same for all points."""
    columns = np.zeros((len(mean), DEPTHS[-1]))
    columns[:, : components.shape[1]] = components
    unit, terms = 2.0**-24, DEPTHS[-1] + 2
    eta = _orthonormality_defect(components) + 2.0 * unit + math.sqrt(DEPTHS[-1]) * len(mean) * 2.0**-52
    gamma = terms * unit / (1.0 - terms * unit)
    margins = np.array([eta, 4.0 * eta + 3.0 * gamma + 4.0 * unit])  # η and μ of the notes of the class
    return read_only(mean), read_only(columns), 1.0 / scale, margins, _MAX_SCALED_NORM**2


def _empty(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Arrays for the residual norms and coordinates of so many points, and for (1 − μ)/2 of their squared norms."""
    return np.empty((count, len(DEPTHS) + DEPTHS[-1]), np.float32), np.empty(count)


def _project(X: np.ndarray, fixed: _Fixed, coordinates: np.ndarray, half_norms: np.ndarray) -> None:
    from mnist_pipeline.kernels.knn import project

    project(read_only(X), *fixed, coordinates, half_norms)


def _order_by_splits(coordinates: np.ndarray) -> np.ndarray:
    """Order points so that each run of 32 is close together: split at the median of the widest coordinate.

    Halves are rounded to whole tiles, so that only the last tile may be short.
    """
    order = np.arange(len(coordinates))
    pending = [(0, len(order))]
    while pending:
        start, stop = pending.pop()
        if stop - start <= LANES:
            continue
        rows = order[start:stop]
        points = coordinates[rows]
        widest = int(points.var(axis=0).argmax())
        half = -(-((stop - start) // 2) // LANES) * LANES
        order[start:stop] = rows[np.argpartition(points[:, widest], min(half, stop - start - 1))]
        pending += [(start, start + half), (start + half, stop)]
    return order
