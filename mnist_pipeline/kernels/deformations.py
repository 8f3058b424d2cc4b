"""The compiled inner loop that samples images.

Imported only when images are deformed, so that importing :mod:`mnist_pipeline.data.deformations`
does not import Numba. It runs on one thread, without the interpreter lock, one image at a time:
results do not depend on the number of threads that share the images.
"""

from typing import Any

import numpy as np

from mnist_pipeline.kernels.compiled import compiled


@compiled(cache=True, nogil=True)
def sample(padded_images: Any, maps: Any, output: Any) -> None:
    """Compute each output pixel by bilinear interpolation at the position that its map assigns.

    The map of an image is (a, b, c, d, e, f): the pixel (row, column) is read at (a·row + b·column
    + c, d·row + e·column + f). The images are float32, with one pixel of background around them: a
    position outside the image is clamped to it, and reads only background.
    """
    rows, columns = output.shape[1:]
    stride = columns + 2
    last_row = np.float32(rows + 1)
    last_column = np.float32(columns + 1)
    for i in range(output.shape[0]):
        padded = padded_images[i].reshape(-1)
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
