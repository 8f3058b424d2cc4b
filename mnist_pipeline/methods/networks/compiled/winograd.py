"""Read the plain twin of this module, `modules.CNN`: it computes the same function.

Here is the compiled second layer of that network: Winograd's convolution, pooling and ReLU.

The convolution works on tiles. It computes 4×4 results from 8×8 values of each channel by 64 matrix
products, one per value of a tile. A direct convolution needs 25 products at 16 positions, which are
6.25 times as many multiplications.

Each function runs on one thread, without the interpreter lock, on blocks of images whose factors
fit the cache. The result of an image does not depend on the number of threads that share the
images.

Vectors are loaded and stored without a check of their positions. So each function first compares
the shapes of its arrays, and raises a ValueError unless all positions are within them.

The layout of the factors is (64, tiles + 1, channels). The unused tile makes the distance between
two positions no power of two; otherwise all positions would map to the same few lines of the cache.
"""

from typing import Any

import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]  # it ships no types

from mnist_pipeline.methods.networks.compiled.convolution import (
    FLOAT_BYTES,
    SIDE,
    WIDTH,
    WINDOW,
    Channels,
)
from mnist_pipeline.utils.compiled import INT64, Array, compiled, intrinsic

CHANNELS_IN, CHANNELS_OUT = 32, 64

STEP = 4  # rows and columns of the results of a tile
TILE = STEP + SIDE - 1  # rows and columns of the values that they are computed from
POSITIONS = TILE * TILE
INPUT_SIDE = STEP + TILE  # rows and columns of an image, which has 2×2 tiles
BLOCK = 16  # images at a time

