"""What is around a digit: its own ink among the ink of its neighbours, for the judge."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_pipeline.handwriting.finder.scan import Glyph, Scan

SIDE = 48  # pixels
DIGIT_SIDE = 22  # pixels, the larger side of the digit
LEVELS = 127  # of ink
OWN = 128  # added to the level of a pixel that is the digit's own


def surroundings_of(glyph: Glyph, scan: Scan) -> NDArray[np.uint8]:
    """A digit in the middle of its surroundings, uint8 (48, 48).

    A pixel has its ink in 0–127, as a share of the digit's ink, and 128 more if at least half of it
    belongs to the digit.
    """
    x, y, width, height = glyph.box
    side = max(width, height) * SIDE / DIGIT_SIDE
    left, top = x + width / 2 - side / 2, y + height / 2 - side / 2
    first_x, first_y = int(np.floor(left)), int(np.floor(top))
    count = int(np.ceil(side)) + 1
    strokes = _part(scan.strokes, first_x, first_y, count)
    own = np.isin(strokes, glyph.labels)
    ink = _part(scan.ink, first_x, first_y, count)
    full = np.quantile(ink[own], 0.8) if own.any() else 0.0
    share = np.clip(ink / (full if full > 0 else np.inf), 0, 1)
    box = left - first_x, top - first_y, left - first_x + side, top - first_y + side
    levels = np.rint(LEVELS * _reduced(share, box))
    return (levels + OWN * (_reduced(own, box) >= 0.5)).astype(np.uint8)


def _part(picture: NDArray[Any], left: int, top: int, count: int) -> NDArray[Any]:
    """A square of a picture, with 0 beyond its edges."""
    rows, columns = picture.shape
    part = np.zeros((count, count), picture.dtype)
    right, bottom = min(columns, left + count), min(rows, top + count)
    inner_left, inner_top = max(0, left), max(0, top)
    part[inner_top - top : bottom - top, inner_left - left : right - left] = picture[
        inner_top:bottom, inner_left:right
    ]
    return part


def _reduced(part: NDArray[Any], box: tuple[float, float, float, float]) -> NDArray[Any]:
    image = Image.fromarray(part.astype(np.float32))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box))
