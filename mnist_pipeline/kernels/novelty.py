"""The compiled inner loops of the directions of strokes.

Imported only when images are scored, so that importing :mod:`mnist_pipeline.handwriting.novelty`
does not import Numba. `edge_shares` runs on one thread, without the interpreter lock.
"""

from typing import Any

import numpy as np

from mnist_pipeline.kernels.compiled import compiled

LANES = 32  # images side by side


@compiled()
def _product(left: Any, right: Any, output: Any) -> None:
    """output = left · right for a sparse `left`: each row of the result is a sum of rows of
    `right`.
    """
    for row in range(left.shape[0]):
        to = output[row]
        to[:] = 0
        for k in range(left.shape[1]):
            factor = left[row, k]
            if factor != 0:
                add = right[k]
                for column in range(to.size):
                    to[column] += factor * add[column]


@compiled()
def _transpose(source: Any, target: Any) -> None:
    """target[:] = source.T.

    Numba would compile the error message of that assignment too, which takes seconds.
    """
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            for k in range(target.shape[2]):
                target[i, j, k] = source[k, j, i]


@compiled(cache=True, nogil=True)
def edge_shares(
    images: Any, smooth: Any, difference: Any, pooling: Any, axes: Any, shares: Any
) -> None:
    """Compute the square roots of the shares of each image's edges, by direction and by cell.

    `smooth` and `difference`, (side, side), and `pooling`, (cells, side), act along both sides of
    an image. `axes` are half of the directions as (cosine, sine); the other half are their
    opposites. Images are stored side by side, so that an operation on rows works on long rows; an
    operation on columns works on the rows of the transposes.
    """
    count, side, cells, half = LANES, smooth.shape[0], pooling.shape[0], axes.shape[0]
    pixels, passed = (
        np.zeros((side, count, side), np.float32),
        np.empty((side, count, side), np.float32),
    )
    transposed, pooled = (
        np.empty((side, count, side), np.float32),
        np.empty((cells, count, side), np.float32),
    )
    upright, found = (
        np.empty((side, count, cells), np.float32),
        np.empty((2 * half, cells, count, cells), np.float32),
    )
    # The same numbers, with all images in one row.
    width = count * side
    pixel_rows, passed_rows = pixels.reshape(side, width), passed.reshape(side, width)
    transposed_rows, pooled_rows = transposed.reshape(side, width), pooled.reshape(cells, width)
    upright_rows, found_rows = (
        upright.reshape(side, count * cells),
        found.reshape(2 * half, cells, count * cells),
    )
    along_x, along_y = np.empty((side, width), np.float32), np.empty((side, width), np.float32)
    rising = np.empty((side, width), np.float32)
    for start in range(0, images.shape[0], count):
        here = min(count, images.shape[0] - start)
        for i in range(here):
            for row in range(side):
                for column in range(side):
                    pixels[row, i, column] = images[start + i, row, column]
        # From here on the images are transposed: their rows are the columns.
        _product(smooth, pixel_rows, passed_rows)
        _transpose(passed, transposed)
        _product(difference, transposed_rows, along_x)
        _product(difference, pixel_rows, passed_rows)
        _transpose(passed, transposed)
        _product(smooth, transposed_rows, along_y)
        for direction in range(2 * half):
            cosine, sine = axes[direction % half]
            if direction >= half:
                cosine, sine = -cosine, -sine
            for row in range(side):
                for k in range(width):
                    rising[row, k] = max(
                        cosine * along_x[row, k] + sine * along_y[row, k], np.float32(0)
                    )
            _product(pooling, rising, pooled_rows)
            _transpose(pooled, upright)
            _product(pooling, upright_rows, found_rows[direction])
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
