"""Measures of ink and paper that several stages of the finder share."""

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from mnist_pipeline.data.decoding import Grey
from mnist_pipeline.handwriting.finder.scan import Mask

DARKEST_PAPER = 0.2  # share of full brightness; below it, contrast is not amplified further
NUM_BINS = 128  # of the histogram whose classes are separated


def otsu_threshold(values: Grey, limits: tuple[float, float] | None = None) -> float:
    """The threshold with the smallest variance within the two classes [1]_, between the limits.

    The default limits are the lowest and the highest value. Without values, it is 1.

    References
    ----------
    .. [1] N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on
       Systems, Man, and Cybernetics 9(1), 1979.
    """
    if values.size == 0:
        return 1.0
    counts, edges = np.histogram(values, NUM_BINS, limits)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * centres)
    # The variance between the means of the two classes, up to a factor. If no value lies between
    # the classes, several thresholds are equally good.
    between = (total[-1] * below - total * below[-1]) ** 2 / np.maximum(below * above, 1)
    return float(edges[1:][between >= between.max() * (1 - 1e-9)].mean())


def missing_light(paper: Grey, grey: Grey) -> Grey:
    """Missing share of the paper's light; a share, because illumination is multiplicative."""
    return (paper - grey) / np.maximum(paper, DARKEST_PAPER)


def noise_of(ink: Grey) -> float:
    """Standard deviation of the noise, from the pixels below the paper's level, 0."""
    below, far_below = np.percentile(ink[::2, ::2], (16, 2))
    return -float(min(below, far_below / 2))


def closing(grey: Grey, window: int) -> Grey:
    """Grey closing: dark strokes narrower than the window take the level of their surroundings."""
    extended = np.pad(grey, window, mode="edge")
    closed = scipy.ndimage.minimum_filter(scipy.ndimage.maximum_filter(extended, window), window)
    return closed[window:-window, window:-window]


def boxes_of(labels: NDArray[Any]) -> NDArray[np.intp]:
    """Left, top, right and bottom of each label from 1 on, (n, 4)."""
    corners = [(x.start, y.start, x.stop, y.stop) for y, x in scipy.ndimage.find_objects(labels)]
    return np.array(corners, np.intp).reshape(-1, 4)


def larger_sides(boxes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of boxes (left, top, right, bottom), (n,)."""
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1)


def closes(ink: Mask) -> bool:
    """Whether ink closes a box along most of its top and most of its bottom."""
    depth = max(4, round(0.15 * len(ink)))
    return bool(min(part.any(axis=0).mean() for part in (ink[:depth], ink[-depth:])) > 0.5)


def stroke_width(depths: Grey) -> float:
    """Mean stroke width from depths of pixels: a strip of width w has the mean depth (w + 2)/4."""
    return max(1.0, 4 * float(depths.mean()) - 2)


def lean_and_slimness(own: Mask) -> tuple[float, float]:
    """How far a shape shifts to the right per height, from its foot, and its length per thickness.

    Both come from the covariance of its pixels.
    """
    y, x = np.nonzero(own)
    covariance = np.cov(x, y)
    across, along = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance), 1e-9))
    return float(-covariance[0, 1] / max(covariance[1, 1], 1e-9)), float(along / across)


def roundness(outline: Mask) -> float:
    """Area² / (144 det Σ) of a shape without its holes, with the covariance Σ of its pixels.

    It is 1 for each rectangle and parallelogram, 1.10 for each ellipse, and less than 1 for
    triangles and shapes with branches. It is large for a line of pixels, whose det Σ is 0.
    """
    shape = scipy.ndimage.binary_fill_holes(outline)
    covariance = np.cov(np.nonzero(shape), bias=True)
    determinant = max(float(np.linalg.det(covariance)), 1e-9)
    return float(np.count_nonzero(shape) ** 2 / (144 * determinant))


def reduced(picture: NDArray[np.uint8] | Grey, factor: int) -> Grey:
    """Average blocks of pixels."""
    image = Image.fromarray(picture if picture.dtype == np.uint8 else picture.astype(np.float32))
    return np.asarray(image.reduce(factor) if factor > 1 else image, np.float32)


def resized(
    picture: Grey, shape: tuple[int, ...], kernel: Image.Resampling = Image.Resampling.BILINEAR
) -> Grey:
    """Interpolate to another shape."""
    return np.asarray(Image.fromarray(picture).resize((shape[1], shape[0]), kernel))
