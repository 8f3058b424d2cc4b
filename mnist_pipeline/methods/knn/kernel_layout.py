"""The layout of points in tiles, which the compiled search reads."""

import numpy as np

# Points in a tile: one bit per point in a 32-bit mask, and two vector registers of 16 float32.
LANES = 32

DEPTHS = (12, 24, 40, 64, 112)  # leading dimensions after which a tile is tested against the bound
COORDINATE_ROW = 1 + len(DEPTHS)  # of a tile, after the half norms and the residual norms
# Features whose products a projection sums in float32, before it adds the sums in float64.
SUMMED_FEATURES = 128
CENTROID_DIMENSIONS = 16  # leading dimensions in which the tiles nearest to a query are found
_NO_POINT = -1e30  # negative half norm of the padding of the last tile: below any cut


def in_lanes(rows: np.ndarray) -> np.ndarray:
    """Arrange rows of a negative half norm and coordinates in tiles; pad the last tile."""
    n_tiles = -(-len(rows) // LANES)
    padded = np.zeros((n_tiles * LANES, rows.shape[1]), np.float32)
    padded[len(rows) :, 0] = _NO_POINT
    padded[: len(rows)] = rows
    return np.ascontiguousarray(padded.reshape(n_tiles, LANES, -1).transpose(0, 2, 1))
