"""The compiled first layer of the convolutional network: convolution, pooling and ReLU in one pass, and the gradients.

Its plain reference is `networks.CNN`. Each function runs on one thread, without the interpreter lock, one image at a
time, so the result of an image does not depend on the number of threads that share the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it ships no types
from numba import types

from mnist_pipeline.kernels.compiled import BYTE, FLOAT32, INT16, INT32, INT64, Emitter, compiled, intrinsic

SIDE = 5  # rows and columns of a kernel
CHANNELS = 32  # kernels
WIDTH = 16  # float32 in a vector: 512 bits
WINDOW = [(row, column) for row in range(2) for column in range(2)]  # the positions that are pooled into one
_VECTORS = range(0, CHANNELS, WIDTH)
_TAPS = [(row, column) for row in range(SIDE) for column in range(SIDE)]


class Channels(Emitter):
    """Vectors of float32, which are some channels of a position; windows of 2×2 positions are pooled."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        super().__init__(context, builder, signature, arguments, FLOAT32, WIDTH)
        self.zero = ir.Constant(self.vector, None)
        self.whole = ir.VectorType(INT32, WIDTH)

    def everywhere(self, value: int) -> Any:
        """The same integer in every lane."""
        return ir.Constant(self.whole, [value] * WIDTH)

    def largest(self, values: Sequence[Any]) -> tuple[Any, Any]:
        """The largest value of a window, and the number of its position, the first of equal ones."""
        largest, where = values[0], self.everywhere(0)
        for number, value in enumerate(values[1:], 1):
            is_larger = self.builder.fcmp_ordered(">", value, largest)
            largest = self.builder.select(is_larger, value, largest)
            where = self.builder.select(is_larger, self.everywhere(number), where)
        return largest, where

    def rectified_part(self, given: Any, found: Any) -> Any:
        """The gradient before ReLU: zero where its result is zero."""
        return self.builder.select(self.builder.fcmp_ordered(">", found, self.zero), given, self.zero)

    def parts(self, given: Any, where: Any) -> list[Any]:
        """The gradient at each position of a window: all of it at the maximum, zero elsewhere."""
        places = [self.builder.icmp_unsigned("==", where, self.everywhere(number)) for number in range(len(WINDOW))]
        return [self.builder.select(place, given, self.zero) for place in places]

    def store_narrow(self, integers: Any, pointer: Any, element: Any) -> None:
        """Store the lower bits of 32-bit integers."""
        narrow = self.builder.trunc(integers, ir.VectorType(element, WIDTH))
        self.builder.store(narrow, self.narrow(pointer, element), align=element.width // 8)

    def load_bytes(self, pointer: Any) -> Any:
        """Load bytes as 32-bit integers."""
        return self.builder.zext(self.builder.load(self.narrow(pointer, BYTE), align=1), self.whole)

    def narrow(self, pointer: Any, element: Any) -> Any:
        """A pointer to a vector of small integers."""
        return self.builder.bitcast(pointer, ir.VectorType(element, WIDTH).as_pointer())


class _Window(Channels):
    """A window of 2×2 positions of the convolution, with all channels.

    The first arguments of the intrinsic are the images, the number of an image, and the row and column of the pooled
    result. Argument number `output` is the array of pooled results.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any, output: int) -> None:
        super().__init__(context, builder, signature, arguments)
        image, row, column = arguments[1:4]
        self.columns = self.size(0, 2)
        line = builder.add(builder.mul(image, self.size(0, 1)), builder.mul(row, INT64(2)))
        self.corner = self.at(self.data(0), builder.mul(line, self.columns), builder.mul(column, INT64(2)))
        line = builder.add(builder.mul(image, self.size(output, 1)), row)
        self.place = builder.add(builder.mul(line, self.size(output, 2)), column)

    def pixel(self, tap: tuple[int, int], place: tuple[int, int]) -> Any:
        """The pixel under a tap of the kernel at a position of the window, in every lane."""
        line = self.at(self.corner, self.builder.mul(self.columns, INT64(tap[0] + place[0])))
        return self.broadcast(self.builder.load(self.at(line, tap[1] + place[1])))

    def channels(self, i: int, first: int) -> Any:
        """Pointer to channel `first` of the pooled result, in an array argument of the output's shape."""
        return self.at(self.data(i), self.builder.mul(self.place, INT64(CHANNELS)), first)

    def is_half(self, i: int) -> bool:
        """Whether an array argument is bfloat16, the upper halves of float32, as uint16."""
        return bool(self.signature.args[i].dtype == types.uint16)

    def load_as(self, pointer: Any, *, is_half: bool) -> Any:
        """Load float32 or bfloat16."""
        if not is_half:
            return self.load(pointer)
        bits = self.builder.zext(self.builder.load(self.narrow(pointer, INT16), align=2), self.whole)
        return self.builder.bitcast(self.builder.shl(bits, self.everywhere(16)), self.vector)

    def store_as(self, vector: Any, pointer: Any, *, is_half: bool) -> None:
        """Store float32, or bfloat16 rounded to the nearest, ties to even."""
        if not is_half:
            self.store(vector, pointer)
            return
        bits = self.builder.bitcast(vector, self.whole)
        upper = self.builder.lshr(bits, self.everywhere(16))
        odd = self.builder.and_(upper, self.everywhere(1))
        rounded = self.builder.add(bits, self.builder.add(odd, self.everywhere(0x7FFF)))
        self.store_narrow(self.builder.lshr(rounded, self.everywhere(16)), pointer, INT16)


@intrinsic
def _forward(typingctx, images, image, row, column, kernels, bias, output, argmax):  # type: ignore[no-untyped-def]  # Numba types
    """Convolve at the positions of a window; store the ReLU of the maximum of each channel, and its position."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Window(context, builder, signature, arguments, output=6)
        weights, offsets = e.data(4), e.data(5)
        sums = {(at, first): e.zero for at in WINDOW for first in _VECTORS}
        for number, tap in enumerate(_TAPS):
            vectors = {first: e.load(e.at(weights, number * CHANNELS + first)) for first in _VECTORS}
            for at in WINDOW:
                pixel = e.pixel(tap, at)
                for first in _VECTORS:
                    sums[at, first] = e.multiply_add(pixel, vectors[first], sums[at, first])
        for first in _VECTORS:
            largest, where = e.largest([sums[at, first] for at in WINDOW])
            rectified = e.maximum(e.zero, builder.fadd(largest, e.load(e.at(offsets, first))))
            e.store_as(rectified, e.channels(6, first), is_half=e.is_half(6))
            e.store_narrow(where, e.channels(7, first), BYTE)
        return e.nothing()

    return types.void(images, types.int64, types.int64, types.int64, kernels, bias, output, argmax), emit


@intrinsic
def _backward(typingctx, images, image, row, column, gradient, output, argmax, sums):  # type: ignore[no-untyped-def]  # Numba types
    """Add a window's share to the gradients of the kernels, and of the biases in the last row."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Window(context, builder, signature, arguments, output=5)
        totals = e.data(7)
        for first in _VECTORS:
            given = e.load_as(e.channels(4, first), is_half=e.is_half(4))
            found = e.load_as(e.channels(5, first), is_half=e.is_half(5))
            given = e.rectified_part(given, found)
            parts = e.parts(given, e.load_bytes(e.channels(6, first)))
            for number, tap in enumerate(_TAPS):
                pointer = e.at(totals, number * CHANNELS + first)
                total = e.load(pointer)
                for at, part in zip(WINDOW, parts):
                    total = e.multiply_add(e.pixel(tap, at), part, total)
                e.store(total, pointer)
            pointer = e.at(totals, len(_TAPS) * CHANNELS + first)
            e.store(builder.fadd(e.load(pointer), given), pointer)
        return e.nothing()

    return types.void(images, types.int64, types.int64, types.int64, gradient, output, argmax, sums), emit


@compiled(cache=True, nogil=True)
def convolve_and_pool(images: Any, kernels: Any, bias: Any, output: Any, argmax: Any) -> None:
    """Convolve, take the maximum of each window of 2×2, and apply ReLU.

    `images` are (n, rows, columns), float32; `kernels` (25, 32), one row per tap. The results go into `output` and
    `argmax`, (n, (rows − 4) / 2, (columns − 4) / 2, 32): the values, float32 or bfloat16 as uint16, and the position
    of the maximum in the window, 0 to 3 row by row, uint8.
    """
    for i in range(output.shape[0]):
        for row in range(output.shape[1]):
            for column in range(output.shape[2]):
                _forward(images, i, row, column, kernels, bias, output, argmax)


@compiled(cache=True, nogil=True)
def add_gradients(images: Any, gradient: Any, output: Any, argmax: Any, sums: Any) -> None:
    """Add to `sums` (26, 32) the gradients of the kernels, and of the biases in the last row, from the output's."""
    for i in range(output.shape[0]):
        for row in range(output.shape[1]):
            for column in range(output.shape[2]):
                _backward(images, i, row, column, gradient, output, argmax, sums)
