"""Read the plain twin of this module, `classifier.search_all`: it finds the same neighbours.

Here is the principal component index: a cheap, tight and rigorous lower bound of the distance.
"""

import math
from dataclasses import dataclass

import numpy as np

from mnist_pipeline.methods.knn.kernel_layout import COORDINATE_ROW, DEPTHS, LANES, SEED_TILES
from mnist_pipeline.utils.arguments import checked
from mnist_pipeline.utils.blocks import in_blocks, read_only, slices

_BLOCK = 2048  # rows projected at a time
_QUERIES_PER_BLOCK = 512  # the coordinates of this many queries fit the cache together with a tile
_SAMPLED = 256  # points from which the variances of a run are estimated
_NO_POINT = -1e30  # negative half norm of the padding of the last tile: below any cut
_SAMPLE_ROWS = 3_000  # rows from which the mean and the components are computed by default


@dataclass(frozen=True)
class PrincipalComponentIndex:
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
    2. *Projection.* A stored coordinate vector p is Vᵀx, computed in float64 and rounded to
       float32, by which it is off by at most a share u. The float64 sum of n_features products is
       off by at most 2⁻⁵²·n_features times the sum of their magnitudes. By Cauchy–Schwarz, the
       magnitudes of all products with a column add up to at most \|x\| times the norm of the
       column, and there are 112 columns. Hence \|p − Wᵀx\| ≤ η\|x\| with η = ε + 4u +
       √112·2⁻⁵²·n_features, which has room for the products of these terms.
    3. *Residuals.* \|Wᵀx\| ≥ \|p\| − η\|x\| gives ρ² ≤ \|x\|² − \|p\|² + 3η\|x\|². The stored
       residual norm is the square root of max(0, \|x\|² − \|p\|²) + 5η\|x\|², which is above ρ
       after rounding to float32. Squared norms are computed in float64.
    4. *Products.* Hence S ≤ Ŝ + 3η\|a\|\|b\|, where Ŝ uses the stored numbers, and \|a\|\|b\| ≤ (A
       + B)/2.
    5. *Summation.* A float32 sum of m = 112 + 2 terms, in any order, fused or not, is off by at
       most γ = mu/(1 − mu) times the sum of their magnitudes, which is at most 1.1 (A + B)/2 + B/2.

    Together \|a − b\|² ≥ (1 − μ)(A + B) − 2Ŝ with μ = 4η + 3γ + 4u, about 3·10⁻⁵: the margin is a
    share of A and of B, so it splits in a constant of the query and a constant of the point, and an
    outlier among the points loosens no other point's bound. A point is excluded when

        −(1 − μ)B/2 + Ŝ < ((1 − μ)A − τ)/2,

    τ being the k-th exact distance so far. The inequality is strict, so a point at the same
    distance is compared and the order by index decides. The right side is lowered by 2⁻²⁰, far more
    than what underflows in float32.
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

        `X` is of shape (n_samples, n_features); `mean` and `components` are as in
        `KNNClassifier.fit`. By default they are computed from at most 3,000 rows of `X`, evenly
        spread.
        """
        sample = X[np.linspace(0, len(X) - 1, min(len(X), _SAMPLE_ROWS)).astype(np.int64)]
        if mean is None:
            mean = sample.mean(axis=0)
        mean = np.asarray(checked("mean", mean, -1e9, 1e9, X.shape[1:]), np.float64)
        if components is None:  # eigenvectors of the covariance, largest eigenvalue first
            centered = sample - mean
            components = np.linalg.eigh(centered.T @ centered)[1][:, ::-1]
        components = np.ascontiguousarray(components[:, : DEPTHS[-1]], np.float32)
        # Up to this defect, the margin of the bound holds.
        checked("the defect of components", _orthonormality_defect(components), high=0.1)
        coordinates, half_norms = project(X, mean, components)
        order = sort(coordinates)
        num_tiles = -(-len(X) // LANES)
        rows = np.zeros((num_tiles * LANES, 1 + coordinates.shape[1]), np.float32)
        rows[len(X) :, 0] = _NO_POINT
        rows[: len(X), 0] = -half_norms[order]
        rows[: len(X), 1:] = coordinates[order]
        tiles = rows.reshape(num_tiles, LANES, -1).transpose(0, 2, 1)
        return cls(mean, components, order, np.ascontiguousarray(tiles))

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
        places = np.argsort(order)
        return squared_distances[places], indices[places]


def project(
    X: np.ndarray, mean: np.ndarray, components: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The residual norms and coordinates of points, and (1 − μ)/2 of their squared norms."""
    eta, mu = _margins(components)
    coordinates = np.zeros((len(X), len(DEPTHS) + DEPTHS[-1]), np.float32)
    squared_norms = np.empty((len(X), 1))
    for rows in slices(len(X), _BLOCK):
        centered = X[rows] - mean
        squared_norms[rows, 0] = np.einsum("ij,ij->i", centered, centered)
        projected = coordinates[rows, len(DEPTHS) :]  # the columns beyond the components stay 0
        projected[:, : components.shape[1]] = centered @ components
        captured = np.square(projected, dtype=np.float64).cumsum(axis=1)
        remaining = squared_norms[rows] - captured[:, np.array(DEPTHS) - 1]
        squared_residuals = np.maximum(remaining, 0) + 5 * eta * squared_norms[rows]
        coordinates[rows, : len(DEPTHS)] = np.sqrt(squared_residuals)
    return coordinates, 0.5 * (1 - mu) * squared_norms[:, 0]


def _margins(components: np.ndarray) -> tuple[float, float]:
    """η and μ of the notes on `PrincipalComponentIndex`."""
    unit = 2.0**-24
    terms = DEPTHS[-1] + 2
    rounding = 4.0 * unit + math.sqrt(DEPTHS[-1]) * len(components) * 2.0**-52
    eta = _orthonormality_defect(components) + rounding
    gamma = terms * unit / (1.0 - terms * unit)
    return eta, 4.0 * eta + 3.0 * gamma + 4.0 * unit


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