_ROWS = 4  # of a product at a time
_SQUARE = [[(row, column) for column in range(TILE)] for row in range(TILE)]
# The windows of a tile, after pooling.
_WINDOWS = [(row, column) for row in range(STEP // 2) for column in range(STEP // 2)]


def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Aᵀ (4, 8), G (8, 5) and Bᵀ (8, 8) of Winograd's convolution in one dimension [1]_, [2]_.

    A kernel g of 5 taps slides over 8 values d; its 4 results are ``Aᵀ[(G g) ∘ (Bᵀ d)]``, with 8
    multiplications instead of 20. Multiplying two polynomials by evaluating them at points,
    multiplying the values and interpolating takes as few; a sliding product is the transpose of a
    product of polynomials, so the matrices are the transposes of evaluation and interpolation. In
    two dimensions each matrix is applied to rows and to columns.

    References
    ----------
    .. [1] S. Winograd, "Arithmetic complexity of computations", SIAM, 1980.
    .. [2] A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
    """
    # Small, far apart, and in pairs of opposite sign. Only G is rounded, because all else is exact
    # in binary. The last point is infinity, where a polynomial has the value of its highest
    # coefficient.
    points = np.array([0, 1, -1, 2, -2, 0.5, -0.5])
    others = [np.delete(points, i) for i in range(len(points))]
    scales = np.array([np.prod(point - rest) for point, rest in zip(points, others)])
    output, kernel = (
        np.vstack([np.vander(points, size, increasing=True), np.eye(size)[-1]])
        for size in (STEP, SIDE)
    )
    kernel[:-1] /= scales[:, np.newaxis]
    coefficients = [np.append(np.poly(rest)[::-1], 0) for rest in others]
    return output.T, kernel, np.array([*coefficients, np.poly(points)[::-1]])


OUTPUT, KERNEL, INPUT = _matrices()

# From the 25 taps of a kernel, row by row, to its 64 factors.
KERNEL_FACTORS = np.kron(KERNEL, KERNEL).astype(np.float32)


class _Tile(Channels):
    """A tile, with some channels of each of its positions."""

    def both(self, matrix: np.ndarray, square: list[list[Any]]) -> list[list[Any]]:
        """matrix · square · matrixᵀ."""
        columns = [self._product(matrix, column) for column in zip(*square)]
        return [self._product(matrix, row) for row in zip(*columns)]

    def corner(self, start: Any, tile: Any, step: int) -> tuple[Any, Any, Any]:
        """The image, row and column at which a tile begins, if tiles are `step` apart."""
        down, right = (
            self.builder.and_(self.builder.lshr(tile, INT64(bit)), INT64(1)) for bit in (1, 0)
        )
        image = self.add(start, self.builder.lshr(tile, INT64(2)))
        return image, self.multiply(down, step), self.multiply(right, step)

    def pixel(
        self, images: Array, position: tuple[Any, Any, Any], offset: tuple[int, int], channel: Any
    ) -> Any:
        """Pointer to a channel at an offset from (image, row, column)."""
        image, row, column = position
        return self.item(
            images, image, self.add(row, offset[0]), self.add(column, offset[1]), channel
        )

    def load_factors(self, factors: Array, tile: Any, channel: Any) -> list[list[Any]]:
        """The factors of a tile, from an array (64, tiles + 1, channels)."""
        return [
            [self.load(self.item(factors, TILE * i + j, tile, channel)) for i, j in row]
            for row in _SQUARE
        ]

    def store_factors(
        self, square: list[list[Any]], factors: Array, tile: Any, channel: Any
    ) -> None:
        """Store the factors of a tile in an array."""
        for i, row in enumerate(square):
            for j, vector in enumerate(row):
                self.store(vector, self.item(factors, TILE * i + j, tile, channel))

    def _product(self, matrix: np.ndarray, vectors: Any) -> list[Any]:
        """Product of a constant matrix with vectors.

        Factors 1 and -1 become additions and subtractions, and factors 0 are skipped.
        """
        products = []
        for row in matrix:
            # 1 first, then -1, then the others.
            terms = sorted(
                ((factor, vector) for factor, vector in zip(row, vectors) if factor),
                key=lambda term: (term[0] != 1, term[0] != -1),
            )
            total = None
            for factor, vector in terms:
                if abs(factor) != 1:
                    constant = ir.Constant(self.vector, [float(factor)] * WIDTH)
                    total = self.multiply_add(constant, vector, total or self.zero)
                elif factor < 0:
                    total = self.builder.fsub(total or self.zero, vector)
                else:
                    total = self.builder.fadd(total, vector) if total else vector
            products.append(total)
        return products


@intrinsic(_Tile)
def _enter(e: _Tile, images: Array, start: Any, tile: Any, channel: Any, factors: Array) -> None:
    """Store the factors of a tile.

    The tiles are numbered from 0, 4 per image, beginning with the image `start`.
    """
    corner = e.corner(start, tile, STEP)
    square = [[e.load(e.pixel(images, corner, at, channel)) for at in line] for line in _SQUARE]
    e.store_factors(e.both(INPUT, square), factors, tile, channel)


@intrinsic(_Tile)
def _leave(
    e: _Tile,
    products: Array,
    bias: Array,
    start: Any,
    tile: Any,
    channel: Any,
    output: Array,
    argmax: Array,
) -> None:
    """Transform products into the results of a tile, and pool.

    Stores the ReLU of each window's maximum, and the position of the maximum.
    """
    corner = e.corner(start, tile, STEP // 2)
    square = e.both(OUTPUT, e.load_factors(products, tile, channel))
    offsets = e.load(e.at(bias.data, channel))
    for window in _WINDOWS:
        largest, where = e.largest(
            [square[2 * window[0] + i][2 * window[1] + j] for i, j in WINDOW]
        )
        total = e.builder.fadd(largest, offsets)
        e.store(e.where_positive(total, total), e.pixel(output, corner, window, channel))
        e.store_narrow(where, e.pixel(argmax, corner, window, channel))


@intrinsic(_Tile)
def _enter_gradient(
    e: _Tile,
    gradient: Array,
    output: Array,
    argmax: Array,
    start: Any,
    tile: Any,
    channel: Any,
    products: Array,
    sums: Array,
) -> None:
    """Store the gradients of the products of a tile, and add the gradients of the biases.

    This reverses `_leave`.
    """
    corner = e.corner(start, tile, STEP // 2)
    square = [[e.zero] * STEP for _ in range(STEP)]
    total = e.load(e.at(sums.data, channel))
    for window in _WINDOWS:
        of_output, result, where = (
            e.pixel(array, corner, window, channel) for array in (gradient, output, argmax)
        )
        passed = e.where_positive(e.load(result), e.load(of_output))
        total = e.builder.fadd(total, passed)
        for (i, j), part in zip(WINDOW, e.parts(passed, e.load_narrow(where))):
            square[2 * window[0] + i][2 * window[1] + j] = part
    e.store(total, e.at(sums.data, channel))
    e.store_factors(e.both(OUTPUT.T, square), products, tile, channel)


@intrinsic(_Tile)
def _leave_gradient(
    e: _Tile, factors: Array, start: Any, tile: Any, channel: Any, images: Array
) -> None:
    """Add the gradients of the values of a tile to those of an image: the reverse of `_enter`."""
    corner = e.corner(start, tile, STEP)
    for i, line in enumerate(e.both(INPUT.T, e.load_factors(factors, tile, channel))):
        for j, vector in enumerate(line):
            pointer = e.pixel(images, corner, (i, j), channel)
            e.store(e.builder.fadd(e.load(pointer), vector), pointer)


def _multiplying(num_columns: int, *, columnwise: bool) -> Any:
    """Compile the product of one of the 64 pairs of matrices, `_ROWS` rows at a time.

    For a position p it is ``products[p, row : row + 4] = a[p, row : row + 4] @ b[p]``, and if
    `columnwise`, ``products[p, row : row + 4] += a[p, :, row : row + 4].T @ b[p]``. A sum has
    `depth` terms. All sums are in registers; processors with 512-bit registers have twice as many.
    """
    at_once = num_columns if binding.get_host_cpu_features().get("avx512f") else WIDTH

    @intrinsic(Channels)
    def multiply(
        e: Channels, a: Array, b: Array, products: Array, position: Any, row: Any, depth: Any
    ) -> None:
        rows = [e.add(row, r) for r in range(_ROWS)]
        starts = [
            e.item(a, position, 0, r) if columnwise else e.item(a, position, r, 0) for r in rows
        ]
        step = a.shape[2] if columnwise else 1
        for first in range(0, num_columns, at_once):
            columns = range(first, first + at_once, WIDTH)
            targets = [[e.item(products, position, r, c) for c in columns] for r in rows]
            totals = [
                [e.variable(e.load(target) if columnwise else e.zero) for target in line]
                for line in targets
            ]
            with e.loop(0, depth) as (k, _):
                right = e.item(b, position, k, 0)
                vectors = [e.load(e.at(right, c)) for c in columns]
                for start, sums in zip(starts, totals):
                    value = e.broadcast(e.builder.load(e.at(start, e.multiply(k, step))))
                    for vector, total in zip(vectors, sums):
                        added = e.multiply_add(value, vector, e.builder.load(total))
                        e.builder.store(added, total)
            for line, sums in zip(targets, totals):
                for target, total in zip(line, sums):
                    e.store(e.builder.load(total), target)

    return multiply


_multiply = _multiplying(CHANNELS_OUT, columnwise=False)
_multiply_back = _multiplying(CHANNELS_IN, columnwise=False)
_add_kernel_gradients = _multiplying(CHANNELS_OUT, columnwise=True)


@compiled(nogil=True)
def _check(images: Any, output: Any, argmax: Any) -> None:
    """Raise a ValueError unless every position that a tile reads or writes is in the arrays."""
    count = len(output)
    if (
        len(images) < count
        or images.shape[1:] != (INPUT_SIDE, INPUT_SIDE, CHANNELS_IN)
        or output.shape[1:] != (STEP, STEP, CHANNELS_OUT)
        or argmax.shape != output.shape
    ):
        raise ValueError("the images, results or positions have another shape than expected")
    if images.itemsize != FLOAT_BYTES or output.itemsize != FLOAT_BYTES or argmax.itemsize != 1:
        raise ValueError("the images, results or positions have another type than expected")


@compiled(nogil=True)
def _enter_block(images: Any, start: int, count: int, factors: Any) -> None:
    """Store the factors of a block of images."""
    for tile in range(4 * count):
        for channel in range(0, CHANNELS_IN, WIDTH):
            _enter(images, start, tile, channel, factors)


@compiled(cache=True, nogil=True)
def convolve_and_pool(images: Any, output: Any, argmax: Any, kernels: Any, bias: Any) -> None:
    """Convolve, take the maximum of each window of 2×2, and apply ReLU.

    `images` are (n, 12, 12, 32), `kernels` the factors of the kernels, (64, 32, 64), both float32.
    The values go into `output`, float32, and the positions of the first maxima in their windows, 0
    to 3 row by row, into `argmax`, uint8; both are (n, 4, 4, 64).
    """
    if (
        kernels.shape != (POSITIONS, CHANNELS_IN, CHANNELS_OUT)
        or bias.shape != (CHANNELS_OUT,)
        or kernels.itemsize != FLOAT_BYTES
        or bias.itemsize != FLOAT_BYTES
    ):
        raise ValueError("the kernels or the bias have another shape or type than expected")
    _check(images, output, argmax)
    factors = np.empty((POSITIONS, 4 * BLOCK + 1, CHANNELS_IN), np.float32)
    products = np.empty((POSITIONS, 4 * BLOCK + 1, CHANNELS_OUT), np.float32)
    for start in range(0, len(images), BLOCK):
        count = min(BLOCK, len(images) - start)
        _enter_block(images, start, count, factors)
        for position in range(POSITIONS):
            for row in range(0, 4 * count, _ROWS):
                _multiply(factors, kernels, products, position, row, CHANNELS_IN)
        for tile in range(4 * count):
            for channel in range(0, CHANNELS_OUT, WIDTH):
                _leave(products, bias, start, tile, channel, output, argmax)


@compiled(cache=True, nogil=True)
def add_gradients(
    gradient: Any,
    images: Any,
    output: Any,
    argmax: Any,
    image_gradient: Any,
    kernels: Any,
    kernel_sums: Any,
    bias_sums: Any,
) -> None:
    """Add the gradients of the kernels' factors (64, 32, 64) and of the biases (64,) to the sums.

    `kernels` are the factors of the transposed kernels, (64, 64, 32). The gradient of the images
    goes into `image_gradient`, (n, 12, 12, 32), unless that is empty.
    """
    if (
        kernel_sums.shape != (POSITIONS, CHANNELS_IN, CHANNELS_OUT)
        or bias_sums.shape != (CHANNELS_OUT,)
        or kernel_sums.itemsize != FLOAT_BYTES
        or bias_sums.itemsize != FLOAT_BYTES
        or gradient.shape != output.shape
        or gradient.itemsize != FLOAT_BYTES
    ):
        raise ValueError("the gradient or the sums have another shape or type than expected")
    if len(image_gradient) > 0 and (
        kernels.shape != (POSITIONS, CHANNELS_OUT, CHANNELS_IN)
        or image_gradient.shape[1:] != images.shape[1:]
        or len(image_gradient) < len(output)
        or kernels.itemsize != FLOAT_BYTES
        or image_gradient.itemsize != FLOAT_BYTES
    ):
        raise ValueError("the kernels or their gradient have another shape or type than expected")
    _check(images, output, argmax)
    factors = np.empty((POSITIONS, 4 * BLOCK + 1, CHANNELS_IN), np.float32)
    products = np.empty((POSITIONS, 4 * BLOCK + 1, CHANNELS_OUT), np.float32)
    image_gradient[:] = 0
    for start in range(0, len(output), BLOCK):
        count = min(BLOCK, len(output) - start)
        _enter_block(images, start, count, factors)
        for tile in range(4 * count):
            for channel in range(0, CHANNELS_OUT, WIDTH):
                _enter_gradient(gradient, output, argmax, start, tile, channel, products, bias_sums)
        for position in range(POSITIONS):
            for row in range(0, CHANNELS_IN, _ROWS):
                _add_kernel_gradients(factors, products, kernel_sums, position, row, 4 * count)
        if len(image_gradient) == 0:
            continue
        for position in range(POSITIONS):
            for row in range(0, 4 * count, _ROWS):
                _multiply_back(products, kernels, factors, position, row, CHANNELS_OUT)
        for tile in range(4 * count):
            for channel in range(0, CHANNELS_IN, WIDTH):
                _leave_gradient(factors, start, tile, channel, image_gradient)
