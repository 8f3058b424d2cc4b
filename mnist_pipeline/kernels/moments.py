"""The compiled products of bytes behind `mnist_pipeline.moments`, for processors with AVX-512 VNNI.

One instruction of theirs, ``vpdpbusd``, adds to each of 16 sums the products of four unsigned with four signed bytes:
64 multiplications in integers where float32 has 16. The pixels of four images lie beside each other for it, in one
32-bit number. Of the two factors one must be signed, so 128 is taken off it, which is its upper bit turned over:

    Σ x y = Σ x (y − 128) + 128 Σ x

Imported only where the processor has the instruction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]  # it ships no types
from numba import types

from mnist_pipeline.kernels.compiled import BYTE, INT32, INT64, Emitter, alloca, compiled, intrinsic, ir_function

WIDTH = 16
"""Pixels in a vector, of four images each: 512 bits. The number of pixels must be a multiple of it."""

GROUP = 4
"""Images in a number."""

MAX_ROWS = (1 << 31) // (255 * 128)
"""The most images whose sums of products int32 holds: 65,793."""

SIGN = 128

_ROWS, _COLUMNS = 8, 2 * WIDTH  # of the products, at a time: 16 vectors of sums, and registers left for the factors
_BLOCK = 512  # images laid out at a time, 410 kB, which stay in the cache

IS_AVAILABLE = bool(binding.get_host_cpu_features().get("avx512vnni"))
"""Whether the processor has the instruction."""


class _Groups(Emitter):
    """Vectors of 32-bit numbers, each some pixels of four images."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        super().__init__(context, builder, signature, arguments, INT32, WIDTH)

    def everywhere(self, value: int) -> Any:
        """The same number in every lane."""
        return ir.Constant(self.vector, [value] * WIDTH)

    def add_products(self, total: Any, unsigned: Any, signed: Any) -> Any:
        """Add to each lane the four products of its bytes."""
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        function = ir_function(self.builder.module, kind, "llvm.x86.avx512.vpdpbusd.512")
        return self.builder.call(function, [total, unsigned, signed])


@intrinsic
def _group(typingctx, pixels, image, column, groups, row, sums):  # type: ignore[no-untyped-def]  # Numba types
    """Lay pixels of four images beside each other, and add them to their sums."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Groups(context, builder, signature, arguments)
        _, image, column, _, row, _ = arguments
        bytes_read = ir.VectorType(BYTE, WIDTH)
        group = e.everywhere(0)
        for i in range(GROUP):
            line = builder.mul(builder.add(image, INT64(i)), e.size(0, 1))
            pointer = builder.bitcast(e.at(e.data(0), line, column), bytes_read.as_pointer())
            wide = builder.zext(builder.load(pointer, align=1), e.vector)
            group = builder.or_(group, builder.shl(wide, e.everywhere(8 * i)))
        e.store(group, e.at(e.data(3), builder.mul(row, e.size(3, 1)), column))
        total = e.at(e.data(5), column)
        e.store(e.add_products(e.load(total), group, e.everywhere(0x01010101)), total)
        return e.nothing()

    return types.void(pixels, types.int64, types.int64, groups, types.int64, sums), emit


@intrinsic
def _multiply(typingctx, groups, count, row, column, products):  # type: ignore[no-untyped-def]  # Numba types
    """Add Σ x (y − 128) over so many groups, x the pixels from `row` on, y those from `column` on."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Groups(context, builder, signature, arguments)
        _, count, row, column, _ = arguments
        rows, columns = [INT64(r) for r in range(_ROWS)], range(0, _COLUMNS, WIDTH)
        lines = [e.at(e.data(4), builder.mul(builder.add(row, r), e.size(4, 1)), column) for r in rows]
        pointers = [[e.at(line, c) for c in columns] for line in lines]
        totals = [[alloca(builder, e.load(pointer)) for pointer in of_row] for of_row in pointers]
        turned = e.everywhere(0x80808080)
        with e.entries(INT64(0), count) as (k, _):
            line = e.at(e.data(0), builder.mul(k, e.size(0, 1)))
            signed = [builder.xor(e.load(e.at(line, column, c)), turned) for c in columns]
            for r, of_row in zip(rows, totals):
                unsigned = e.broadcast(builder.load(e.at(line, row, r)))
                for factor, total in zip(signed, of_row):
                    builder.store(e.add_products(builder.load(total), unsigned, factor), total)
        for of_row, places in zip(totals, pointers):
            for total, pointer in zip(of_row, places):
                e.store(builder.load(total), pointer)
        return e.nothing()

    return types.void(groups, types.int64, types.int64, types.int64, products), emit


@compiled(cache=True, nogil=True)
def add_up(pixels: Any) -> Any:
    """Σ x, int32 (n_features,), and the upper triangle of Σ x xᵀ, int64 (n_features, n_features), else 0.

    `pixels` are at most `MAX_ROWS` images, uint8 (n, n_features), in C order.
    """
    num_images, num_features = pixels.shape
    sums, products = np.zeros(num_features, np.int32), np.zeros((num_features, num_features), np.int64)
    width = -(-num_features // _COLUMNS) * _COLUMNS
    groups = np.zeros((_BLOCK // GROUP, width), np.int32)
    narrow = np.zeros((num_features, width), np.int32)
    last = np.zeros((GROUP, num_features), np.uint8)  # what is left over, and black images
    left = num_images % GROUP
    for i in range(left):
        last[i] = pixels[num_images - left + i]
    for start in range(0, num_images, _BLOCK):
        count = -(-min(_BLOCK, num_images - start) // GROUP)
        for k in range(count):
            whole = start + GROUP * (k + 1) <= num_images
            for column in range(0, num_features, WIDTH):
                if whole:
                    _group(pixels, start + GROUP * k, column, groups, k, sums)
                else:
                    _group(last, 0, column, groups, k, sums)
        for column in range(0, num_features, _COLUMNS):
            for row in range(0, min(column + _COLUMNS, num_features), _ROWS):
                _multiply(groups, count, row, column, narrow)
    for i in range(num_features):
        for j in range(i, num_features):
            products[i, j] = narrow[i, j] + SIGN * np.int64(sums[i])
    return sums, products
