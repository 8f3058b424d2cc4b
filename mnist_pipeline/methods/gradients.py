"""Oriented gradients, which the convolutional network gets in addition to the colours of a picture.

This is the definition. `networks.gradient_layers` computes the same in torch, and so does an ONNX
file, and `report/topics/networks/networks.js` on the page; tests compare them with this module.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mnist_pipeline.utils.blocks import in_blocks

# Directions k · 60°, from the right by way of below. A row is (cos, sin).
DIRECTIONS = tuple((float(np.cos(turn)), float(np.sin(turn))) for turn in np.arange(6) * np.pi / 3)
WINDOW = 5  # pixels of a side of the square whose energy divides a gradient
# Added to the energy, with levels in [0, 1]: gradients of less than 25 of 255 levels per pixel are
# not raised to the strength of an edge.
LEAST_ENERGY = 1e-2
# Of the histograms: directions k · 45°, and how many pixels a side of a cell has.
TURNS = np.arange(8) * np.pi / 4
BINS = tuple(zip(np.cos(TURNS).tolist(), np.sin(TURNS).tolist()))
CELL = 4
CELLS = (7, CELL)
CELL_SHAPE = (28 // CELL, 28 // CELL, len(BINS))
BLOCK_IMAGES = 100  # a block stays in the cache
# Added inside the roots, which have no derivative at zero; it is needed to fool the network.
LEAST_SQUARE, LEAST_SHARE = 1e-8, 1e-6
COLOR_CELL, COLOR_WEIGHT = 7, 0.25  # pixels of a side; factor of the mean colours
LEVELS = 4  # of each colour, in the histogram of colours


def of_inputs(num_inputs: int) -> tuple[int, bool]:
    """The channels of the images of a network whose first layer has so many inputs per pixel, and
    whether it sees gradients.

    Examples
    --------
    >>> [of_inputs(num_inputs) for num_inputs in (1, 3, 7, 9)]
    [(1, False), (3, False), (1, True), (3, True)]
    """
    sees_gradients = num_inputs > len(DIRECTIONS)
    return num_inputs - len(DIRECTIONS) * sees_gradients, sees_gradients


def oriented(pixels: np.ndarray) -> np.ndarray:
    """How steeply images rise in six directions, compared with the contrast around each pixel.

    The images have levels in [0, 1], floating (n, height, width, channels). The result has their
    type and the shape (n, height, width, 6); its values lie in [0, 5]. With the central differences
    I_x and I_y of the mean of the channels, as in `harris.gradients`, it is

        max(0, I_x cos θ + I_y sin θ) / √(E + 0.01),

    where E is the mean of I_x² + I_y² over the 5×5 pixels around. Beyond the border, the levels
    continue, and the gradient counts as zero.

    References
    ----------
    N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.

    Examples
    --------
    >>> edge = np.tile([0.0, 0, 0, 1, 1, 1], (6, 1))[None, :, :, None]  # it rises to the right
    >>> oriented(edge)[0, 3, 2].round(2)
    array([1.51, 0.75, 0.  , 0.  , 0.  , 0.75])
    """
    horizontal, vertical = _differences(pixels)
    reach = WINDOW // 2
    around = ((0, 0), (reach, reach), (reach, reach))
    squares = np.pad(horizontal**2 + vertical**2, around)
    energy = sliding_window_view(squares, (WINDOW, WINDOW), (1, 2)).mean(axis=(3, 4))
    contrast = np.sqrt(energy + LEAST_ENERGY)
    rises = [horizontal * cos + vertical * sin for cos, sin in DIRECTIONS]
    return np.maximum(np.stack(rises, axis=3), 0) / contrast[..., None]


def histograms(pixels: np.ndarray) -> np.ndarray:
    """Rows that describe images by their gradients and colours, (n, n_features).

    The images have levels in [0, 1], floating (n, 28, 28, channels). A gradient of length m in the
    direction φ counts as m max(0, cos(φ − θ))⁸ for each of eight directions θ. The first features
    are the square roots of the shares of directions and cells, for cells of 7×7 and of 4×4 pixels:
    distances of such rows are Hellinger's. Then come the mean levels of cells, times a quarter. Of
    images in colour, the last 64 are the square roots of the shares of pixels by colour, which has
    four levels of red, green and blue.
    """
    amounts = _amounts(pixels)
    parts = [_roots(_means(amounts, side)) for side in CELLS]
    parts.append(np.float32(COLOR_WEIGHT) * _means(pixels, COLOR_CELL))
    if pixels.shape[3] == 3:
        levels = np.floor(np.rint(255 * pixels) / (256 / LEVELS)).astype(np.int64)
        colors = levels @ (LEVELS**2, LEVELS, 1)  # (n, 28, 28), from 0 to 63
        counts = [np.bincount(image.ravel(), minlength=LEVELS**3) for image in colors]
        parts.append(np.sqrt(np.array(counts) / colors[0].size))
    return np.concatenate(parts, axis=1).astype(pixels.dtype)


def histograms_of(images: np.ndarray) -> np.ndarray:
    """`histograms` of images, uint8 (n, 28, 28) or (n, 28, 28, 3), in float32."""
    return histograms(_levels(images))


def cell_histograms_of(images: np.ndarray) -> np.ndarray:
    """The features of `histograms_of` for cells of 4×4 pixels: eight directions of 7×7 cells, row
    by row, float32 (n, 392).

    They have no colours, and a row has the length 1.

    Examples
    --------
    >>> edge = np.repeat(np.uint8([0, 255]), 14)[None, None].repeat(28, axis=1)  # to the right
    >>> cells = cell_histograms_of(edge).reshape(7, 7, 8)
    >>> cells[0, 3].round(2)  # in the middle of the first row of cells
    array([0.36, 0.09, 0.  , 0.  , 0.  , 0.  , 0.  , 0.09], dtype=float32)
    """
    rows = np.empty((len(images), math.prod(CELL_SHAPE)), np.float32)

    def fill(block: slice) -> None:
        rows[block] = _roots(_means(_amounts(_levels(images[block])), CELL))

    in_blocks(fill, len(images), BLOCK_IMAGES)
    return rows


def _levels(images: np.ndarray) -> np.ndarray:
    """Images in bytes as levels in [0, 1], float32 (n, 28, 28, channels)."""
    return images.reshape(*images.shape[:3], -1).astype(np.float32) / 255


def _amounts(pixels: np.ndarray) -> np.ndarray:
    """How much each of eight directions counts at each pixel, (n, 28, 28, 8)."""
    horizontal, vertical = _differences(pixels)
    magnitude = np.sqrt(horizontal**2 + vertical**2 + np.float32(LEAST_SQUARE))
    rises = [horizontal * cos + vertical * sin for cos, sin in BINS]
    powers = np.maximum(np.stack(rises, axis=3), 0) / magnitude[..., None]  # cosines
    for _ in range(3):
        powers *= powers  # the eighth power, in a quarter of the time of `**`
    return magnitude[..., None] * powers


def _roots(cells: np.ndarray) -> np.ndarray:
    """The square roots of the shares of cells (n, k) in the sums of the rows."""
    shares = cells / (cells.sum(axis=1, keepdims=True) + LEAST_SHARE)
    return np.sqrt(shares + LEAST_SHARE)


def _differences(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The central differences of the mean of the channels, as `harris.gradients` of each image."""
    levels = pixels.mean(axis=3)  # (n, height, width)
    padded = np.pad(levels, ((0, 0), (1, 1), (1, 1)), mode="edge")
    horizontal = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    vertical = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    return horizontal, vertical


def _means(maps: np.ndarray, side: int) -> np.ndarray:
    """The means of maps (n, height, width, k) over cells of side × side pixels, as rows."""
    n, height, width, k = maps.shape
    cells = maps.reshape(n, height // side, side, width // side, side, k)
    # One axis after the other: half the time of both at once.
    return cells.mean(axis=2).mean(axis=3).reshape(n, -1)
