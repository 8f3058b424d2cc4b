"""The layout of points in tiles, which the compiled search reads."""

import numpy as np

from mnist_pipeline.utils.blocks import slices

LANES = 32  # points in a tile: one bit each in a 32-bit mask, and two full vector registers of 16 float32

# The numbers of leading dimensions after which a tile is tested against the bound. They are compiled into
# `kernels.knn`, whose cache does not depend on this file: after a change here, touch that file too.
DEPTHS = (12, 24, 40, 64, 112)
CENTROID_DIMENSIONS = 16  # leading dimensions in which the tiles nearest to a query are found
_TILES_PER_BLOCK = 64  # tiles that fit the cache
_NO_POINT = -1e30  # half norm of the padding of the last tile: below any cut


def pack(coordinates: np.ndarray, half_norms: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Arrange the points in tiles, lanes innermost, float32 (n_tiles, 1 + 5 + 112, 32)."""
    n_tiles = -(-len(order) // LANES)
    tiles = np.empty((n_tiles, 1 + coordinates.shape[1], LANES), np.float32)
    for block in slices(n_tiles, _TILES_PER_BLOCK):
        rows = order[block.start * LANES : block.stop * LANES]
        half = -half_norms[rows, np.newaxis].astype(np.float32)
        tiles[block] = in_lanes(np.concatenate([half, coordinates[rows]], axis=1))
    return tiles


def in_lanes(rows: np.ndarray) -> np.ndarray:
    """Arrange rows of a negative half norm and coordinates in tiles; the last tile may have empty lanes."""
    n_tiles = -(-len(rows) // LANES)
    padded = np.zeros((n_tiles * LANES, rows.shape[1]), np.float32)
    padded[len(rows) :, 0] = _NO_POINT
    padded[: len(rows)] = rows
    return np.ascontiguousarray(padded.reshape(n_tiles, LANES, -1).transpose(0, 2, 1))
