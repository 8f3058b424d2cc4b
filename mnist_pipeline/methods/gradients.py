"""Oriented gradients: what the convolutional network sees of a picture, beside its colours.

This is the definition. `networks.modules.CNN` computes the same in torch, and so in an ONNX file,
and `report/topics/networks/networks.js` on the page; tests compare them with this module.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# Directions k · 60°, from the right by way of below. A row is (cos, sin).
DIRECTIONS = tuple((float(np.cos(turn)), float(np.sin(turn))) for turn in np.arange(6) * np.pi / 3)
WINDOW = 5  # pixels of a side of the square whose energy divides a gradient
# Added to the energy, with levels in [0, 1]: gradients of less than 8 of 255 levels per pixel are
# not raised to the strength of an edge.
LEAST_ENERGY = 1e-3


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

        max(0, I_x cos θ + I_y sin θ) / √(E + 0.001),

    where E is the mean of I_x² + I_y² over the 5×5 pixels around. Beyond the border, the levels
    continue, and the gradient counts as zero.

    References
    ----------
    N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.

    Examples
    --------
    >>> edge = np.tile([0.0, 0, 0, 1, 1, 1], (6, 1))[None, :, :, None]  # it rises to the right
    >>> oriented(edge)[0, 3, 2].round(2)
    array([1.57, 0.79, 0.  , 0.  , 0.  , 0.79])
    """
    levels = pixels.mean(axis=3)  # (n, height, width)
    padded = np.pad(levels, ((0, 0), (1, 1), (1, 1)), mode="edge")
    horizontal = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    vertical = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    reach = WINDOW // 2
    around = ((0, 0), (reach, reach), (reach, reach))
    squares = np.pad(horizontal**2 + vertical**2, around)
    energy = sliding_window_view(squares, (WINDOW, WINDOW), (1, 2)).mean(axis=(3, 4))
    contrast = np.sqrt(energy + LEAST_ENERGY)
    rises = [horizontal * cos + vertical * sin for cos, sin in DIRECTIONS]
    return np.maximum(np.stack(rises, axis=3), 0) / contrast[..., None]
