"""The compiled second layer of the convolutional network: Winograd's convolution, pooling and ReLU, and the gradients.

The convolution works on tiles. It computes 4×4 results from 8×8 values of each channel by 64 matrix products, one per
value of a tile. A direct convolution needs 25 products at 16 positions, which are 6.25 times as many multiplications.
See `kernels.winograd_matrices`. The plain reference is `networks.CNN`.

Each function runs on one thread, without the interpreter lock, on blocks of images whose factors fit the cache. The
result of an image does not depend on the number of threads that share the images.

The layout of the factors is (64, tiles + 1, channels). The unused tile makes the distance between two positions no
power of two; otherwise all positions would map to the same few lines of the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]  # it ships no types
from numba import types

from mnist_pipeline.kernels.compiled import BYTE, INT64, alloca, compiled, intrinsic
from mnist_pipeline.kernels.convolution import SIDE, WIDTH, WINDOW, Channels
from mnist_pipeline.kernels.winograd_matrices import Matrix, transposed, winograd

CHANNELS_IN, CHANNELS_OUT = 32, 64

STEP = 4  # rows and columns of the results of a tile
TILE = STEP + SIDE - 1  # rows and columns of the values that they are computed from
PLACES = TILE * TILE
BLOCK = 16  # images at a time

_MATRICES = winograd(STEP, SIDE)
_ROWS = 4  # of a product at a time
_HALF = STEP // 2  # rows and columns of a tile after pooling
_WINDOWS = [(row, column) for row in range(_HALF) for column in range(_HALF)]

# From the 25 taps of a kernel, row by row, to its 64 factors.
KERNEL_FACTORS = np.kron(*[np.array(_MATRICES.kernel, np.float64)] * 2).astype(np.float32)


class _Tile(Channels):
    """A tile, with some channels of each of its positions."""

    def both(self, matrix: Matrix, square: list[list[Any]]) -> list[list[Any]]:
        """matrix · square · matrixᵀ."""
        columns = [self._product(matrix, column) for column in zip(*square)]
        return [self._product(matrix, row) for row in zip(*columns)]

    def pixel(self, i: int, place: tuple[Any, Any, Any], offset: tuple[int, int], channel: Any) -> Any:
        """Pointer into an array argument (images, rows, columns, channels) at an offset from (image, row, column)."""
        b = self.builder
        row, column = (b.add(value, INT64(by)) for value, by in zip(place[1:], offset))
        line = b.add(b.mul(place[0], self.size(i, 1)), row)
        return self.at(self.data(i), b.mul(b.add(b.mul(line, self.size(i, 2)), column), self.size(i, 3)), channel)

    def load_factors(self, i: int, tile: Any, channel: Any) -> list[list[Any]]:
        """The factors of a tile, from an array argument."""
        places = [[(row, column) for column in range(TILE)] for row in range(TILE)]
        return [[self.load(self._factor(i, place, tile, channel)) for place in line] for line in places]

    def store_factors(self, square: list[list[Any]], i: int, tile: Any, channel: Any) -> None:
        """Store the factors of a tile in an array argument."""
        for row, line in enumerate(square):
            for column, vector in enumerate(line):
                self.store(vector, self._factor(i, (row, column), tile, channel))

    def _factor(self, i: int, place: tuple[int, int], tile: Any, channel: Any) -> Any:
        line = self.builder.add(self.builder.mul(INT64(place[0] * TILE + place[1]), self.size(i, 1)), tile)
        return self.at(self.data(i), self.builder.mul(line, self.size(i, 2)), channel)

    def _product(self, matrix: Matrix, vectors: Any) -> list[Any]:
        """Product of a constant matrix with vectors: factors 1 and -1 become additions, and 0 is skipped."""
        found = []
        for row in matrix:
            # 1 first, then -1, then the others.
            terms = sorted(((f, v) for f, v in zip(row, vectors) if f), key=lambda term: (term[0] != 1, term[0] != -1))
            total = None
            for factor, vector in terms:
                if abs(factor) != 1:
                    constant = ir.Constant(self.vector, [float(factor)] * WIDTH)
                    total = self.multiply_add(constant, vector, total or self.zero)
                elif factor < 0:
                    total = self.builder.fsub(total or self.zero, vector)
                else:
                    total = self.builder.fadd(total, vector) if total else vector
            found.append(total)
        return found


@intrinsic
def _enter(typingctx, images, n, row, column, channel, factors, tile):  # type: ignore[no-untyped-def]  # Numba types
    """Store the factors of the tile with its corner at (row, column) of an image."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Tile(context, builder, signature, arguments)
        _, n, row, column, channel, _, tile = arguments
        offsets = [[(i, j) for j in range(TILE)] for i in range(TILE)]
        square = [[e.load(e.pixel(0, (n, row, column), offset, channel)) for offset in line] for line in offsets]
        e.store_factors(e.both(_MATRICES.input, square), 5, tile, channel)
        return e.nothing()

    return types.void(images, *[types.int64] * 4, factors, types.int64), emit


