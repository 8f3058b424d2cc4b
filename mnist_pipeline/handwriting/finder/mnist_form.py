"""Seventh stage: a digit becomes 28×28 pixels in MNIST's form."""

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from mnist_pipeline.data.conversion import (
    DIGIT_SIDE,
    STROKE_WIDTHS,
    centred,
    centred_part,
    extent,
)
from mnist_pipeline.data.decoding import Grey
from mnist_pipeline.handwriting.finder.measures import resized, stroke_width
from mnist_pipeline.handwriting.finder.scan import Glyph, Mask, Scan

CONTOUR_SIDE = 64  # the larger side of a digit while its outline is computed
FAINTEST_SHARE = 0.2  # of full ink, in a stroke
THINNEST = 0.7  # share of full ink that a thin stroke has, at least
GLYPH_MARGIN = 2  # pixels around the strokes of a digit that hold the soft edge of its ink


def image_of(glyph: Glyph, scan: Scan) -> NDArray[np.uint8] | None:
    """A digit in MNIST's form; None if only the surroundings of its strokes have ink.

    Thin strokes get the width of MNIST's thinnest. Other strokes keep their grey levels, as a
    threshold would close the holes of the digit or open them.
    """
    rows = slice(max(0, glyph.y - GLYPH_MARGIN), glyph.y + glyph.height + GLYPH_MARGIN)
    columns = slice(max(0, glyph.x - GLYPH_MARGIN), glyph.x + glyph.width + GLYPH_MARGIN)
    strength = _strength(
        np.isin(scan.strokes[rows, columns], glyph.labels), scan.ink[rows, columns]
    )
    outline = _outline(strength, max(glyph.width, glyph.height))
    inside = outline < 0
    if not inside.any():
        return None
    side = max(extent(inside)[2:])
    stroke = stroke_width(0.5 - outline[inside])
    if stroke * DIGIT_SIDE > STROKE_WIDTHS[0] * side:
        image = centred_part(strength, strength > FAINTEST_SHARE)
        return np.rint(image * (255 / image.max())).astype(np.uint8)
    # Moving the outline outwards by d makes the stroke (stroke + 2d) · 20 / (side + 2d) wide.
    share = STROKE_WIDTHS[0] / DIGIT_SIDE
    moved = (share * side - stroke) / (2 * (1 - share))
    levels = np.clip(0.5 + moved - outline, 0, 1)
    return centred(levels, (side + 2 * moved) / DIGIT_SIDE)


def _strength(own: Mask, ink: Grey) -> Grey:
    """The ink of a digit and its edge, as a share of full ink, in [0, 1]."""
    strength = np.where(scipy.ndimage.maximum_filter(own, 2 * GLYPH_MARGIN + 1), ink, 0)
    full = np.quantile(strength[own], 0.8)
    return np.clip(strength / (full if full > 0 else np.inf), 0, 1).astype(np.float32)


def _outline(strength: Grey, side: int) -> Grey:
    """Signed distance to the outline of a digit, negative inside the ink.

    The larger side of the digit gets about 64 pixels. Without ink, all distances are positive.
    """
    strength = np.pad(strength, GLYPH_MARGIN)
    zoom = CONTOUR_SIDE / side
    shape = tuple(int(np.ceil(length * zoom)) for length in strength.shape)
    drawn = scipy.ndimage.gaussian_filter(resized(strength, shape, Image.Resampling.BICUBIC), 0.8)
    # Half of the full ink, or of the fullest ink nearby in a thin stroke.
    full = np.clip(scipy.ndimage.maximum_filter(drawn, 9), THINNEST, 1)
    inside = np.pad(drawn > 0.5 * full, 4)
    outer = scipy.ndimage.distance_transform_edt(~inside)
    inner = scipy.ndimage.distance_transform_edt(inside)
    return np.where(inside, 0.5 - inner, outer - 0.5)
