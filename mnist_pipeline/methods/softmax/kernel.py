"""Read the plain twin of this module, `method.sgd_reference`: it makes the same updates.

Here is the compiled loop behind `method.sgd`, in a module of its own so that only a call of `sgd`
imports Numba. The weights are pixel-major, in blocks of `LANES` classes: the weights of
one pixel are three registers of four float64, so a nonzero pixel costs three multiply-adds to score
and three to update. LLVM does not form such short vectors (it unrolls a loop over ten classes into
scalars), so two intrinsics use explicit vectors. Everything else is plain loops.
"""

import math
from typing import Any

from numba import types

from mnist_pipeline.utils.compiled import FLOAT64, Array, Emitter, compiled, intrinsic

WIDTH = 4  # float64 in a vector: the width of AVX2; others split or join it
NUM_VECTORS = 3
LANES = WIDTH * NUM_VECTORS  # ten classes, and two of padding


class _Entries(Emitter):
    """The nonzero entries of a sample, and the weights of their pixels."""

    element, width = FLOAT64, WIDTH

    def entry(self, rows: Array, columns: Array, values: Array, k: Any) -> tuple[Any, list[Any]]:
        """Value of the k-th entry in every lane, and pointers to the weights of its pixel.

        A pixel that is not there counts as pixel 0.
        """
        value = self.broadcast(self.number(values, k, types.float64))
        column = self.number(columns, k, types.int64)
        is_there = self.builder.icmp_unsigned("<", column, rows.shape[0])
        column = self.builder.select(is_there, column, column.type(0))
        return value, self.row(rows.data, column, LANES)


@intrinsic(_Entries)
def _score(
    e: _Entries, rows: Array, columns: Array, values: Array, scores: Array, start: Any, stop: Any
) -> None:
    """Set scores = Σ_k values[k] · rows[columns[k]] for k in [start, stop)."""
    # Two sums, of even and odd entries, so that an addition does not wait for the previous one.
    sums = [[e.variable(e.zero) for _ in range(NUM_VECTORS)] for _ in range(2)]

    def accumulate(k: Any, into: list[Any]) -> None:
        value, weights = e.entry(rows, columns, values, k)
        for total, weight in zip(into, weights):
            e.builder.store(e.multiply_add(value, e.load(weight), e.builder.load(total)), total)

    paired = e.builder.sub(stop, e.builder.and_(e.builder.sub(stop, start), start.type(1)))
    with e.loop(start, paired, 2) as (k, _):
        accumulate(k, sums[0])
        accumulate(e.add(k, 1), sums[1])
    with e.loop(paired, stop) as (k, _):
        accumulate(k, sums[0])
    for even, odd, target in zip(*sums, e.row(scores.data, 0, LANES)):
        e.store(e.builder.fadd(e.builder.load(even), e.builder.load(odd)), target)


@intrinsic(_Entries)
def _update(
    e: _Entries, rows: Array, columns: Array, values: Array, steps: Array, start: Any, stop: Any
) -> None:
    """Add values[k] · steps to rows[columns[k]] for k in [start, stop)."""
    loaded = [e.load(pointer) for pointer in e.row(steps.data, 0, LANES)]
    with e.loop(start, stop) as (k, _):
        value, weights = e.entry(rows, columns, values, k)
        for step, weight in zip(loaded, weights):
            e.store(e.multiply_add(value, step, e.load(weight)), weight)


@compiled(cache=True, nogil=True)
def run_epoch(
    starts: Any,
    columns: Any,
    values: Any,
    scale: Any,
    labels: Any,
    rows: Any,
    blocks: Any,
    b: Any,
    y: Any,
    learning_rate: Any,
) -> Any:
    """Update the weights in place, sample after sample; return total loss and correct samples.

    `columns` and `values` describe the nonzero entries of all samples, `starts` the first entry of
    each sample; the values are multiplied by `scale`. `labels` are int64 (num_samples,), `rows` the
    numbers of the samples to use, `blocks` the weights, pixel-major, (num_blocks, num_features,
    LANES), `b` the biases (num_classes,), and `y` is overwritten, (num_blocks, LANES), all float64.
    Raises a ValueError for arrays that do not fit together, before it reads beyond one of them;
    only a wrong number in `columns` counts as 0.
    """
    num_blocks, num_features, lanes = blocks.shape
    num_classes = len(b)
    fits = lanes == LANES and num_features > 0 and y.shape == (num_blocks, LANES)
    if not fits or num_classes > y.size:
        raise ValueError("blocks, b and y do not have the shapes that LANES needs")
    scores = y.reshape(-1)
    total = 0.0
    correct = 0
    for i in rows:
        if not (0 <= i < len(labels) and i + 1 < len(starts)):
            raise ValueError("rows has a number beyond labels or starts")
        label = labels[i]
        start = starts[i]
        stop = starts[i + 1]
        if not (0 <= label < num_classes and start >= 0 and stop <= min(len(columns), len(values))):
            raise ValueError("labels has another class, or starts lies beyond columns or values")
        # z = W x + b
        for block in range(num_blocks):
            _score(blocks[block], columns, values, y[block], start, stop)
        largest = -math.inf
        best = 0
        for c in range(num_classes):
            scores[c] = scores[c] * scale + b[c]
            if scores[c] > largest:
                largest = scores[c]
                best = c
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
