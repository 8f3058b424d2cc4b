"""The principal component index: a lower bound of the distance that is cheap, tight and rigorous."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mnist_pipeline.kernels.tiles import (
    CENTROID_DIMENSIONS,
    COORDINATE_ROW,
    DEPTHS,
    LANES,
    SUMMED_FEATURES,
    cut,
    in_lanes,
    pack,
)
from mnist_pipeline.utils.blocks import in_blocks, read_only

_BLOCK = 1024  # rows projected at a time
_SAMPLE_ROWS = 3_000  # rows from which the mean and the components are computed by default
_NUM_ITERATIONS = 2  # of the subspace iteration; more of them hardly prune better
_NEGLIGIBLE = 1e-10  # share of the largest square below which rounding would make a direction inexact
_TILES_PER_BLOCK = 256  # in the search for few queries
_MOST_COMPARED = 2_000  # points, for each of few queries; NumPy takes about 3 µs for each, compiled code a tenth
_MAX_DEFECT = 1e-3
_MAX_SCALED_NORM = 2.0**40  # queries that are farther out are compared exactly, so that float32 suffices

_TILE_SHAPE = (COORDINATE_ROW + DEPTHS[-1], LANES)

_Fixed = tuple[np.ndarray, np.ndarray, float, np.ndarray, float]


@dataclass(frozen=True)
class PrincipalComponentIndex:
    r"""Training points in a few principal components, ordered so that neighbours share a tile.

    Attributes
    ----------
    mean : ndarray of shape (n_features,), float64
        Subtracted from every point. Any finite vector is correct; the mean prunes best.
    components : ndarray of shape (n_features, n_components), float32
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
       ε of the orthonormal W of its polar decomposition.
    2. *Projection.* A stored coordinate vector p is Vᵀx. The kernel rounds the centred x, the entries of V, and
       finally p to float32, each of which is off by at most a share u. It adds products in float32 over 128 features
       at a time: such a sum is off by at most 128u/(1 − 128u) times the sum of the magnitudes of its terms. These sums
       are added in float64. By Cauchy–Schwarz, the magnitudes of all products with a column add up to at most \|x\|
       times the norm of the column, and there are 112 columns. Hence \|p − Wᵀx\| ≤ η\|x\| with
       η = ε + 4u + √112·(130u + 2⁻⁵²·n_features), which has room for the products of these terms, and for computing
       in float64, as `search_few` does.
    3. *Residuals.* \|Wᵀx\| ≥ \|p\| − η\|x\| gives ρ² ≤ \|x\|² − \|p\|² + 3η\|x\|². The stored residual norm is the
       square root of max(0, \|x\|² − \|p\|²) + 5η\|x\|², which is above ρ after rounding to float32. Squared norms are
       computed in float64.
    4. *Products.* Hence S ≤ Ŝ + 3η\|a\|\|b\|, where Ŝ uses the stored numbers, and \|a\|\|b\| ≤ (A + B)/2.
    5. *Summation.* A float32 sum of m = 112 + 2 terms, in any order, fused or not, is off by at most
       γ = mu/(1 − mu) times the sum of their magnitudes, which is at most 1.1 (A + B)/2 + B/2.

    Together \|a − b\|² ≥ (1 − μ)(A + B) − 2Ŝ with μ = 4η + 3γ + 4u, about 3.5·10⁻⁴: the margin is a share of A
    and of B, so it splits in a constant of the query and a constant of the point, and an outlier among the
    points loosens no other point's bound. A point is excluded when

        −(1 − μ)B/2 + Ŝ < ((1 − μ)A − τ)/2,

    τ being the k-th exact distance so far, times 1 + (n_features + 4)·2⁻⁵¹ because a distance of floating-point
    data is itself a rounded sum, plus what may underflow. The inequality is strict, so a point at the same
    distance is compared and the order by index decides. What underflows in float32 is below 2⁻¹¹⁰, by which the
    right side is lowered, or below the share of A.
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

        `X` is of shape (n_samples, n_features); `mean` and `components` are as in `KNNClassifier.fit`. By default they
        are computed from at most 3,000 rows of `X`, evenly spread.
        """
        sample = X[np.linspace(0, len(X) - 1, min(len(X), _SAMPLE_ROWS)).astype(np.int64)]
        if mean is None:
            mean = sample.mean(axis=0, dtype=np.float64)
        mean = _checked("mean", mean, X.shape[1:])
        scale = _scale(X, mean)
        if components is None:
            components = _leading_components(sample, mean, scale)
        components = _checked_components(components, X.shape[1])
        coordinates, half_norms = _project(X, _projection(mean, components, scale))
        order = sort(coordinates)
        return cls(mean, components, scale, order, pack(coordinates, half_norms, order))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> "PrincipalComponentIndex":
        """Restore an index of training points of the given shape from its named arrays."""
        n_samples, n_features = shape
        mean = np.ascontiguousarray(arrays["mean"], np.float64)
        components = np.ascontiguousarray(arrays["components"])
        order = np.ascontiguousarray(arrays["order"], np.int64)
        tiles = np.ascontiguousarray(arrays["tiles"], np.float32)
        found = mean.shape, components.shape[:1], order.shape, tiles.shape
        expected = (n_features,), (n_features,), (n_samples,), (-(-n_samples // LANES), *_TILE_SHAPE)
        if found != expected:
            raise ValueError(f"arrays has shapes {found}, expected {expected}: pass arrays that were stored together")
        return cls(mean, components, float(np.ravel(arrays["scale"])[0]), order, tiles)

    def project(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the coordinates of queries, and (1 − μ)A/2 of each, negative where it is out of range."""
        return _project(X, self._projection)

    @cached_property
    def _projection(self) -> _Fixed:
        return _projection(self.mean, self.components, self.scale)

    def centroids(self) -> np.ndarray:
        """The centroids of the tiles, laid out as tiles are: float32 (n_groups, 1 + 16, 32).

        A lane is a tile, and its rows are the negative half squared norm and the leading coordinates. The value of its
        bound, without a residual, is largest for the nearest tile.
        """
        means = self.tiles[:, COORDINATE_ROW : COORDINATE_ROW + CENTROID_DIMENSIONS].mean(axis=2)
        return in_lanes(np.concatenate([np.square(means).sum(axis=1, keepdims=True) * np.float32(-0.5), means], axis=1))

    @cached_property
    def limits(self) -> np.ndarray:
        """The numbers that turn a k-th distance into τ: the inverse scale, the growth, and what is added."""
        n_features = len(self.mean)
        inverse = 1.0 / self.scale
        with np.errstate(over="ignore"):
            added = n_features * 2.0**-1022 * inverse * inverse  # what may underflow
        return np.array([inverse, 1.0 + (n_features + 4) * 2.0**-51, added])

    def search_few(
        self, train: np.ndarray, queries: np.ndarray, num_neighbors: int
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Find the neighbours of a few queries in plain NumPy, which takes less time than importing Numba.

        Training points and queries are bytes. The bound of each pair is computed in all dimensions. The points of the
        tiles with the largest bounds give the first k-th distance; those that it does not exclude are compared.

        Returns
        -------
        squared_distances, indices : ndarray of shape (n_queries, num_neighbors), int64
            As from `KNNClassifier.kneighbors`. None instead of both if a query is so far from all points that the bound
            excludes too few of them.
        """
        coordinates, half_norms = self._project_few(queries)
        bounds = np.empty((len(self.tiles), len(queries), LANES), np.float32)

        def compute(tiles: slice) -> None:
            # The row before the coordinates has the residual norms beyond all of them.
            np.matmul(coordinates, self.tiles[tiles, COORDINATE_ROW - 1 :], out=bounds[tiles])
            bounds[tiles] += self.tiles[tiles, :1]

        in_blocks(compute, len(bounds), _TILES_PER_BLOCK)
        num_seeds = min(len(bounds), 1 + -(-num_neighbors // LANES))
        seeds = np.argpartition(bounds.max(axis=2), -num_seeds, axis=0)[-num_seeds:]
        squared_distances = np.empty((len(queries), num_neighbors), np.int64)
        indices = np.empty_like(squared_distances)
        lanes = np.arange(LANES)
        for i, query in enumerate(queries.astype(np.int32)):
            distances, _ = self._compare(train, query, seeds[:, i, np.newaxis] * LANES + lanes, num_neighbors)
            least = cut(half_norms[i], float(distances[-1]), self.limits)
            tiles, kept = np.nonzero(bounds[:, i] >= least)
            if len(tiles) > _MOST_COMPARED:
                return None
            squared_distances[i], indices[i] = self._compare(train, query, tiles * LANES + kept, num_neighbors)
        return squared_distances, indices

    def _compare(
        self, train: np.ndarray, query: np.ndarray, places: np.ndarray, num_neighbors: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The exact squared distances and the indices of the nearest of the points at these places in the tiles."""
        rows = self.order[places[places < len(self.order)]]  # the last tile may have empty lanes
        distances = np.square(train[rows] - query).sum(axis=1, dtype=np.int64)
        nearest = np.lexsort((rows, distances))[:num_neighbors]
        return distances[nearest], rows[nearest]

    def _project_few(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The last residual norm and the coordinates of queries, and (1 − μ)A/2 of each, as the kernel `project`."""
        mean, columns, inverse_scale, (eta, mu), farthest = self._projection
        centered = (X - mean) * inverse_scale
        squared_norms = np.square(centered).sum(axis=1)
        is_far = ~(squared_norms <= farthest)
        centered[is_far], squared_norms[is_far] = 0.0, 0.0
        coordinates = (centered @ columns).astype(np.float32)
        captured = np.square(coordinates, dtype=np.float64).sum(axis=1)
        residuals = np.sqrt(np.maximum(squared_norms - captured, 0.0) + 5.0 * eta * squared_norms)
        half_norms = np.where(is_far, -1.0, 0.5 * (1.0 - mu) * squared_norms)
        return np.column_stack([residuals, coordinates]).astype(np.float32), half_norms


def _checked(name: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The mean or the components as finite float64, with rows for all features."""
    array = np.asarray(array, np.float64)
    if array.ndim != len(shape) or array.shape[0] != shape[0] or not array.size:
        raise ValueError(f"{name} has shape {array.shape}: pass {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite")
    return array


def _checked_components(components: np.ndarray, n_features: int) -> np.ndarray:
    components = _checked("components", components, (n_features, DEPTHS[-1]))[:, : DEPTHS[-1]]
    components = np.ascontiguousarray(components, np.float32)
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
    exact = components.astype(np.float64)
    gram = exact.T @ exact
    return float(np.linalg.norm(gram - np.eye(n_components)) + n_features * n_components * 2.0**-51)


def _scale(X: np.ndarray, mean: np.ndarray) -> float:
    """The power of two at or above the largest centred norm: scaling by it does not round."""
    deviations = np.maximum(X.max(axis=0) - mean, mean - X.min(axis=0))
    largest = float(deviations.max())
    bound = largest * math.sqrt(X.shape[1])
    return math.ldexp(1.0, min(max(math.ceil(math.log2(bound)), -500), 600)) if bound > 0 else 1.0


def _leading_components(sample: np.ndarray, mean: np.ndarray, scale: float) -> np.ndarray:
    """Orthonormal columns near the leading eigenvectors of the covariance, float64 (n_features, at most 112).

    A subspace iteration from random columns takes a tenth of the time of all eigenvectors, and prunes as well.

    References
    ----------
    N. Halko, P. G. Martinsson, J. A. Tropp, "Finding structure with randomness: probabilistic algorithms for
    constructing approximate matrix decompositions", SIAM Review 53(2), 2011, algorithm 4.4.
    """
    centered = ((sample - mean) / scale).astype(np.float32)
    covariance = (centered.T @ centered).astype(np.float64)
    n_components = min(len(mean), DEPTHS[-1])
    if not covariance.any():
        return np.eye(len(mean), n_components)
    basis = np.random.default_rng(0).standard_normal((len(mean), n_components))
    for _ in range(_NUM_ITERATIONS):
        basis = covariance @ basis
        squares, rotation = np.linalg.eigh(basis.T @ basis)
        kept = squares > _NEGLIGIBLE * squares[-1]
        # B = U S Rᵀ gives Bᵀ B = R S² Rᵀ, so B R S⁻¹ = U: orthonormal, here with the largest of S first.
        basis = basis @ (rotation[:, kept] / np.sqrt(squares[kept]))[:, ::-1]
    return np.asarray(basis)


def _projection(mean: np.ndarray, components: np.ndarray, scale: float) -> _Fixed:
    """The arguments of the kernel `project` that are the same for all points."""
    columns = np.zeros((len(mean), DEPTHS[-1]), np.float32)
    columns[:, : components.shape[1]] = components
    unit, terms = 2.0**-24, DEPTHS[-1] + 2
    product = (SUMMED_FEATURES + 2) * unit + len(mean) * 2.0**-52
    eta = _orthonormality_defect(components) + 4.0 * unit + math.sqrt(DEPTHS[-1]) * product
    gamma = terms * unit / (1.0 - terms * unit)
    margins = np.array([eta, 4.0 * eta + 3.0 * gamma + 4.0 * unit])  # η and μ of the notes of the class
    return read_only(mean), read_only(columns), 1.0 / scale, margins, _MAX_SCALED_NORM**2


def _project(X: np.ndarray, fixed: _Fixed) -> tuple[np.ndarray, np.ndarray]:
    """The residual norms and coordinates of points, and (1 − μ)/2 of their squared norms."""
    from mnist_pipeline.kernels.knn import project

    points = read_only(X)
    coordinates, half_norms = np.empty((len(X), len(DEPTHS) + DEPTHS[-1]), np.float32), np.empty(len(X))
    in_blocks(lambda rows: project(points[rows], *fixed, coordinates[rows], half_norms[rows]), len(X), _BLOCK)
    return coordinates, half_norms


def sort(coordinates: np.ndarray) -> np.ndarray:
    """The order in which each run of 32 points is close together, int64 (n_points,)."""
    from mnist_pipeline.kernels.knn import order_by_splits

    order = np.arange(len(coordinates))
    order_by_splits(coordinates, order, np.empty(len(order), np.float32), 0, len(order))
    return order