@intrinsic
def _leave(typingctx, products, tile, bias, output, argmax, n, row, column, channel):  # type: ignore[no-untyped-def]  # Numba types
    """Transform products into the results of a tile; store the ReLU of each window's maximum, and its position."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Tile(context, builder, signature, arguments)
        _, tile, _, _, _, n, row, column, channel = arguments
        square = e.both(_MATRICES.output, e.load_factors(0, tile, channel))
        offsets = e.load(e.at(e.data(2), channel))
        for window in _WINDOWS:
            largest, where = e.largest([square[2 * window[0] + i][2 * window[1] + j] for i, j in WINDOW])
            rectified = e.maximum(e.zero, builder.fadd(largest, offsets))
            e.store(rectified, e.pixel(3, (n, row, column), window, channel))
            e.store_narrow(where, e.pixel(4, (n, row, column), window, channel), BYTE)
        return e.nothing()

    return types.void(products, types.int64, bias, output, argmax, *[types.int64] * 4), emit


@intrinsic
def _enter_gradient(typingctx, gradient, output, argmax, n, row, column, channel, products, tile, sums):  # type: ignore[no-untyped-def]  # Numba types
    """Store the gradients of the products of a tile, and add those of the biases: the reverse of `_leave`."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Tile(context, builder, signature, arguments)
        n, row, column, channel, _, tile, _ = arguments[3:]
        square = [[e.zero] * STEP for _ in range(STEP)]
        total = e.load(e.at(e.data(9), channel))
        for window in _WINDOWS:
            given, found, where = (e.pixel(i, (n, row, column), window, channel) for i in range(3))
            passed = e.rectified_part(e.load(given), e.load(found))
            total = builder.fadd(total, passed)
            for (i, j), part in zip(WINDOW, e.parts(passed, e.load_bytes(where))):
                square[2 * window[0] + i][2 * window[1] + j] = part
        e.store(total, e.at(e.data(9), channel))
        e.store_factors(e.both(transposed(_MATRICES.output), square), 7, tile, channel)
        return e.nothing()

    return types.void(gradient, output, argmax, *[types.int64] * 4, products, types.int64, sums), emit


