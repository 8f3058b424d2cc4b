"""The compiled inner loops of the deformations of images.

Imported only when images are deformed, so that importing :mod:`mnist_pipeline.data.deformations`
does not import Numba. Both functions run on one thread, without the interpreter lock, one image at
a time: results do not depend on the number of threads that share the images.
"""

from typing import Any

import numpy as np

from mnist_pipeline.kernels.compiled import compiled


@compiled()
def _copy(source: Any, target: Any) -> None:
    """target[:] = source.

    Numba would compile the error message of that assignment too, which takes seconds.
    """
    for row in range(target.shape[0]):
        for column in range(target.shape[1]):
            target[row, column] = source[row, column]


@compiled(cache=True, nogil=True)
def sample(images: Any, maps: Any, output: Any) -> None:
    """Compute each output pixel by bilinear interpolation at the position that its map assigns.

    The map of an image is (a, b, c, d, e, f): the pixel (row, column) is read at (a·row + b·column
    + c, d·row + e·column + f). Outside the image there is background.
    """
    rows, columns = images.shape[1:]
    # One pixel of background around the image: a position that is clamped to it reads only
    # background.
    image = np.zeros((rows + 2, columns + 2), np.float32)
    padded = image.reshape(-1)
    stride = columns + 2
    last_row = np.float32(rows + 1)
    last_column = np.float32(columns + 1)
    for i in range(images.shape[0]):
        _copy(images[i], image[1:-1, 1:-1])
        a, b, c, d, e, f = maps[i]
        for row in range(rows):
            first_y = a * row + c + 1
            first_x = d * row + f + 1
            for column in range(columns):
                y = min(max(np.float32(first_y + b * column), np.float32(0)), last_row)
                x = min(max(np.float32(first_x + e * column), np.float32(0)), last_column)
                top = min(np.int32(y), np.int32(rows))
                left = min(np.int32(x), np.int32(columns))
                below = y - np.float32(top)
                right = x - np.float32(left)
                place = top * stride + left
                upper = padded[place] + right * (padded[place + 1] - padded[place])
                place += stride
                lower = padded[place] + right * (padded[place + 1] - padded[place])
                value = upper + below * (lower - upper) + np.float32(0.5)
                output[i, row, column] = np.uint8(np.int32(value))


@compiled()
def _widen_row(above: Any, row: Any, below: Any, invert: Any, fraction: Any, output: Any) -> None:
    """Blend a row of pixels, padded by one at each end, with extremes of their neighbourhoods."""
    for column in range(output.size):
        extreme = np.uint8(row[column + 1] ^ invert)
        extreme = max(extreme, np.uint8(row[column] ^ invert))
        extreme = max(extreme, np.uint8(row[column + 2] ^ invert))
        extreme = max(extreme, np.uint8(above[column + 1] ^ invert))
        extreme = max(extreme, np.uint8(below[column + 1] ^ invert))
        value = np.float32(row[column + 1])
        value += fraction * (np.float32(np.uint8(extreme ^ invert)) - value) + np.float32(0.5)
        output[column] = np.uint8(np.int32(value))


@compiled(cache=True, nogil=True)
def widen(images: Any, amounts: Any, output: Any) -> None:
    """Grow (amount > 0) or shrink (amount < 0) the ink by |amount| pixels on each side.

    A pixel becomes the largest, or smallest, of itself and its four neighbours. The fraction of a
    pixel is a blend: x + fraction · (extreme − x).
    """
    rows, columns = images.shape[1:]
    current = np.zeros((rows + 2, columns + 2), np.uint8)
    blended = np.zeros((rows + 2, columns + 2), np.uint8)
    for i in range(images.shape[0]):
        _copy(images[i], current[1:-1, 1:-1])
        # min x = 255 − max(255 − x), and 255 − x is x ^ 255.
        invert = np.uint8(255 if amounts[i] < 0 else 0)
        left = abs(amounts[i])
        while left > 0:
            fraction = np.float32(min(left, 1.0))
            for row in range(1, rows + 1):
                above = current[row - 1]
                below = current[row + 1]
                _widen_row(above, current[row], below, invert, fraction, blended[row, 1:-1])
            current, blended = blended, current
            left -= 1.0
        _copy(current[1:-1, 1:-1], output[i])
