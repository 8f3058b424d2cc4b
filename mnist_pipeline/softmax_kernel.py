"""The compiled loop behind `mnist_pipeline.softmax.sgd`.

A file of its own, so that only a call of `sgd` imports Numba. The weights are pixel-major, in blocks of
`LANES` classes: the weights of one pixel are three registers of four float64, so that a nonzero
pixel costs three multiply-adds to score and three to update. Numba does not form such short vectors
by itself (it unrolls a loop over ten classes into scalars), hence the two intrinsics, which spell
out the vector instructions; everything else is plain loops.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it ships no types
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WIDTH = 4  # float64 in a vector: the width of AVX2; others split or join it
NUM_VECTORS = 3
LANES = WIDTH * NUM_VECTORS  # ten classes, and two of padding

DOUBLE = ir.DoubleType()
VECTOR = ir.VectorType(DOUBLE, WIDTH)
INTEGER = ir.IntType(64)


# Numba ships these without types.
ir_function: Any = cgutils.get_or_insert_function
alloca: Any = cgutils.alloca_once_value


class _Emitter:
    """What both intrinsics share: reading compressed rows and vectors of weights."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.context, self.builder, self.signature, self.arguments = context, builder, signature, arguments
        self.rows, self.columns, self.values, self.classes = (self._data(i) for i in range(4))
        self.start, self.stop = arguments[4:]

    def _data(self, i: int) -> Any:
        """Pointer to the first element of an array argument."""
        array_type = self.signature.args[i]
        return self.context.make_array(array_type)(self.context, self.builder, self.arguments[i]).data

    def vectors(self, data: Any, row: Any) -> list[Any]:
        """Pointers to the vectors of a row of `LANES` float64."""
        first = self.builder.mul(row, INTEGER(LANES))
        offsets = [self.builder.add(first, INTEGER(WIDTH * j)) for j in range(NUM_VECTORS)]
        return [self.builder.bitcast(self.builder.gep(data, [i]), VECTOR.as_pointer()) for i in offsets]

    def load(self, pointer: Any) -> Any:
        """Read a vector that is aligned as its elements are."""
        return self.builder.load(pointer, align=8)

    def entry(self, k: Any) -> tuple[Any, list[Any]]:
        """Value of the k-th entry in every lane, and the vectors of its pixel's weights."""
        column_type, value_type = self.signature.args[1].dtype, self.signature.args[2].dtype
        column = self.builder.load(self.builder.gep(self.columns, [k]))
        column = self.context.cast(self.builder, column, column_type, types.int64)
        value = self.builder.load(self.builder.gep(self.values, [k]))
        value = self.context.cast(self.builder, value, value_type, types.float64)
        undefined = ir.Constant(VECTOR, ir.Undefined)
        lane = self.builder.insert_element(undefined, value, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), None)
        return self.builder.shuffle_vector(lane, undefined, zeros), self.vectors(self.rows, column)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """a · b + c, in one instruction where the processor has it."""
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        name = f"llvm.fmuladd.v{WIDTH}f64"
        function = ir_function(self.builder.module, kind, name)
        return self.builder.call(function, [a, b, c])

    def entries(self, start: Any, stop: Any, step: int) -> Any:
        """Loop over k in [start, stop)."""
        return cgutils.for_range_slice(self.builder, start, stop, INTEGER(step), INTEGER, inc=True)


