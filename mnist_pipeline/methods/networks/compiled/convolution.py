"""Read the plain twin of this module, `modules.CNN`: it computes the same function.

Here is the compiled first layer of that network: convolution, pooling and ReLU in one pass, and the
gradients. Each function runs on one thread, without the interpreter lock, one image at a time, so
the result of an image does not depend on the number of threads that share the images.

Vectors are loaded and stored without a check of their positions. So each function first compares
the shapes of its arrays, and raises a ValueError unless all positions are within them.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it ships no types
from numba import types
from numba.core.errors import TypingError

from mnist_pipeline.utils.compiled import BYTE, INT32, Array, Emitter, compiled, intrinsic

Position = tuple[int, int]  # row and column

SIDE = 5  # rows and columns of a kernel
CHANNELS = 32  # kernels
WIDTH = 16  # float32 in a vector: 512 bits
FLOAT_BYTES = 4
WINDOW = [(row, column) for row in range(2) for column in range(2)]  # the positions pooled together
_VECTORS = range(0, CHANNELS, WIDTH)
_TAPS = [(row, column) for row in range(SIDE) for column in range(SIDE)]
NUM_TAPS = SIDE * SIDE


class Channels(Emitter):
    """Vectors of some channels of a position, float32; windows of 2×2 positions are pooled."""

    whole = ir.VectorType(INT32, WIDTH)

    def argument(self, kind: Any, value: Any) -> Any:
        """An argument of the intrinsic; an array has values, float32, or positions, uint8."""
        if isinstance(kind, types.Array) and kind.dtype not in (types.float32, types.uint8):
            raise TypingError(f"an array has type {kind.dtype}: pass values as float32")
        return super().argument(kind, value)

    def everywhere(self, value: int) -> Any:
        """The same integer in every lane."""
        return ir.Constant(self.whole, [value] * WIDTH)

    def largest(self, values: Sequence[Any]) -> tuple[Any, Any]:
        """The largest value of a window, and the number of its first position."""
        largest, where = values[0], self.everywhere(0)
        for number, value in enumerate(values[1:], 1):
            is_larger = self.builder.fcmp_ordered(">", value, largest)
            largest = self.builder.select(is_larger, value, largest)
            where = self.builder.select(is_larger, self.everywhere(number), where)
        return largest, where

    def where_positive(self, output: Any, value: Any) -> Any:
        """A value where an output is positive or NaN, else zero: ReLU of the output itself, and the
        gradient of ReLU's input from that of its output.
        """
        is_positive = self.builder.fcmp_unordered(">", output, self.zero)
        return self.builder.select(is_positive, value, self.zero)

    def parts(self, gradient: Any, where: Any) -> list[Any]:
        """The gradient at each position of a window: all of it at the maximum, zero elsewhere."""
        positions = [
            self.builder.icmp_unsigned("==", where, self.everywhere(number))
            for number in range(len(WINDOW))
        ]
        return [self.builder.select(position, gradient, self.zero) for position in positions]

    def store_narrow(self, integers: Any, pointer: Any) -> None:
        """Store the lowest bytes of 32-bit integers."""
        narrow = ir.VectorType(BYTE, WIDTH)
        self.builder.store(
            self.builder.trunc(integers, narrow),
            self.builder.bitcast(pointer, narrow.as_pointer()),
            align=1,
        )

    def load_narrow(self, pointer: Any) -> Any:
        """Load bytes as 32-bit integers."""
        source = self.builder.bitcast(pointer, ir.VectorType(BYTE, WIDTH).as_pointer())
        return self.builder.zext(self.builder.load(source, align=1), self.whole)


def _pixels(
    e: Channels, images: Array, image: Any, row: Any, column: Any
) -> Callable[[Position, Position], Any]:
    """A function that loads, into every lane, the pixel under a tap at a position of a window."""
    corner = e.item(images, image, e.multiply(row, 2), e.multiply(column, 2))

    def pixel(tap: Position, at: Position) -> Any:
        line = e.at(corner, e.multiply(images.shape[2], tap[0] + at[0]))
        return e.broadcast(e.builder.load(e.at(line, tap[1] + at[1])))

    return pixel


@intrinsic(Channels)
def _forward(
    e: Channels,
    images: Array,
    image: Any,
    row: Any,
    column: Any,
    kernels: Array,
    bias: Array,
    output: Array,
    argmax: Array,
) -> None:
    """Convolve at the positions of a window, and pool.

    Stores the ReLU of the maximum of each channel, and the position of the maximum.
    """
    pixel_under = _pixels(e, images, image, row, column)
    sums = {(at, first): e.zero for at in WINDOW for first in _VECTORS}
    for number, tap in enumerate(_TAPS):
        vectors = {first: e.load(e.item(kernels, number, first)) for first in _VECTORS}
        for at in WINDOW:
            pixel = pixel_under(tap, at)
            for first in _VECTORS:
                sums[at, first] = e.multiply_add(pixel, vectors[first], sums[at, first])
    for first in _VECTORS:
        largest, where = e.largest([sums[at, first] for at in WINDOW])
        total = e.builder.fadd(largest, e.load(e.at(bias.data, first)))
        position = (image, row, column, first)
        e.store(e.where_positive(total, total), e.item(output, *position))
        e.store_narrow(where, e.item(argmax, *position))


@intrinsic(Channels)
def _backward(
    e: Channels,
    images: Array,
    image: Any,
    row: Any,
    column: Any,
    gradient: Array,
    output: Array,
    argmax: Array,
    sums: Array,
) -> None:
    """Add a window's gradients to those of the kernels, and of the biases in the last row."""
    pixel_under = _pixels(e, images, image, row, column)
    for first in _VECTORS:
        position = (image, row, column, first)
        passed = e.where_positive(
            e.load(e.item(output, *position)), e.load(e.item(gradient, *position))
        )
        parts = e.parts(passed, e.load_narrow(e.item(argmax, *position)))
        for number, tap in enumerate(_TAPS):
            pointer = e.item(sums, number, first)
            total = e.load(pointer)
            for at, part in zip(WINDOW, parts):
                total = e.multiply_add(pixel_under(tap, at), part, total)
            e.store(total, pointer)
        pointer = e.item(sums, len(_TAPS), first)
        e.store(e.builder.fadd(e.load(pointer), passed), pointer)


