"""The compiled inner loops of the directions of strokes.

Imported only when images are scored, so that importing :mod:`mnist_pipeline.recognition.novelty` does not import Numba.
`edge_shares` runs on one thread, without the interpreter lock.
"""

from typing import Any

import numpy as np

from mnist_pipeline.kernels.compiled import compiled

LANES = 32  # images side by side


@compiled()
def _product(left: Any, right: Any, output: Any) -> None:
    """output = left · right for a sparse `left`: each row of the result is a sum of rows of `right`."""
    for row in range(left.shape[0]):
        to = output[row]
        to[:] = 0
        for k in range(left.shape[1]):
            factor = left[row, k]
            if factor != 0:
                add = right[k]
                for column in range(to.size):
                    to[column] += factor * add[column]


@compiled(cache=True, nogil=True)
def edge_shares(images: Any, smooth: Any, difference: Any, pooling: Any, axes: Any, shares: Any) -> None:
    """Compute the square roots of the shares of each image's edges, by direction and by cell.

    `smooth` and `difference`, (side, side), and `pooling`, (cells, side), act along both sides of an image. `axes` are
    half of the directions as (cosine, sine); the other half are their opposites. Images are stored side by side, so
    that an operation on rows works on long rows; an operation on columns works on the rows of the transposes.
    """
    count, side, cells, half = LANES, smooth.shape[0], pooling.shape[0], axes.shape[0]
    pixels, passed = np.zeros((side, count, side), np.float32), np.empty((side, count, side), np.float32)
    transposed = np.empty((side, count, side), np.float32)
    along_x, along_y = np.empty((side, count, side), np.float32), np.empty((side, count, side), np.float32)
    forward, backward = np.empty((side, count * side), np.float32), np.empty((side, count * side), np.float32)
    pooled, upright = np.empty((cells, count, side), np.float32), np.empty((side, count, cells), np.float32)
    found = np.empty((2 * half, cells, count, cells), np.float32)
    width = count * side
    for start in range(0, images.shape[0], count):
        here = min(count, images.shape[0] - start)
        pixels[:, :here] = images[start : start + here].transpose(1, 0, 2)
        # From here on the images are transposed: their rows are the columns.
        _product(smooth, pixels.reshape(side, width), passed.reshape(side, width))
        transposed[:] = passed.transpose(2, 1, 0)
        _product(difference, transposed.reshape(side, width), along_x.reshape(side, width))
        _product(difference, pixels.reshape(side, width), passed.reshape(side, width))
        transposed[:] = passed.transpose(2, 1, 0)
        _product(smooth, transposed.reshape(side, width), along_y.reshape(side, width))
        x, y = along_x.reshape(-1), along_y.reshape(-1)
        up, down = forward.reshape(-1), backward.reshape(-1)
        for axis in range(half):
            cosine, sine = axes[axis]
            for k in range(x.size):
                value = cosine * x[k] + sine * y[k]
                up[k] = max(value, np.float32(0))
                down[k] = max(-value, np.float32(0))
            for direction, rising in ((axis, forward), (axis + half, backward)):
                _product(pooling, rising, pooled.reshape(cells, width))
                upright[:] = pooled.transpose(2, 1, 0)
                _product(pooling, upright.reshape(side, count * cells), found[direction].reshape(cells, count * cells))
        for i in range(here):
            total = np.float32(0)
            for direction in range(2 * half):
                for row in range(cells):
                    for column in range(cells):
                        total += found[direction, row, i, column]
            total = max(total, np.float32(1))
            k = 0
            for direction in range(2 * half):
                for row in range(cells):
                    for column in range(cells):
                        shares[start + i, k] = np.sqrt(found[direction, row, i, column] / total)
                        k += 1
