"""Read the plain twin of this module, `classifier.search_all`: it finds the same neighbours.

Here are the compiled inner loops of the search. They are imported only when an index is built or
searched, so that importing `mnist_pipeline.methods.knn` does not load Numba. Every function runs on
one thread, without the interpreter lock. `index` divides the queries into blocks for a pool of
threads, and results do not depend on their number.

Two loops take most of the time and use explicit vectors: the bounds of a tile's 32 points for one
query after another, with the tile in registers, and the projection of rows. The exact comparison
waits for memory, so rows are prefetched while others are compared.

`project` and `scan_tiles` refuse arrays whose shapes do not fit each other, and no number in an
array makes them read or write outside an array.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it ships no types
from numba import types

from mnist_pipeline.methods.knn.kernel_layout import (
    COORDINATE_ROW,
    DEPTHS,
    LANES,
    SEED_TILES,
    SUMMED_FEATURES,
)
from mnist_pipeline.utils.compiled import INT32, INT64, Array, Emitter, compiled, intrinsic

_NORM_ROW = 0
_RESIDUAL_ROW = 1
_NUM_ROWS = COORDINATE_ROW + DEPTHS[-1]
_FIRST_COORDINATE = len(DEPTHS)  # in a row of a query, after its residual norms
_NUM_COLUMNS = _FIRST_COORDINATE + DEPTHS[-1]
_FETCHED = 32  # rows that are prefetched before they are compared
_CACHE_LINE = 64
_PROJECTED_ROWS = 3  # rows projected together: their sums fill 21 of 32 registers


@compiled()
def _squared_distance(a: Any, i: Any, b: Any, j: Any) -> Any:
    """Squared Euclidean distance between the rows ``a[i]`` and ``b[j]``, bytes."""
    # The casts keep Numba from widening to int64: int16 differences become one multiply-add
    # instruction. At most 32768 features: 32768 · 255² < 2³¹.
    total = np.int32(0)
    for f in range(a.shape[1]):
        difference = np.int16(np.int16(a[i, f]) - np.int16(b[j, f]))
        total = np.int32(total + np.int32(np.int32(difference) * np.int32(difference)))
    return np.int64(total)


@compiled()
def _after(distance: Any, index: Any, other_distance: Any, other_index: Any) -> Any:
    """Whether a neighbour comes after another in the order (distance, index)."""
    return distance > other_distance or (distance == other_distance and index > other_index)


@compiled()
def _offer(distances: Any, indices: Any, distance: Any, index: Any) -> Any:
    """Insert a neighbour if it comes before the last; return whether it was inserted."""
    if not _after(distances[-1], indices[-1], distance, index):
        return False
    position = distances.size - 1
    while position > 0 and _after(distances[position - 1], indices[position - 1], distance, index):
        distances[position] = distances[position - 1]
        indices[position] = indices[position - 1]
        position -= 1
    distances[position] = distance
    indices[position] = index
    return True


@compiled()
def _cut(half_norm: Any, worst: Any) -> Any:
    """The value below which a point is farther than the k-th neighbour found so far.

    With τ the k-th squared distance, c = ((1 − μ)|q|² − τ)/2, lowered by more than what underflows
    in float32 (see `index.PrincipalComponentIndex`).
    """
    return np.float32(half_norm - 0.5 * worst - 2.0**-20)


class _Bound(Emitter):
    """Vectors of the bounds of a tile: −(1 − μ)|t|²/2 + Σ p_q p_t + ρ_q ρ_t, a lane per point."""

    def points(self, tile: Any, row: int) -> list[Any]:
        """A row of a tile."""
        return [self.load(pointer) for pointer in self.row(tile, row, LANES)]

    def add_product(self, query: Any, column: int, row: list[Any], sums: list[Any]) -> list[Any]:
        """Add the product of a number of the query and a row of the tile; fused, it rounds less."""
        factor = self.broadcast(self.builder.load(self.at(query, column)))
        return [self.multiply_add(factor, vector, total) for vector, total in zip(row, sums)]

    def mask(self, sums: list[Any], cut: Any) -> Any:
        """Bit j is set unless lane j is below the cut."""
        mask = INT32(0)
        least = self.broadcast(cut)
        for j, vector in enumerate(sums):
            is_candidate = self.builder.fcmp_ordered(">=", vector, least)
            bits = self.builder.zext(
                self.builder.bitcast(is_candidate, ir.IntType(self.width)), INT32
            )
            mask = self.builder.or_(mask, self.builder.shl(bits, INT32(j * self.width)))
        return mask


@intrinsic(_Bound, returns=types.int64)
def _sieve(
    e: _Bound,
    tiles: Array,
    tile: Any,
    coordinates: Array,
    cuts: Array,
    sums: Array,
    survivors: Array,
    masks: Array,
    count: Any,
) -> Any:
    """Drop the queries whose bound excludes the whole tile; return the number of survivors.

    A query is tested in more and more dimensions. Each loop continues the sums of the previous loop
    in `sums`. Queries, masks and sums are stored at the front of their arrays without a branch.
    """
    builder = e.builder
    points = e.at(tiles.data, e.multiply(tile, _NUM_ROWS * LANES))
    for level, depth in enumerate(DEPTHS):
        is_first, is_last = level == 0, depth == DEPTHS[-1]
        dimensions = range(0 if is_first else DEPTHS[level - 1], depth)
        rows = [_RESIDUAL_ROW + level, *(COORDINATE_ROW + p for p in dimensions)]
        if is_first:
            rows.append(_NORM_ROW)
        fits = len(rows) * LANES // e.width < 30  # of 32 registers
        loaded = {row: e.points(points, row) for row in rows} if fits else {}
        kept = e.variable(INT64(0))
        with e.loop(0, count) as (i, _):
            index = i if is_first else builder.load(e.at(survivors.data, i))
            to = builder.load(kept)
            query = e.at(coordinates.data, e.multiply(index, _NUM_COLUMNS))
            values = loaded[_NORM_ROW] if is_first else e.points(sums.data, i)
            for p in dimensions:
                row = COORDINATE_ROW + p
                vectors = loaded.get(row) or e.points(points, row)
                values = e.add_product(query, _FIRST_COORDINATE + p, vectors, values)
            if not is_last:
                for vector, pointer in zip(values, e.row(sums.data, to, LANES)):
                    e.store(vector, pointer)
            row = _RESIDUAL_ROW + level
            residuals = loaded.get(row) or e.points(points, row)
            values = e.add_product(query, level, residuals, values)
            mask = e.mask(values, builder.load(e.at(cuts.data, index)))
            builder.store(index, e.at(survivors.data, to))
            builder.store(mask, e.at(masks.data, to))
            is_kept = builder.icmp_unsigned("!=", mask, INT32(0))
            builder.store(e.add(to, builder.zext(is_kept, INT64)), kept)
        count = builder.load(kept)
    return count


@intrinsic(Emitter, returns=types.int64)
def _lowest(e: Emitter, mask: Any) -> Any:
    """The number of the lowest bit that is set."""
    return e.builder.cttz(mask, ir.IntType(1)(1))


@intrinsic(Emitter)
def _fetch(e: Emitter, points: Array, row: Any) -> None:
    """Prefetch a row of bytes into the cache."""
    start = e.at(points.data, e.multiply(row, points.shape[1]))
    to_read_data_and_keep_it = INT32(0), INT32(3), INT32(1)
    with e.loop(0, points.shape[1], _CACHE_LINE) as (k, _):
        e.call("llvm.prefetch.p0", ir.VoidType(), e.at(start, k), *to_read_data_and_keep_it)


@intrinsic(Emitter)
def _multiply(
    e: Emitter, rows: Array, matrix: Array, first: Any, count: Any, products: Array
) -> None:
    """products = rows · matrix over `count` features from `first`, for `_PROJECTED_ROWS` rows.

    All sums are in registers.
    """
    starts = [e.item(rows, r, first) for r in range(_PROJECTED_ROWS)]
    totals = [[e.variable(e.zero) for _ in range(0, DEPTHS[-1], e.width)] for _ in starts]
    with e.loop(0, count) as (k, _):
        vectors = [e.load(pointer) for pointer in e.row(matrix.data, e.add(first, k), DEPTHS[-1])]
        for start, sums in zip(starts, totals):
            factor = e.broadcast(e.builder.load(e.at(start, k)))
            for vector, total in zip(vectors, sums):
                e.builder.store(e.multiply_add(factor, vector, e.builder.load(total)), total)
    for r, sums in enumerate(totals):
        for total, pointer in zip(sums, e.row(products.data, r, DEPTHS[-1])):
            e.store(e.builder.load(total), pointer)


@compiled(fastmath={"reassoc", "contract"})
def _center(row: Any, mean: Any, centered: Any) -> Any:
    """Centre a row; return its squared norm."""
    squared_norm = 0.0
    for f in range(row.size):
        value = row[f] - mean[f]
        centered[f] = value
        squared_norm += value * value
    return squared_norm


@compiled(cache=True, nogil=True)
def project(
    X: Any, mean: Any, components: Any, margins: Any, coordinates: Any, half_norms: Any
) -> None:
    """Compute the residual norms and coordinates of rows, and (1 − μ)/2 of their squared norms.

    `margins` are 6η and μ. `components` has `DEPTHS[-1]` columns; the last columns may be zero.
    Raises a ValueError if the shapes do not fit each other.
    """
    num_rows, num_features = X.shape
    if (
        mean.size != num_features
        or components.shape != (num_features, DEPTHS[-1])
        or coordinates.shape != (num_rows, _NUM_COLUMNS)
        or half_norms.size != num_rows
    ):
        raise ValueError("the arrays of a projection have shapes that do not fit each other")
    residual_margin, mu = margins
    centered = np.zeros((_PROJECTED_ROWS, num_features), np.float32)
    products = np.empty((_PROJECTED_ROWS, DEPTHS[-1]), np.float32)
    totals = np.empty(products.shape)
    squared_norms = np.empty(_PROJECTED_ROWS)
    for start in range(0, num_rows, _PROJECTED_ROWS):
        here = min(_PROJECTED_ROWS, num_rows - start)
        for r in range(here):
            squared_norms[r] = _center(X[start + r], mean, centered[r])
            half_norms[start + r] = 0.5 * (1.0 - mu) * squared_norms[r]
        totals[:] = 0.0
        for first in range(0, num_features, SUMMED_FEATURES):
            count = min(SUMMED_FEATURES, num_features - first)
            _multiply(centered, components, first, count, products)
            totals += products
        for r in range(here):
            captured = 0.0
            first = 0
            for level in range(len(DEPTHS)):
                for p in range(first, DEPTHS[level]):
                    coordinate = np.float32(totals[r, p])
                    coordinates[start + r, _FIRST_COORDINATE + p] = coordinate
                    captured += np.float64(coordinate) * np.float64(coordinate)
                first = DEPTHS[level]
                remaining = max(squared_norms[r] - captured, 0.0)
                residual = np.sqrt(remaining + residual_margin * squared_norms[r])
                coordinates[start + r, level] = residual


@compiled(fastmath={"contract"})
def _nearest(centroids: Any, query: Any) -> Any:
    """The number of the centroid that is nearest to a query."""
    squares = np.zeros(centroids.shape[1], np.float32)
    for p in range(centroids.shape[0]):
        for i in range(squares.size):
            difference = centroids[p, i] - query[p]
            squares[i] += difference * difference
    return squares.argmin()


@compiled(cache=True, nogil=True)
def scan_tiles(
    queries: Any,
    coordinates: Any,
    half_norms: Any,
    train: Any,
    tiles: Any,
    centroids: Any,
    order: Any,
    distances: Any,
    indices: Any,
) -> None:
    """Search a block of queries through the tiles of a principal component index.

    Each query is first compared with the points of the nearest of `centroids`, for a tight k-th
    distance early. Then every tile is tested against all queries of the block while it is in
    registers or in the cache. A pair is tested in more dimensions only if the previous bound does
    not exclude it. Pairs that no bound excludes are compared exactly.

    `order` has the row of `train` for each lane of each tile; a number that is no row is skipped.
    Raises a ValueError if the shapes do not fit each other.
    """
    num_queries, num_features = queries.shape
    num_points, num_tiles = train.shape[0], tiles.shape[0]
    if (
        train.shape[1] != num_features
        or num_features > 2**15
        or tiles.shape[1] != _NUM_ROWS
        or tiles.shape[2] != LANES
        or coordinates.shape != (num_queries, _NUM_COLUMNS)
        or half_norms.size != num_queries
        or centroids.shape[0] != DEPTHS[0]
        or centroids.shape[1] == 0
        or distances.shape[0] != num_queries
        or distances.shape[1] == 0
        or indices.shape != distances.shape
    ):
        raise ValueError("the arrays of a search have shapes that do not fit each other")
    seeds = np.empty(num_queries, np.int64)
    cuts = np.empty(num_queries, np.float32)
    survivors = np.empty(num_queries, np.int64)
    masks = np.empty(num_queries, np.uint32)
    sums = np.empty(num_queries * LANES, np.float32)
    # Pairs to compare: at most all pairs of a tile, and pairs left over from an incomplete batch.
    query_of = np.empty(num_queries * LANES + _FETCHED, np.int64)
    rows = np.empty(query_of.size, np.int64)
    for query in range(num_queries):
        seeds[query] = _nearest(centroids, coordinates[query, _FIRST_COORDINATE:])
        first = seeds[query] * SEED_TILES * LANES
        near = order[first : first + SEED_TILES * LANES]
        for row in near:
            if 0 <= row < num_points:
                _fetch(train, row)
        for row in near:
            if 0 <= row < num_points:
                distance = _squared_distance(queries, query, train, row)
                _offer(distances[query], indices[query], distance, row)
        cuts[query] = _cut(half_norms[query], distances[query, -1])
    pending = 0
    for tile in range(num_tiles):
        count = _sieve(tiles, tile, coordinates, cuts, sums, survivors, masks, num_queries)
        for i in range(count):
            query, mask = survivors[i], masks[i]
            if tile // SEED_TILES == seeds[query]:
                continue
            while mask:
                position = tile * LANES + _lowest(mask)
                mask &= mask - np.uint32(1)
                row = order[position] if position < order.size else -1
                if 0 <= row < num_points:
                    _fetch(train, row)
                    query_of[pending], rows[pending] = query, row
                    pending += 1
        if pending >= _FETCHED or tile == num_tiles - 1:
            for i in range(pending):
                query, row = query_of[i], rows[i]
                distance = _squared_distance(queries, query, train, row)
                if _offer(distances[query], indices[query], distance, row):
                    cuts[query] = _cut(half_norms[query], distances[query, -1])
            pending = 0
