"""Read the plain twin of this module, `classifier.search_all`: it finds the same neighbours.

Here is the principal component index: a cheap, tight and rigorous lower bound of the distance.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mnist_pipeline.methods.knn.kernel_layout import (
    COORDINATE_ROW,
    DEPTHS,
    LANES,
    SEED_TILES,
    SUMMED_FEATURES,
)
from mnist_pipeline.utils.arguments import checked, numbers
from mnist_pipeline.utils.blocks import in_blocks, read_only
from mnist_pipeline.utils.stored_types import stored_type

MANY_FEATURES = 4096  # with more features, their covariance is not worth its time and memory

_BLOCK = 1024  # rows projected at a time
_QUERIES_PER_BLOCK = 512  # the coordinates of this many queries fit the cache together with a tile
_SAMPLED = 256  # points from which the variances of a run are estimated
_NO_POINT = -1e30  # negative half norm of the padding of the last tile: below any cut
_SAMPLE_ROWS = 3_000  # rows from which the mean and the components are computed by default
_FARTHEST_MEAN = 1e9  # magnitude of a mean up to which float32 represents all squared norms
_LARGEST_DEFECT = 0.1  # of components: up to it, the margin of the bound holds
_VERIFIED = 256  # points of a restored index whose coordinates are computed again


_TYPES = {"mean": np.float64, "components": np.float32, "order": np.int64, "tiles": np.float32}


@stored_type
class PrincipalComponentIndex(NamedTuple):
    r"""Training points (bytes) in a few principal components, in tiles of neighbours.

    Attributes
    ----------
    mean : ndarray of shape (n_features,), float64
        Subtracted from every point. Any finite vector is correct; the mean prunes best.
    components : ndarray of shape (n_features, n_components), float32
        Nearly orthonormal columns. Any are correct; leading principal components prune best.
    order : ndarray of shape (n_samples,), int64
        The training row of each lane of each tile.
    tiles : ndarray of shape (n_tiles, 1 + 5 + 112, 32), float32
        For each tile of 32 points: the negative half squared norms, the residual norms beyond 12,
        24, 40, 64 and 112 dimensions, and the coordinates.

    Notes
    -----
    **The bound.** Let a and b be a query and a training point, centred; A = \|a\|² and B = \|b\|²;
    W a matrix with orthonormal columns; ρ² = \|x\|² − \|Wᵀx\|² the squared norm outside their
    span. Cauchy–Schwarz on the part outside the span gives

        ⟨a, b⟩ ≤ ⟨Wᵀa, Wᵀb⟩ + ρ_a ρ_b =: S,   \|a − b\|² = A + B − 2⟨a, b⟩ ≥ A + B − 2S.

    This is the distance in the leading components plus (ρ_a − ρ_b)², written so that one sum of
    products computes it, with the residual norm as one more coordinate.

    **The margin** makes it hold for the numbers the computer has, in float32, for any components.
    Write u = 2⁻²⁴.

    1. *Components.* With ε = ‖VᵀV − I‖ (Frobenius), all singular values of V lie within ε of one,
       so V is within ε of the orthonormal W of its polar decomposition.
    2. *Projection.* A stored coordinate vector p is Vᵀx. The kernel rounds the centred x and
       finally p to float32, each of which is off by at most a share u. It adds products in float32
       over 128 features at a time: such a sum is off by at most 128u/(1 − 128u) times the sum of
       the magnitudes of its terms. These sums are added in float64. By Cauchy–Schwarz, the
       magnitudes of all products with a column add up to at most \|x\| times the norm of the
       column, and there are 112 columns. Hence \|p − Wᵀx\| ≤ η\|x\| with η = ε + 4u +
       √112·(130u + 2⁻⁵²·n_features), which has room for the products of these terms.
    3. *Residuals.* \|Wᵀx\| ≥ \|p\| − η\|x\| gives ρ² ≤ r² + 3η\|x\|² with r² = max(0, \|x\|² −
       \|p\|²). The stored residual norm ρ̂ is the square root of r² + 6η\|x\|², rounded to float32,
       so ρ̂² ≥ ρ² + 2.5η\|x\|². Cauchy–Schwarz gives ρ̂_a ρ̂_b ≥ ρ_a ρ_b + 2.5η\|a\|\|b\|.
    4. *Products.* ⟨Wᵀa, Wᵀb⟩ ≤ ⟨p_a, p_b⟩ + (2η + η²)\|a\|\|b\|. With 3., S ≤ Ŝ, where Ŝ uses the
       stored numbers, because η² ≤ 0.5η.
    5. *Summation.* A float32 sum of m = 112 + 2 terms, in any order, fused or not, is off by at
       most γ = mu/(1 − mu) times the sum of their magnitudes. That is at most 1.9 (A + B)/2 + B/2,
       as ε ≤ 0.1.

    A point is excluded when, in float32,

        −(1 − μ)B/2 + Ŝ < ((1 − μ)A − τ)/2,

    τ being the k-th exact distance so far. The share μ = 3γ + 8u of A and of B covers the
    summation, and the rounding of both sides: the right side is at most A/2 + (A + B) + (τ −
    \|a − b\|²)/2 in magnitude, of which it is off by at most a share u. The margin splits in a
    constant of the query and a constant of the point, so an outlier among the points loosens no
    other point's bound. The inequality is strict, so a point at the same distance is compared and
    the order by index decides. The right side is lowered by 2⁻²⁰, far more than what underflows in
    float32.
    """

    mean: np.ndarray
    components: np.ndarray
    order: np.ndarray
    tiles: np.ndarray

    @classmethod
    def fit(
        cls, X: np.ndarray, mean: np.ndarray | None = None, components: np.ndarray | None = None
    ) -> "PrincipalComponentIndex":
        """Project the training points and sort them into tiles.

        `X` is of shape (n_samples, n_features); `mean` and `components` are as
        `checked_basis` returns them. By default they are computed from at most 3,000 rows of
        `X`, evenly spread.
        """
        sample = X[np.linspace(0, len(X) - 1, min(len(X), _SAMPLE_ROWS)).astype(np.int64)]
        if mean is None:
            mean = sample.mean(axis=0)
        if components is None:  # eigenvectors of the covariance, largest eigenvalue first
            centered = sample - mean
            components = np.linalg.eigh(centered.T @ centered)[1][:, ::-1]
            components = np.ascontiguousarray(components[:, : DEPTHS[-1]], np.float32)
        coordinates, half_norms = project(X, mean, components)
        order = sort(coordinates)
        num_tiles = -(-len(X) // LANES)
        rows = np.zeros((num_tiles * LANES, 1 + coordinates.shape[1]), np.float32)
        rows[len(X) :, 0] = _NO_POINT
        rows[: len(X), 0] = -half_norms[order]
        rows[: len(X), 1:] = coordinates[order]
        tiles = rows.reshape(num_tiles, LANES, -1).transpose(0, 2, 1)
        return cls(mean, components, order, np.ascontiguousarray(tiles))

    @classmethod
    def restore(cls, arrays: Mapping[str, ArrayLike], X: np.ndarray) -> "PrincipalComponentIndex":
        """The index of the training points `X` from its attributes by name.

        Raises a ValueError if an array has a wrong shape, type or number, or if the index is not of
        these points. To see that, the numbers of 256 points in the tiles are computed again.
        """
        num_points, num_features = X.shape
        if X.dtype != np.uint8 or num_features > MANY_FEATURES:
            raise ValueError(
                f"images have type {X.dtype} and {num_features} features; expected uint8 and at "
                f"most {MANY_FEATURES} features, as an index has"
            )
        values = {name: _typed(name, arrays[name], kind) for name, kind in _TYPES.items()}
        mean, components = checked_basis(values["mean"], values["components"], num_features)
        order = checked("order", values["order"], 0, num_points - 1, (num_points,), "iu")
        if np.bincount(order, minlength=num_points).max() > 1:
            raise ValueError("order has a row twice; expected each row of images once")
        shape = -(-num_points // LANES), COORDINATE_ROW + DEPTHS[-1], LANES
        tiles = checked("tiles", values["tiles"], shape=shape)
        assert mean is not None
        assert components is not None
        index = cls(mean, components, order, tiles)
        if not index._is_of(X):
            raise ValueError(
                "tiles are not of these images, or another version of mnist-pipeline made them: "
                "fit again; mnist-pipeline run --changed computes a stored knn_model again"
            )
        return index

    def search(
        self, train: np.ndarray, queries: np.ndarray, num_neighbors: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Squared distances and indices of neighbours, as `KNNClassifier.kneighbors` returns."""
        from mnist_pipeline.methods.knn.kernel import scan_tiles

        coordinates, half_norms = project(queries, self.mean, self.components)
        # Close queries follow one another, because they are compared with the same points, which
        # are then in the cache.
        order = sort(coordinates)
        squared_distances = np.full((len(queries), num_neighbors), np.iinfo(np.int64).max)
        indices = squared_distances.copy()
        points, tiles, tile_order = map(read_only, (train, self.tiles, self.order))
        leading = self.tiles[:, COORDINATE_ROW : COORDINATE_ROW + DEPTHS[0]].mean(axis=2)
        # Of a single tile at the end it is half the centroid, which costs time and no exactness.
        centroids = np.add.reduceat(leading, np.arange(0, len(leading), SEED_TILES)) / SEED_TILES
        centroids = np.ascontiguousarray(centroids.T)

        def scan(rows: slice) -> None:
            block = order[rows]
            scan_tiles(
                read_only(queries[block]),
                coordinates[block],
                half_norms[block],
                points,
                tiles,
                centroids,
                tile_order,
                squared_distances[rows],
                indices[rows],
            )

        in_blocks(scan, len(queries), _QUERIES_PER_BLOCK)
        positions = np.argsort(order)
        return squared_distances[positions], indices[positions]

    def _is_of(self, X: np.ndarray) -> bool:
        """Whether evenly spread points have their numbers in the tiles, and the padding has none.

        The limits leave room for float32 only: an index with other margins is not of these points.
        """
        padding = self.tiles[-1, :, 1 + (len(X) - 1) % LANES :]
        if (padding[0] != np.float32(_NO_POINT)).any() or padding[1:].any():
            return False
        positions = np.linspace(0, len(X) - 1, min(len(X), _VERIFIED)).astype(np.int64)
        stored = self.tiles[positions // LANES, :, positions % LANES].astype(np.float64)
        points = X[self.order[positions]]
        coordinates, half_norms = project_in_float64(points, self.mean, self.components)
        limits = 2e-4 * half_norms[:, np.newaxis]  # nearly a share 10⁻⁴ of the squared norms
        residuals = slice(1, COORDINATE_ROW)
        squared_residuals = np.square(coordinates[:, : len(DEPTHS)])
        errors = stored[:, COORDINATE_ROW:] - coordinates[:, len(DEPTHS) :]
        return bool(
            (np.abs(stored[:, 0] + half_norms) <= 1e-6 * half_norms).all()
            and (np.abs(np.square(stored[:, residuals]) - squared_residuals) <= limits).all()
            and (np.square(errors) <= 1e-4 * limits).all()
        )


def checked_basis(
    mean: ArrayLike | None, components: ArrayLike | None, num_features: int
) -> tuple[NDArray[np.float64] | None, NDArray[np.float32] | None]:
    """The mean and the leading components in the types of an index; a ValueError if the bound does
    not hold for them. None stays None.
    """
    if mean is not None:
        mean = checked("mean", mean, -_FARTHEST_MEAN, _FARTHEST_MEAN, (num_features,))
        mean = np.require(mean, np.float64, ["C", "A"])
    if components is not None:
        # A column of a norm of at most √1.1 has no larger entry.
        columns = checked("components", components, -2, 2, (num_features, None))
        components = np.require(columns[:, : DEPTHS[-1]], np.float32, ["C", "A"])
        defect = _orthonormality_defect(components)
        checked("the defect of components", defect, high=_LARGEST_DEFECT)
    return mean, components


def project(
    X: np.ndarray, mean: np.ndarray, components: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The residual norms and coordinates of points, and (1 − μ)/2 of their squared norms."""
    from mnist_pipeline.methods.knn import kernel

    columns = np.zeros((len(components), DEPTHS[-1]), np.float32)
    columns[:, : components.shape[1]] = components
    fixed = read_only(mean), read_only(columns), _margins(components)
    coordinates = np.empty((len(X), len(DEPTHS) + DEPTHS[-1]), np.float32)
    half_norms = np.empty(len(X))
    points = read_only(X)

    def project_block(rows: slice) -> None:
        kernel.project(points[rows], *fixed, coordinates[rows], half_norms[rows])

    in_blocks(project_block, len(X), _BLOCK)
    return coordinates, half_norms


def project_in_float64(
    X: np.ndarray, mean: np.ndarray, components: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The plain twin of `project`, for few points."""
    residual_margin, mu = _margins(components)
    centered = X - mean
    squared_norms = np.square(centered).sum(axis=1, keepdims=True)
    projected = np.zeros((len(X), DEPTHS[-1]))  # the columns beyond the components stay 0
    projected[:, : components.shape[1]] = centered @ components
    captured = np.square(projected).cumsum(axis=1)[:, np.array(DEPTHS) - 1]
    squared_residuals = np.maximum(squared_norms - captured, 0)
    squared_residuals += residual_margin * squared_norms
    coordinates = np.hstack([np.sqrt(squared_residuals), projected])
    return coordinates, 0.5 * (1 - mu) * squared_norms[:, 0]


def _margins(components: np.ndarray) -> tuple[float, float]:
    """6η and μ of the notes on `PrincipalComponentIndex`."""
    unit = 2.0**-24
    terms = DEPTHS[-1] + 2
    product = (SUMMED_FEATURES + 2) * unit + len(components) * 2.0**-52
    eta = _orthonormality_defect(components) + 4.0 * unit + math.sqrt(DEPTHS[-1]) * product
    gamma = terms * unit / (1.0 - terms * unit)
    return 6.0 * eta, 3.0 * gamma + 8.0 * unit


def _orthonormality_defect(components: np.ndarray) -> float:
    """ε = ‖VᵀV − I‖ in the Frobenius norm, with room for the rounding of VᵀV itself."""
    n_features, n_components = components.shape
    exact = components.astype(np.float64)
    gram = exact.T @ exact
    return float(np.linalg.norm(gram - np.eye(n_components)) + n_features * n_components * 2.0**-51)


def sort(coordinates: np.ndarray) -> np.ndarray:
    """The order in which each run of 32 points is close together, int64 (n_points,).

    A run is split at the median of the coordinate that varies most, and both halves are sorted in
    the same way. They are rounded to whole tiles, so that only the last tile may be short.
    """
    leading = coordinates[:, len(DEPTHS) : len(DEPTHS) + DEPTHS[0]]
    order = np.arange(len(coordinates))

    def split(run: np.ndarray) -> None:
        if len(run) <= LANES:
            return
        widest = leading[run[:: 1 + len(run) // _SAMPLED]].var(axis=0).argmax()
        middle = (len(run) // 2 + LANES - 1) // LANES * LANES
        run[:] = run[np.argpartition(leading[run, widest], middle)]
        split(run[:middle])
        split(run[middle:])

    split(order)
    return order


def _typed(name: str, values: ArrayLike, kind: DTypeLike) -> NDArray[Any]:
    """An array of exactly this type, in the byte order of the machine."""
    array = numbers(name, values)
    if array.dtype.newbyteorder("=") != kind:
        raise ValueError(f"{name} has type {array.dtype}; expected {np.dtype(kind)}")
    return array.astype(kind, copy=False)
