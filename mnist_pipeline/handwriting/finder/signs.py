"""Shapes that are signs rather than digits: slashes, commas, and bars that are unlike a 1."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy

from mnist_pipeline.handwriting.finder.measures import lean_and_slimness, stroke_width
from mnist_pipeline.handwriting.finder.scan import Glyph, Mask, Scan

STRAIGHT = 5  # least slimness of a slash
LEANING = 0.18  # lean of a slash, more than the lean of the digits around it
TALLER = 1.1  # height of a single slash, as a factor of the height of the digits around it
BAR = 2.5  # least slimness of a bar, which may be a 1
LINE = 4  # least slimness of a line in a pattern
FEWEST, MOSTLY = 4, 0.8  # so many shapes, of which so many are bars, are a pattern
TALLEST, THINNEST = 1.4, 0.65  # height and width of a 1's stroke, as factors of other digits'
LONGEST = 0.85  # a stroke alone, as a share of the picture
AT_EDGE = 0.01  # distance from the edge, as a share of the picture's larger side
AROUND = 0.1  # how far the surroundings of a bar reach, as a share of its larger side
EVEN = 0.55  # least ratio of the light around a 1, between its 5% and its 95% quantile


class Shape(NamedTuple):
    """A glyph with its measures."""

    glyph: Glyph
    own: Mask  # its pixels within its box
    lean: float
    slimness: float

    @property
    def is_bar(self) -> bool:
        """Whether it is so slim that it may be a 1."""
        return self.slimness >= BAR

    @property
    def thickness(self) -> float:
        """Width of its strokes in pixels."""
        depths = scipy.ndimage.distance_transform_edt(np.pad(self.own, 1))
        return stroke_width(depths[depths > 0])


def with_signs(lines: Sequence[Sequence[Glyph]], scan: Scan) -> list[list[Glyph]]:
    """The lines, with each shape marked that is a slash, a comma, or a bar unlike a 1."""
    measured = [[_measured(glyph, scan) for glyph in line] for line in lines]
    signs = [_slashes_and_commas(line) for line in measured]
    shapes = list(itertools.chain(*measured))
    num_bars = sum(shape.slimness >= LINE for shape in shapes) - sum(map(len, signs))
    is_pattern = len(shapes) >= FEWEST and num_bars >= MOSTLY * len(shapes)
    for line, own in zip(measured, signs):
        compared = line if len(line) > 1 else shapes
        for place, shape in enumerate(line):
            if shape.is_bar and (is_pattern or _is_unlike_one(shape, compared, scan)):
                own.add(place)
    return [
        [shape.glyph._replace(is_sign=place in own) for place, shape in enumerate(line)]
        for line, own in zip(measured, signs)
    ]


def _measured(glyph: Glyph, scan: Scan) -> Shape:
    part = scan.strokes[glyph.y : glyph.y + glyph.height, glyph.x : glyph.x + glyph.width]
    own = np.isin(part, glyph.labels)
    return Shape(glyph, own, *lean_and_slimness(own))


def _slashes_and_commas(line: Sequence[Shape]) -> set[int]:
    """Places of the slashes and commas in a line.

    Slashes are straight, and lean more than the digits around them. Many a 1 does so too, so a
    single slash must also be taller. Commas are small and low.
    """
    height = np.median([shape.glyph.height for shape in line])
    middle = np.median([shape.glyph.y + shape.glyph.height / 2 for shape in line])
    leans = [shape.lean for shape in line if not shape.is_bar] or [shape.lean for shape in line]
    slashes, commas = set(), set()
    for place, shape in enumerate(line[1:-1], 1):
        if shape.slimness >= STRAIGHT and shape.lean > LEANING + np.median(leans):
            slashes.add(place)
        if shape.glyph.height < height / 2 and shape.glyph.y > middle:
            commas.add(place)
    if all(line[place].glyph.height < TALLER * height for place in slashes) and len(slashes) == 1:
        slashes.clear()
    return slashes | commas


def _is_unlike_one(bar: Shape, shapes: Sequence[Shape], scan: Scan) -> bool:
    """Whether a bar is too tall or too thin for a 1 among these shapes, alone and as long as the
    picture, at the edge of the picture, or without digits at the edge of something dark.
    """
    rows, columns = scan.grey.shape
    x, y, width, height = bar.glyph.box
    heights = [shape.glyph.height for shape in shapes if not shape.is_bar]
    if heights and height > TALLEST * np.median(heights):
        return True
    # Of a single other shape, which may be a scribble, the width says little.
    widths = [shape.thickness for shape in shapes if shape is not bar]
    if len(widths) > 1 and bar.thickness < THINNEST * np.median(widths):
        return True
    if len(shapes) == 1 and max(width / columns, height / rows) > LONGEST:
        return True
    if min(x, y, columns - x - width, rows - y - height) <= AT_EDGE * max(rows, columns):
        return True
    if heights:  # among digits, in which a shadow may begin
        return False
    reach = round(AROUND * max(width, height))
    around = (
        slice(max(0, y - reach), y + height + reach),
        slice(max(0, x - reach), x + width + reach),
    )
    darkest, lightest = np.quantile(scan.light[around], (0.05, 0.95))
    return bool(darkest < EVEN * lightest)
