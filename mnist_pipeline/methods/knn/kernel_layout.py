"""The layout of points in tiles, which the compiled search reads."""

# Points in a tile: one bit per point in a 32-bit mask, and two vector registers of 16 float32.
LANES = 32

DEPTHS = (12, 24, 40, 64, 112)  # leading dimensions after which a tile is tested against the bound
COORDINATE_ROW = 1 + len(DEPTHS)  # of a tile, after the half norms and the residual norms
# Features whose products a projection sums in float32, before it adds the sums in float64.
SUMMED_FEATURES = 128
SEED_TILES = 2  # adjacent tiles whose points a query is compared with first