@intrinsic
def _leave_gradient(typingctx, factors, tile, images, n, row, column, channel):  # type: ignore[no-untyped-def]  # Numba types
    """Add the gradients of the values of a tile to those of an image: the reverse of `_enter`."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Tile(context, builder, signature, arguments)
        _, tile, _, n, row, column, channel = arguments
        square = e.both(transposed(_MATRICES.input), e.load_factors(0, tile, channel))
        for i, line in enumerate(square):
            for j, vector in enumerate(line):
                pointer = e.pixel(2, (n, row, column), (i, j), channel)
                e.store(builder.fadd(e.load(pointer), vector), pointer)
        return e.nothing()

    return types.void(factors, types.int64, images, *[types.int64] * 4), emit


def _multiplying(num_columns: int, *, columnwise: bool) -> Any:
    """Compile a product of two of the 64 pairs of matrices, `_ROWS` rows of it at a time.

    ``products[place, row : row + 4] = a[place, row : row + 4] @ b[place]``; if `columnwise`, add to them
    ``a[place, :, row : row + 4].T @ b[place]``. The sum has `depth` terms. All sums are in registers; processors with
    512-bit registers have twice as many.
    """
    at_once = num_columns if binding.get_host_cpu_features().get("avx512f") else WIDTH

    @intrinsic
    def multiply(typingctx, a, b, products, place, row, depth):  # type: ignore[no-untyped-def]  # Numba types
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            e = Channels(context, builder, signature, arguments)
            place, row, depth = arguments[3:]
            start, factors, results = (
                e.at(e.data(i), builder.mul(place, builder.mul(e.size(i, 1), e.size(i, 2)))) for i in range(3)
            )
            results = e.at(results, builder.mul(row, e.size(2, 2)))
            step, line = (INT64(1), e.size(0, 2)) if columnwise else (e.size(0, 2), INT64(1))
            start = e.at(start, builder.mul(row, step))
            rows = [INT64(r) for r in range(_ROWS)]
            for first in range(0, num_columns, at_once):
                columns = range(first, first + at_once, WIDTH)
                pointers = [[e.at(results, builder.mul(e.size(2, 2), r), column) for column in columns] for r in rows]
                totals = [[alloca(builder, e.load(p) if columnwise else e.zero) for p in of_row] for of_row in pointers]
                with e.entries(INT64(0), depth) as (k, _):
                    factor_row = e.at(factors, builder.mul(k, e.size(1, 2)))
                    vectors = [e.load(e.at(factor_row, column)) for column in columns]
                    for r, of_row in zip(rows, totals):
                        value = e.broadcast(builder.load(e.at(start, builder.mul(step, r), builder.mul(line, k))))
                        for vector, total in zip(vectors, of_row):
                            builder.store(e.multiply_add(value, vector, builder.load(total)), total)
                for of_row, places in zip(totals, pointers):
                    for total, pointer in zip(of_row, places):
                        e.store(builder.load(total), pointer)
            return e.nothing()

        return types.void(a, b, products, *[types.int64] * 3), emit

    return multiply


_multiply = _multiplying(CHANNELS_OUT, columnwise=False)
_multiply_back = _multiplying(CHANNELS_IN, columnwise=False)
_add_kernel_gradients = _multiplying(CHANNELS_OUT, columnwise=True)


@compiled(nogil=True)
def _enter_block(images: Any, start: int, count: int, factors: Any) -> None:
    """Store the factors of a block of images."""
    for i in range(count):
        for t in range(4):
            for channel in range(0, CHANNELS_IN, WIDTH):
                _enter(images, start + i, t // 2 * STEP, t % 2 * STEP, channel, factors, 4 * i + t)


@compiled(cache=True, nogil=True)
def convolve_and_pool(images: Any, kernels: Any, bias: Any, output: Any, argmax: Any) -> None:
    """Convolve, take the maximum of each window of 2×2, and apply ReLU.

    `images` are (n, 12, 12, 32), `kernels` the factors of the kernels, (64, 32, 64), both float32. The results go into
    `output` and `argmax`, (n, 4, 4, 64): the values, float32, and the position of the maximum in the window, 0 to 3
    row by row, uint8.
    """
    factors = np.empty((PLACES, 4 * BLOCK + 1, CHANNELS_IN), np.float32)
    products = np.empty((PLACES, 4 * BLOCK + 1, CHANNELS_OUT), np.float32)
    for start in range(0, len(images), BLOCK):
        count = min(BLOCK, len(images) - start)
        _enter_block(images, start, count, factors)
        for place in range(PLACES):
            for row in range(0, 4 * count, _ROWS):
                _multiply(factors, kernels, products, place, row, CHANNELS_IN)
        for i in range(count):
            for t in range(4):
                for channel in range(0, CHANNELS_OUT, WIDTH):
                    _leave(products, 4 * i + t, bias, output, argmax, start + i, t // 2 * 2, t % 2 * 2, channel)


@compiled(cache=True, nogil=True)
def add_gradients(
    gradient: Any,
    images: Any,
    output: Any,
    argmax: Any,
    kernels: Any,
    kernel_sums: Any,
    bias_sums: Any,
    image_gradient: Any,
) -> None:
    """Add the gradients of the kernels' factors (64, 32, 64) and of the biases (64,), from the output's.

    `kernels` are the factors of the transposed kernels, (64, 64, 32). The gradient of the images goes into
    `image_gradient`, (n, 12, 12, 32); if that is empty, it is not computed.
    """
    factors = np.empty((PLACES, 4 * BLOCK + 1, CHANNELS_IN), np.float32)
    products = np.empty((PLACES, 4 * BLOCK + 1, CHANNELS_OUT), np.float32)
    image_gradient[:] = 0
    for start in range(0, len(output), BLOCK):
        count = min(BLOCK, len(output) - start)
        _enter_block(images, start, count, factors)
        for i in range(count):
            for t in range(4):
                for channel in range(0, CHANNELS_OUT, WIDTH):
                    row, column = t // 2 * 2, t % 2 * 2
                    _enter_gradient(
                        gradient, output, argmax, start + i, row, column, channel, products, 4 * i + t, bias_sums
                    )
        for place in range(PLACES):
            for row in range(0, CHANNELS_IN, _ROWS):
                _add_kernel_gradients(factors, products, kernel_sums, place, row, 4 * count)
        if len(image_gradient) == 0:
            continue
        for place in range(PLACES):
            for row in range(0, 4 * count, _ROWS):
                _multiply_back(products, kernels, factors, place, row, CHANNELS_OUT)
        for i in range(count):
            for t in range(4):
                for channel in range(0, CHANNELS_IN, WIDTH):
                    row, column = t // 2 * STEP, t % 2 * STEP
                    _leave_gradient(factors, 4 * i + t, image_gradient, start + i, row, column, channel)
