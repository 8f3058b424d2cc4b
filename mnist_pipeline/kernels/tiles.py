"""The layout of points in tiles, which the compiled search reads."""

from typing import Any

import numpy as np

from mnist_pipeline.utils.blocks import in_blocks

LANES = 32  # points in a tile: one bit each in a 32-bit mask, and two full vector registers of 16 float32

DEPTHS = (12, 24, 40, 64, 112)  # leading dimensions after which a tile is tested against the bound
COORDINATE_ROW = 1 + len(DEPTHS)  # first row of a tile with coordinates, after half norms and residual norms
SUMMED_FEATURES = 128  # features whose products a projection sums in float32, before it adds the sums in float64
CENTROID_DIMENSIONS = 16  # leading dimensions in which the tiles nearest to a query are found
_TILES_PER_BLOCK = 64  # tiles that fit the cache
_NO_POINT = -1e30  # half norm of the padding of the last tile: below any cut


def pack(coordinates: np.ndarray, half_norms: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Arrange the points in tiles, lanes innermost, float32 (n_tiles, 1 + 5 + 112, 32)."""
    n_tiles = -(-len(order) // LANES)
    tiles = np.empty((n_tiles, 1 + coordinates.shape[1], LANES), np.float32)

    def fill(block: slice) -> None:
        rows = order[block.start * LANES : block.stop * LANES]
        half = -half_norms[rows, np.newaxis].astype(np.float32)
        tiles[block] = in_lanes(np.concatenate([half, coordinates[rows]], axis=1))

    in_blocks(fill, n_tiles, _TILES_PER_BLOCK)
    return tiles


def in_lanes(rows: np.ndarray) -> np.ndarray:
    """Arrange rows of a negative half norm and coordinates in tiles; the last tile may have empty lanes."""
    n_tiles = -(-len(rows) // LANES)
    padded = np.zeros((n_tiles * LANES, rows.shape[1]), np.float32)
    padded[len(rows) :, 0] = _NO_POINT
    padded[: len(rows)] = rows
    return np.ascontiguousarray(padded.reshape(n_tiles, LANES, -1).transpose(0, 2, 1))


def cut(half_norm: Any, worst: Any, limits: Any) -> Any:
    """The value below which a point is farther than the k-th neighbour found so far.

    With τ the k-th distance in scaled units, c = ((1 − μ)|q|² − τ)/2, lowered by more than float32 can
    round (see :class:`mnist_pipeline.knn.index.PrincipalComponentIndex`).
    """
    inverse_scale, growth, added = limits[0], limits[1], limits[2]
    threshold = worst * inverse_scale * inverse_scale * growth + added
    if not threshold < np.inf or half_norm < 0.0:
        return np.float32(-np.inf)
    return np.float32(half_norm - 0.5 * threshold - (half_norm + threshold) * 2.0**-22 - 2.0**-110)
