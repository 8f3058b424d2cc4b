"""The compiled inner loops of exact nearest-neighbour search.

Imported only when a search runs, so that importing :mod:`mnist_pipeline.knn` does not load Numba.
Every function here works on one thread and without the interpreter lock: :mod:`mnist_pipeline.knn`
hands blocks of queries to a pool of threads, and no result depends on how many there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.extending import overload

from mnist_pipeline.knn_index import DEPTHS, LANES

_NORM_ROW = 0
_RESIDUAL_ROW = 1
_COORDINATE_ROW = 1 + len(DEPTHS)
_SEED_TILES = 4


_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(**options: Any) -> Callable[[_Function], _Function]:
    """Give :func:`numba.njit` a type: Numba ships no annotations."""
    return cast("Callable[[_Function], _Function]", numba.njit(**options))


def squared_distance(a: Any, i: int, b: Any, j: int) -> Any:
    """Squared Euclidean distance between the rows ``a[i]`` and ``b[j]``; see the overload below."""
    raise NotImplementedError("only compiled code calls this")


@cast("Callable[[_Function], _Function]", overload(squared_distance))
def _squared_distance(a: Any, i: Any, b: Any, j: Any) -> Callable[..., Any]:
    """Choose the arithmetic by the types of the two arrays: bytes, integers, or floating point."""
    if a.dtype == numba.uint8 and b.dtype == numba.uint8:
        return _squared_distance_of_bytes
    if isinstance(a.dtype, numba.types.Integer) and isinstance(b.dtype, numba.types.Integer):
        return _squared_distance_of_integers
    return _squared_distance_of_floats


def _squared_distance_of_bytes(a: Any, i: Any, b: Any, j: Any) -> Any:
    # The casts keep Numba from widening to int64: int16 differences become one multiply-add instruction.
    # At most 32768 features: 32768 · 255² < 2³¹.
    total = np.int32(0)
    for f in range(a.shape[1]):
        difference = np.int16(np.int16(a[i, f]) - np.int16(b[j, f]))
        total = np.int32(total + np.int32(np.int32(difference) * np.int32(difference)))
    return np.int64(total)


def _squared_distance_of_integers(a: Any, i: Any, b: Any, j: Any) -> Any:
    total = np.int64(0)
    for f in range(a.shape[1]):
        difference = np.int64(a[i, f]) - np.int64(b[j, f])
        total += difference * difference
    return total


def _squared_distance_of_floats(a: Any, i: Any, b: Any, j: Any) -> Any:
    # Four running sums in a fixed order: fast without leave to reorder, hence the same everywhere.
    s0 = s1 = s2 = s3 = 0.0
    whole = a.shape[1] - a.shape[1] % 4
    for f in range(0, whole, 4):
        d0 = np.float64(a[i, f]) - np.float64(b[j, f])
        d1 = np.float64(a[i, f + 1]) - np.float64(b[j, f + 1])
        d2 = np.float64(a[i, f + 2]) - np.float64(b[j, f + 2])
        d3 = np.float64(a[i, f + 3]) - np.float64(b[j, f + 3])
        s0 += d0 * d0
        s1 += d1 * d1
        s2 += d2 * d2
        s3 += d3 * d3
    for f in range(whole, a.shape[1]):
        d0 = np.float64(a[i, f]) - np.float64(b[j, f])
        s0 += d0 * d0
    return (s0 + s1) + (s2 + s3)


@_compiled()
def _after(distance: Any, index: Any, other_distance: Any, other_index: Any) -> Any:
    """Whether a neighbour comes after another in the order (distance, index)."""
    return distance > other_distance or (distance == other_distance and index > other_index)


@_compiled()
def _sift_down(distances: Any, indices: Any, size: Any, distance: Any, index: Any) -> None:
    """Put a neighbour at the root of a heap whose root is the last in order, and let it sink."""
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and _after(distances[child + 1], indices[child + 1], distances[child], indices[child]):
            child += 1
        if not _after(distances[child], indices[child], distance, index):
            break
        distances[parent] = distances[child]
        indices[parent] = indices[child]
        parent = child
    distances[parent] = distance
    indices[parent] = index


@_compiled()
def _offer(distances: Any, indices: Any, distance: Any, index: Any) -> Any:
    """Keep a neighbour if it comes before the last of the heap; return whether it was kept."""
    if not _after(distances[0], indices[0], distance, index):
        return False
    _sift_down(distances, indices, distances.size, distance, index)
    return True


@_compiled()
def _sort_heap(distances: Any, indices: Any) -> None:
    """Turn the heap into ascending order, in place."""
    for last in range(distances.size - 1, 0, -1):
        distance, index = distances[last], indices[last]
        distances[last], indices[last] = distances[0], indices[0]
        _sift_down(distances, indices, last, distance, index)


@_compiled(cache=True, nogil=True)
def scan_all(queries: Any, train: Any, distances: Any, indices: Any) -> None:
    """Compare every query of a block with every training row (``algorithm="brute"``).

    ``distances`` must hold the largest value of its type and ``indices`` the largest integer.
    """
    rows = 256  # training rows that stay in cache while all queries of the block pass over them
    for start in range(0, train.shape[0], rows):
        for query in range(queries.shape[0]):
            for row in range(start, min(start + rows, train.shape[0])):
                _offer(distances[query], indices[query], squared_distance(queries, query, train, row), row)
    for query in range(queries.shape[0]):
        _sort_heap(distances[query], indices[query])


@_compiled(cache=True, nogil=True)
def scan_candidates(queries: Any, query: Any, train: Any, candidates: Any, distances: Any, indices: Any) -> None:
    """Compare one query with the training rows named in ``candidates``."""
    for candidate in candidates:
        _offer(distances, indices, squared_distance(queries, query, train, candidate), candidate)
    _sort_heap(distances, indices)


def _screen(level: int) -> Any:
    """Compile the test of one query against the points of one tile in the first dimensions.

    The compiled function returns a mask: bit j is set unless the bound excludes point j. The sum
    −(1 − μ)|t|²/2 + ρ_q ρ_t + Σ p_q p_t over all lanes vectorises because the trip counts are constants and
    nothing is stored; contraction to fused multiply-add only lowers the rounding error.
    """
    depth = DEPTHS[level]

    @_compiled(fastmath={"contract"})
    def screen(tiles: Any, tile: Any, coordinates: Any, query: Any, cut: Any) -> Any:
        mask = np.uint32(0)
        for lane in range(LANES):
            value = tiles[tile, _NORM_ROW, lane]
            value += coordinates[query, level] * tiles[tile, _RESIDUAL_ROW + level, lane]
            # Two loops, because a longer one is no longer unrolled and then nothing is vectorised.
            for p in range(min(depth, 32)):
                value += coordinates[query, _COORDINATE_ROW - 1 + p] * tiles[tile, _COORDINATE_ROW + p, lane]
            for p in range(32, depth):
                value += coordinates[query, _COORDINATE_ROW - 1 + p] * tiles[tile, _COORDINATE_ROW + p, lane]
            mask |= np.uint32(value >= cut) << np.uint32(lane)
        return mask

    return screen


def _sieve(level: int) -> Any:
    """Compile the loop that keeps, of the surviving queries, those whom a tile still concerns.

    Queries are written to the front of ``survivors`` without a branch; their number is returned.
    """
    screen = _screen(level)

    @_compiled()
    def sieve(tiles: Any, tile: Any, coordinates: Any, cuts: Any, survivors: Any, masks: Any, count: Any) -> Any:
        kept = np.int64(0)
        for i in range(count):
            query = survivors[i]
            mask = screen(tiles, tile, coordinates, query, cuts[query])
            survivors[kept] = query
            masks[kept] = mask
            kept += np.int64(mask != 0)
        return kept

    return sieve


_screen_all = _screen(len(DEPTHS) - 1)
_sieve_0, _sieve_1, _sieve_2, _sieve_3 = (_sieve(level) for level in range(len(DEPTHS)))


@_compiled()
def _cut(half_norm: Any, worst: Any, limits: Any) -> Any:
    """The value below which a point is farther than the k-th neighbour found so far.

    With τ the k-th distance in scaled units, c = ((1 − μ)|q|² − τ)/2, lowered by more than float32 can
    round (see :class:`mnist_pipeline.knn_index.PrincipalComponentIndex`).
    """
    inverse_scale, growth, underflow = limits[0], limits[1], limits[2]
    threshold = worst * inverse_scale * inverse_scale * growth + underflow
    if not threshold < np.inf or half_norm < 0.0:
        return np.float32(-np.inf)
    return np.float32(half_norm - 0.5 * threshold - (half_norm + threshold) * 2.0**-22 - 2.0**-110)


@_compiled()
def _refine(
    mask: Any, tile: Any, order: Any, queries: Any, query: Any, train: Any, distances: Any, indices: Any
) -> Any:
    """Offer the exact distances of the points in the mask; return whether any was kept."""
    kept = False
    for lane in range(min(LANES, order.size - tile * LANES)):
        if mask >> np.uint32(lane) & np.uint32(1):
            row = order[tile * LANES + lane]
            kept |= _offer(distances, indices, squared_distance(queries, query, train, row), row)
    return kept


@_compiled()
def _nearest_tiles(centroids: Any, coordinates: Any, query: Any, buffer: Any, nearness: Any, seeds: Any) -> None:
    """Find the tiles whose centroids are nearest, where the true neighbours are likely to be."""
    buffer[:] = 0.0
    for p in range(centroids.shape[0]):
        coordinate = coordinates[query, _COORDINATE_ROW - 1 + p]
        for tile in range(centroids.shape[1]):
            difference = coordinate - centroids[p, tile]
            buffer[tile] += difference * difference
    nearness[:] = np.inf
    seeds[:] = -1
    for tile in range(centroids.shape[1]):
        if buffer[tile] < nearness[0]:
            _offer(nearness, seeds, buffer[tile], tile)
    _sort_heap(nearness, seeds)


@_compiled()
def _is_seed(seeds: Any, tile: Any) -> Any:
    found = False
    for seed in seeds:
        found |= seed == tile
    return found


@_compiled(cache=True, nogil=True)
def scan_tiles(
    queries: Any,
    coordinates: Any,
    half_norms: Any,
    train: Any,
    tiles: Any,
    centroids: Any,
    order: Any,
    limits: Any,
    distances: Any,
    indices: Any,
) -> None:
    """Search a block of queries through the tiles of a principal component index.

    Each query first meets the tiles nearest to it, for a tight k-th distance early; then every tile passes by
    all queries of the block while it is in cache. A pair goes on to more dimensions only while the
    bound does not exclude it, and what no bound excludes is compared exactly.
    """
    num_queries = queries.shape[0]
    cuts = np.empty(num_queries, np.float32)
    seeds = np.empty((num_queries, _SEED_TILES), np.int64)
    nearness = np.empty(_SEED_TILES, np.float32)
    buffer = np.empty(tiles.shape[0], np.float32)
    survivors = np.empty(num_queries, np.int64)
    masks = np.empty(num_queries, np.uint32)
    for query in range(num_queries):
        cuts[query] = -np.inf
        _nearest_tiles(centroids, coordinates, query, buffer, nearness, seeds[query])
        for tile in seeds[query]:
            if tile < 0:
                continue
            mask = _screen_all(tiles, tile, coordinates, query, cuts[query])
            if mask and _refine(mask, tile, order, queries, query, train, distances[query], indices[query]):
                cuts[query] = _cut(half_norms[query], distances[query, 0], limits)
    for tile in range(tiles.shape[0]):
        for query in range(num_queries):
            survivors[query] = query
        count = _sieve_0(tiles, tile, coordinates, cuts, survivors, masks, num_queries)
        count = _sieve_1(tiles, tile, coordinates, cuts, survivors, masks, count)
        count = _sieve_2(tiles, tile, coordinates, cuts, survivors, masks, count)
        count = _sieve_3(tiles, tile, coordinates, cuts, survivors, masks, count)
        for i in range(count):
            query = survivors[i]
            if _is_seed(seeds[query], tile):
                continue
            if _refine(masks[i], tile, order, queries, query, train, distances[query], indices[query]):
                cuts[query] = _cut(half_norms[query], distances[query, 0], limits)
    for query in range(num_queries):
        _sort_heap(distances[query], indices[query])
