"""Shadows that are about as wide as digits, of fingers and pens: paler than strokes, and wider.

A closing that removes every stroke takes such a shadow for ink. A closing that is hardly wider than
the strokes follows the shadow.
"""

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from mnist_pipeline.data.decoding import Grey
from mnist_pipeline.handwriting.finder.measures import (
    boxes_of,
    closing,
    larger_sides,
    missing_light,
    otsu_threshold,
    reduced,
    resized,
    stroke_width,
)
from mnist_pipeline.handwriting.finder.scan import Mask

SMALLEST = 5  # pixels, the larger side of a stroke
FEWEST = 3  # strokes that tell how wide strokes are, and how dark
FAINTEST_SHADOW = 0.15  # a shadow takes this share of the paper's light
SMALLEST_SHARE = 0.01  # of the picture that is in shadow
DARKER = 0.1  # least share of the paper's light that strokes take more than the shadow
WIDEST = 12  # pixels, strokes in the picture that is closed
BLUR = 1  # pixels, standard deviation; a closing is too light where there is noise


def width_of_strokes(strokes: Mask) -> float | None:
    """The median width of connected strokes in pixels; None if they are few."""
    labels, sizes = _labelled(strokes)
    numbers = 1 + np.flatnonzero(sizes >= SMALLEST)
    if len(numbers) < FEWEST:
        return None
    depths = scipy.ndimage.distance_transform_edt(np.pad(strokes, 1))[1:-1, 1:-1]
    return stroke_width(np.median(scipy.ndimage.mean(depths, labels, numbers)))


def is_shaded(grey: Grey, closed: Grey, width: float) -> bool:
    """Whether strokes of a width meet a shadow that a closing took for ink.

    Both pictures have light paper, in [0, 1].
    """
    followed = closing(grey, max(3, round(2 * width) + 1))
    ink, missing = missing_light(followed, grey), missing_light(closed, grey)
    shadow = missing_light(closed, followed) > FAINTEST_SHADOW
    if shadow.mean() < SMALLEST_SHARE:
        return False
    labels, sizes = _labelled(ink > otsu_threshold(ink, (0, 1)))
    largest = _labelled(shadow)[1].max()
    digits = 1 + np.flatnonzero((sizes >= SMALLEST) & (sizes < largest))  # others may be frames
    near = scipy.ndimage.binary_dilation(shadow, np.ones((3, 3)))
    met = np.intersect1d(labels[near], digits)
    darkest = scipy.ndimage.maximum(missing, labels, met)
    return bool(np.max(darkest, initial=0) > np.quantile(missing[shadow], 0.9) + DARKER)


def paper_in_shadow(light: Grey, width: float) -> Grey:
    """The light of paper with strokes of a width in pixels, by a closing with an octagon.

    A square would leave ink in the round tips of fingers. Where strokes are wide, the picture is
    reduced first.
    """
    factor = math.ceil(width / WIDEST)
    small = scipy.ndimage.gaussian_filter(reduced(light, factor), BLUR)
    radius = round(width / factor + 1.5)
    of_diamond = round(radius * (2 - math.sqrt(2)))
    closed = np.pad(small, radius, mode="edge")
    cross = scipy.ndimage.generate_binary_structure(2, 1)
    for extreme in scipy.ndimage.maximum_filter, scipy.ndimage.minimum_filter:
        closed = extreme(closed, 2 * (radius - of_diamond) + 1)
        for _ in range(of_diamond):
            closed = extreme(closed, footprint=cross)
    return resized(closed[radius:-radius, radius:-radius], light.shape)


def _labelled(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """The labels of connected pixels, and the larger side of each label in pixels."""
    labels, _ = scipy.ndimage.label(mask, np.ones((3, 3)))
    return labels, larger_sides(boxes_of(labels))
