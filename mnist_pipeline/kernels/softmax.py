"""The compiled loop behind `mnist_pipeline.softmax.sgd`.

A module of its own, so that only a call of `sgd` imports Numba. Its plain reference is `softmax.sgd_reference`. The
weights are pixel-major, in blocks of `LANES` classes: the weights of one pixel are three registers of four float64, so
a nonzero pixel costs three multiply-adds to score and three to update. LLVM does not form such short vectors (it
unrolls a loop over ten classes into scalars), so two intrinsics use explicit vectors. Everything else is plain loops.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it ships no types
from numba import types

from mnist_pipeline.kernels.compiled import FLOAT64, INT64, Emitter, alloca, compiled, intrinsic

WIDTH = 4  # float64 in a vector: the width of AVX2; others split or join it
NUM_VECTORS = 3
LANES = WIDTH * NUM_VECTORS  # ten classes, and two of padding


class _Emitter(Emitter):
    """Shared by both intrinsics: loading compressed rows and vectors of weights."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        super().__init__(context, builder, signature, arguments, FLOAT64, WIDTH)
        self.rows, self.columns, self.values, self.classes = (self.data(i) for i in range(4))
        self.start, self.stop = arguments[4:]

    def vectors(self, data: Any, row: Any) -> list[Any]:
        """Pointers to the vectors of a row of `LANES` float64."""
        first = self.builder.mul(row, INT64(LANES))
        return [self.at(data, first, WIDTH * j) for j in range(NUM_VECTORS)]

    def entry(self, k: Any) -> tuple[Any, list[Any]]:
        """Value of the k-th entry in every lane, and the vectors of its pixel's weights."""
        column_type, value_type = self.signature.args[1].dtype, self.signature.args[2].dtype
        column = self.builder.load(self.at(self.columns, k))
        column = self.context.cast(self.builder, column, column_type, types.int64)
        value = self.builder.load(self.at(self.values, k))
        value = self.context.cast(self.builder, value, value_type, types.float64)
        return self.broadcast(value), self.vectors(self.rows, column)


@intrinsic
def _score(typingctx, rows, columns, values, scores, start, stop):  # type: ignore[no-untyped-def]  # Numba types
    """Set scores = Σ_k values[k] · rows[columns[k]] for k in [start, stop)."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Emitter(context, builder, signature, arguments)
        zero = ir.Constant(e.vector, None)
        # Two sums, of even and odd entries, so that an addition does not wait for the previous one.
        sums = [[alloca(builder, zero) for _ in range(NUM_VECTORS)] for _ in range(2)]

        def accumulate(k: Any, into: list[Any]) -> None:
            value, weights = e.entry(k)
            for total, weight in zip(into, weights):
                builder.store(e.multiply_add(value, e.load(weight), builder.load(total)), total)

        odd = builder.and_(builder.sub(e.stop, e.start), INT64(1))
        paired = builder.sub(e.stop, odd)
        with e.entries(e.start, paired, 2) as (k, _):
            accumulate(k, sums[0])
            accumulate(builder.add(k, INT64(1)), sums[1])
        with e.entries(paired, e.stop) as (k, _):
            accumulate(k, sums[0])
        for even, other, target in zip(*sums, e.vectors(e.classes, INT64(0))):
            e.store(builder.fadd(builder.load(even), builder.load(other)), target)
        return e.nothing()

    return types.void(rows, columns, values, scores, types.int64, types.int64), emit


@intrinsic
def _update(typingctx, rows, columns, values, steps, start, stop):  # type: ignore[no-untyped-def]  # Numba types
    """Add values[k] · steps to rows[columns[k]] for k in [start, stop)."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        e = _Emitter(context, builder, signature, arguments)
        steps_loaded = [e.load(pointer) for pointer in e.vectors(e.classes, INT64(0))]
        with e.entries(e.start, e.stop) as (k, _):
            value, weights = e.entry(k)
            for step, weight in zip(steps_loaded, weights):
                e.store(e.multiply_add(value, step, e.load(weight)), weight)
        return e.nothing()

    return types.void(rows, columns, values, steps, types.int64, types.int64), emit


@compiled(cache=True)
def compress(samples: Any) -> Any:
    """Compress rows to their nonzero entries: the start of each row, and the column and value of each entry."""
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


@compiled(cache=True)
def run_epoch(
    starts: Any, columns: Any, values: Any, scale: Any, labels: Any, blocks: Any, b: Any, learning_rate: Any
) -> Any:
    """Update the weights in place, one sample after another; return the total loss and the number of correct samples.

    `starts`, `columns` and `values` are samples compressed by `compress`, whose values are multiplied by `scale`;
    `labels` are int64 (num_samples,), `blocks` the weights, pixel-major, (num_blocks, num_features, LANES), and `b` the
    biases (num_classes,), both float64.
    """
    num_blocks, num_classes = len(blocks), len(b)
    y = np.zeros((num_blocks, blocks.shape[2]))
    scores = y.reshape(-1)
    total, correct = 0.0, 0
    for i in range(len(labels)):
        label, start, stop = labels[i], starts[i], starts[i + 1]
        # z = W x + b
        for block in range(num_blocks):
            _score(blocks[block], columns, values, y[block], start, stop)
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
            _update(blocks[block], columns, values, y[block], start, stop)
    return total, correct
