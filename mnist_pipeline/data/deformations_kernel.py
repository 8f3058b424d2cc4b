"""The compiled inner loop of `deformations.affine`, which computes the map of each image.

It is imported only when images are deformed, so that importing
:mod:`mnist_pipeline.data.deformations` does not import Numba. The tests have a plain twin. The loop
runs on one thread, without the interpreter lock, one image at a time: results do not depend on the
number of threads that share the images.
"""

from typing import Any

import numpy as np

from mnist_pipeline.utils.compiled import compiled


@compiled(cache=True, nogil=True)
def sample(images: Any, maps: Any, padded: Any, output: Any) -> None:
    """Compute each pixel by bilinear interpolation at the position that its image's map assigns.

    The map of an image is (a, b, c, d, e, f), any numbers: the pixel (row, column) of `output` is
    read at (a·row + b·column + c, d·row + e·column + f). Outside the image, and where the position
    is not a number, there is paper. `padded` is overwritten; it is zero, float32, one pixel larger
    than an image on each side. Raises a ValueError for arrays of other shapes.
    """
    rows, columns = images.shape[1:]
    if (
        output.shape != images.shape
        or maps.shape != (len(images), 6)
        or len(padded) < (rows + 2) * (columns + 2)
    ):
        raise ValueError("maps, padded and output do not have the shapes that images need")
    # A position that is clamped to the pixels around the image reads only background. NaN becomes
    # `first`, because no comparison with NaN is true.
    stride = columns + 2
    first = np.float32(0)
    last_row = np.float32(rows + 1)
    last_column = np.float32(columns + 1)
    for i in range(images.shape[0]):
        for row in range(rows):
            for column in range(columns):
                padded[(row + 1) * stride + column + 1] = images[i, row, column]
        a, b, c, d, e, f = maps[i]
        for row in range(rows):
            first_y = a * row + c + 1
            first_x = d * row + f + 1
            for column in range(columns):
                y = np.float32(first_y + b * column)
                x = np.float32(first_x + e * column)
                y = y if y > first else first
                x = x if x > first else first
                y = y if y < last_row else last_row
                x = x if x < last_column else last_column
                top = min(np.int32(y), np.int32(rows))
                left = min(np.int32(x), np.int32(columns))
                below = y - np.float32(top)
                right = x - np.float32(left)
                at = top * stride + left
                upper = padded[at] + right * (padded[at + 1] - padded[at])
                at += stride
                lower = padded[at] + right * (padded[at + 1] - padded[at])
                value = upper + below * (lower - upper) + np.float32(0.5)
                output[i, row, column] = np.uint8(np.int32(value))