@compiled(nogil=True)
def _check(images: Any, gradient: Any, output: Any, argmax: Any) -> None:
    """Raise a ValueError unless every position that a window reads or writes is in the arrays."""
    count, rows, columns, channels = output.shape
    if (
        len(images) < count
        or images.shape[1] < 2 * rows + SIDE - 1
        or images.shape[2] < 2 * columns + SIDE - 1
        or channels != CHANNELS
        or gradient.shape != output.shape
        or argmax.shape != output.shape
    ):
        raise ValueError("the images, results or positions have another shape than expected")
    if (
        images.itemsize != FLOAT_BYTES
        or gradient.itemsize != FLOAT_BYTES
        or output.itemsize != FLOAT_BYTES
        or argmax.itemsize != 1
    ):
        raise ValueError("the images, results or positions have another type than expected")


@compiled(cache=True, nogil=True)
def convolve_and_pool(images: Any, output: Any, argmax: Any, kernels: Any, bias: Any) -> None:
    """Convolve, take the maximum of each window of 2×2, and apply ReLU.

    `images` are (n, rows, columns), float32; `kernels` (25, 32), one row per tap. The results go
    into `output` and `argmax`, (n, (rows − 4) / 2, (columns − 4) / 2, 32): the values, float32, and
    the position of the first maximum in the window, 0 to 3 row by row, uint8.
    """
    if (
        kernels.shape != (NUM_TAPS, CHANNELS)
        or bias.shape != (CHANNELS,)
        or kernels.itemsize != FLOAT_BYTES
        or bias.itemsize != FLOAT_BYTES
    ):
        raise ValueError("the kernels or the bias have another shape or type than expected")
    _check(images, output, output, argmax)
    for i in range(output.shape[0]):
        for row in range(output.shape[1]):
            for column in range(output.shape[2]):
                _forward(images, i, row, column, kernels, bias, output, argmax)


@compiled(cache=True, nogil=True)
def add_gradients(images: Any, gradient: Any, output: Any, argmax: Any, sums: Any) -> None:
    """Add the gradients of the kernels, and of the biases in the last row, to `sums` (26, 32)."""
    if sums.shape != (NUM_TAPS + 1, CHANNELS) or sums.itemsize != FLOAT_BYTES:
        raise ValueError("the sums have another shape or type than expected")
    _check(images, gradient, output, argmax)
    for i in range(output.shape[0]):
        for row in range(output.shape[1]):
            for column in range(output.shape[2]):
                _backward(images, i, row, column, gradient, output, argmax, sums)
