"""The plain twin of the compiled loop that deforms images."""

import numpy as np


def sample_reference(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Compute each pixel by bilinear interpolation at the position that its image's map assigns.

    The map of an image is (a, b, c, d, e, f): the pixel (row, column) is read at (a·row + b·column
    + c, d·row + e·column + f). Outside the image, and where the position is not a number, there is
    paper. It computes the same bytes as `deformations_kernel.sample`, with NumPy alone.
    """
    count, height, width = images.shape
    image = np.arange(count)[:, np.newaxis, np.newaxis]
    row, column = np.indices((height, width))
    a, b, c, d, e, f = maps.T[:, :, np.newaxis, np.newaxis]
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2))).astype(np.float32)
    # Positions in the padded image; those outside it are at its border, where there is paper.
    with np.errstate(all="ignore"):
        y = _within(a * row + c + 1 + b * column, height + 1)
        x = _within(d * row + f + 1 + e * column, width + 1)
    top = y.astype(np.int32)
    left = x.astype(np.int32)
    below = y - top.astype(np.float32)
    right = x - left.astype(np.float32)

    def between_columns(row: np.ndarray) -> np.ndarray:
        pixel = padded[image, row, left]
        return pixel + right * (padded[image, row, left + 1] - pixel)

    upper = between_columns(top)
    lower = between_columns(top + 1)
    return (upper + below * (lower - upper) + np.float32(0.5)).astype(np.uint8)


def _within(positions: np.ndarray, last: int) -> np.ndarray:
    """Positions limited to 0 … last; 0 for NaN."""
    limited = np.minimum(positions.astype(np.float32), np.float32(last))
    return np.where(limited > 0, limited, np.float32(0))