@intrinsic
def _score(typingctx, rows, columns, values, scores, start, stop):  # type: ignore[no-untyped-def]  # Numba types
    """Set scores = Σ_k values[k] · rows[columns[k]] for k in [start, stop)."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Emitter(context, builder, signature, arguments)
        zero = ir.Constant(VECTOR, None)
        # Two sums, of even and odd entries, so that an addition need not wait for the one before.
        sums = [[alloca(builder, zero) for _ in range(NUM_VECTORS)] for _ in range(2)]

        def accumulate(k: Any, into: list[Any]) -> None:
            value, weights = e.entry(k)
            for total, weight in zip(into, weights):
                builder.store(e.multiply_add(value, e.load(weight), builder.load(total)), total)

        odd = builder.and_(builder.sub(e.stop, e.start), INTEGER(1))
        paired = builder.sub(e.stop, odd)
        with e.entries(e.start, paired, 2) as (k, _):
            accumulate(k, sums[0])
            accumulate(builder.add(k, INTEGER(1)), sums[1])
        with e.entries(paired, e.stop, 1) as (k, _):
            accumulate(k, sums[0])
        for even, other, target in zip(*sums, e.vectors(e.classes, INTEGER(0))):
            builder.store(builder.fadd(builder.load(even), builder.load(other)), target, align=8)
        return context.get_dummy_value()

    return types.void(rows, columns, values, scores, types.int64, types.int64), emit


@intrinsic
def _update(typingctx, rows, columns, values, steps, start, stop):  # type: ignore[no-untyped-def]  # Numba types
    """Add values[k] · steps to rows[columns[k]] for k in [start, stop)."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Emitter(context, builder, signature, arguments)
        steps_loaded = [e.load(pointer) for pointer in e.vectors(e.classes, INTEGER(0))]
        with e.entries(e.start, e.stop, 1) as (k, _):
            value, weights = e.entry(k)
            for step, weight in zip(steps_loaded, weights):
                builder.store(e.multiply_add(value, step, e.load(weight)), weight, align=8)
        return context.get_dummy_value()

    return types.void(rows, columns, values, steps, types.int64, types.int64), emit


@numba.njit(cache=True)
def compress(samples):  # type: ignore[no-untyped-def]  # Numba types
    """Keep the nonzero entries of each row: where the row starts, and each entry's column and value."""
    num_samples, num_features = samples.shape
    starts = np.zeros(num_samples + 1, np.int64)
    for i in range(num_samples):
        count = 0
        for j in range(num_features):
            count += samples[i, j] != 0
        starts[i + 1] = starts[i] + count
    columns = np.empty(starts[-1], np.int32)
    values = np.empty(starts[-1], samples.dtype)
    k = 0
    for i in range(num_samples):
        for j in range(num_features):
            if samples[i, j] != 0:
                columns[k] = j
                values[k] = samples[i, j]
                k += 1
    return starts, columns, values


@numba.njit(cache=True)
def run_epoch(starts, columns, values, scale, labels, blocks, b, learning_rate):  # type: ignore[no-untyped-def]
    """Update the weights in place, one sample after another; return the summed loss and the hits.

    Parameters
    ----------
    starts, columns, values : ndarray
        Samples, from `compress`.
    scale : float
        What the values are multiplied by.
    labels : ndarray of shape (num_samples,), int64
        Classes.
    blocks : ndarray of shape (num_blocks, num_features, LANES), float64
        Weights, pixel-major.
    b : ndarray of shape (num_classes,), float64
        Biases.
    learning_rate : float
        Step of every update.
    """
    num_blocks, num_classes = len(blocks), len(b)
    y = np.zeros((num_blocks, blocks.shape[2]))
    scores = y.reshape(-1)
    total, correct = 0.0, 0
    for i in range(len(labels)):
        label, start, stop = labels[i], starts[i], starts[i + 1]
        # z = W x + b
        for block in range(num_blocks):
            _score(blocks[block], columns, values, y[block], start, stop)  # type: ignore[call-arg]  # typingctx
        largest, best = -math.inf, 0
        for c in range(num_classes):
            scores[c] = scores[c] * scale + b[c]
            if scores[c] > largest:
                largest, best = scores[c], c
        # y = exp(z − max z) / Σ exp(z − max z);  L = log Σ exp z − z_label
        total += largest - scores[label]
        correct += best == label
        partition = 0.0
        for c in range(num_classes):
            scores[c] = math.exp(scores[c] - largest)
            partition += scores[c]
        total += math.log(partition)
        # b ← b − η (y − y');  W ← W − η (y − y') xᵀ
        for c in range(num_classes):
            step = -learning_rate * (scores[c] / partition - (c == label))
            b[c] += step
            scores[c] = step * scale
        for block in range(num_blocks):
            _update(blocks[block], columns, values, y[block], start, stop)  # type: ignore[call-arg]  # typingctx
    return total, correct
