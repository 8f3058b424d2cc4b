"""Shapes that are signs rather than digits: slashes, commas, and bars that are unlike a 1."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy

from mnist_pipeline.handwriting.finder.measures import lean_and_slimness, stroke_width
from mnist_pipeline.handwriting.finder.scan import Glyph, Mask, Scan

SLASH_SLIMNESS = 5  # least slimness of a slash
SLASH_LEAN = 0.18  # lean of a slash, more than the lean of the digits around it
SLASH_HEIGHT = 1.1  # height of a single slash, as a factor of the height of the digits around it
BAR_SLIMNESS = 2.5  # least slimness of a bar, which may be a 1
LINE_SLIMNESS = 4  # least slimness of a line in a pattern
FEWEST, MOSTLY = 4, 0.8  # so many shapes, of which so many are bars, are a pattern
TALLEST_ONE = 1.4  # height of a 1, as a factor of the height of other digits
THINNEST_ONE = 0.65  # width of a 1's stroke, as a factor of the width of other digits' strokes
LONGEST_ALONE = 0.85  # a stroke alone, as a share of the picture
BAR_TO_EDGE = 0.01  # distance from the edge, as a share of the picture's larger side
AROUND_BAR = 0.1  # how far the surroundings of a bar reach, as a share of its larger side
EVEN_LIGHT = 0.55  # least ratio of the light around a 1, between its 5% and its 95% quantile


class MeasuredGlyph(NamedTuple):
    """A glyph with its measures."""

    glyph: Glyph
    own: Mask  # its pixels within its box
    lean: float
    slimness: float

    @property
    def is_bar(self) -> bool:
        """Whether it is so slim that it may be a 1."""
        return self.slimness >= BAR_SLIMNESS

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
    num_bars = sum(shape.slimness >= LINE_SLIMNESS for shape in shapes) - sum(map(len, signs))
    is_pattern = len(shapes) >= FEWEST and num_bars >= MOSTLY * len(shapes)
    for line, own in zip(measured, signs):
        compared = line if len(line) > 1 else shapes
        for index, shape in enumerate(line):
            if shape.is_bar and (is_pattern or _is_unlike_one(shape, compared, scan)):
                own.add(index)
    return [
        [shape.glyph._replace(is_sign=index in own) for index, shape in enumerate(line)]
        for line, own in zip(measured, signs)
    ]


def _measured(glyph: Glyph, scan: Scan) -> MeasuredGlyph:
    part = scan.strokes[glyph.y : glyph.y + glyph.height, glyph.x : glyph.x + glyph.width]
    own = np.isin(part, glyph.labels)
    return MeasuredGlyph(glyph, own, *lean_and_slimness(own))


def _slashes_and_commas(line: Sequence[MeasuredGlyph]) -> set[int]:
    """Indices of the slashes and commas in a line.

    Slashes are straight, and lean more than the digits around them. Many a 1 does so too, so a
    single slash must also be taller. Commas are small and low.
    """
    height = np.median([shape.glyph.height for shape in line])
    middle = np.median([shape.glyph.y + shape.glyph.height / 2 for shape in line])
    leans = [shape.lean for shape in line if not shape.is_bar] or [shape.lean for shape in line]
    slashes, commas = set(), set()
    for index, shape in enumerate(line[1:-1], 1):
        if shape.slimness >= SLASH_SLIMNESS and shape.lean > SLASH_LEAN + np.median(leans):
            slashes.add(index)
        if shape.glyph.height < height / 2 and shape.glyph.y > middle:
            commas.add(index)
    heights = [line[index].glyph.height for index in slashes]
    if len(heights) == 1 and heights[0] < SLASH_HEIGHT * height:
        slashes.clear()
    return slashes | commas


def _is_unlike_one(bar: MeasuredGlyph, shapes: Sequence[MeasuredGlyph], scan: Scan) -> bool:
    """Whether a bar is too tall or too thin for a 1 among these shapes, alone and as long as the
    picture, at the edge of the picture, or without digits at the edge of something dark.
    """
    rows, columns = scan.grey.shape
    x, y, width, height = bar.glyph.box
    heights = [shape.glyph.height for shape in shapes if not shape.is_bar]
    if heights and height > TALLEST_ONE * np.median(heights):
        return True
    # Of a single other shape, which may be a scribble, the width says little.
    widths = [shape.thickness for shape in shapes if shape is not bar]
    if len(widths) > 1 and bar.thickness < THINNEST_ONE * np.median(widths):
        return True
    if len(shapes) == 1 and max(width / columns, height / rows) > LONGEST_ALONE:
        return True
    if min(x, y, columns - x - width, rows - y - height) <= BAR_TO_EDGE * max(rows, columns):
        return True
    if heights:  # among digits, in which a shadow may begin
        return False
    reach = round(AROUND_BAR * max(width, height))
    around = (
        slice(max(0, y - reach), y + height + reach),
        slice(max(0, x - reach), x + width + reach),
    )
    darkest, lightest = np.quantile(scan.light[around], (0.05, 0.95))
    return bool(darkest < EVEN_LIGHT * lightest)
