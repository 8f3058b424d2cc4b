"""Ink that may be two digits which touch, cut from top to bottom where it is thinnest."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.handwriting.finder.mnist_form import image_of
from mnist_pipeline.handwriting.finder.scan import Box, Glyph, Mask, Scan
from mnist_pipeline.handwriting.finder.search import Found
from mnist_pipeline.handwriting.finder.surroundings import DIGIT_SIDE, SIDE, surroundings_of

NARROWEST = 0.6  # width of two digits, as a share of their height
SHARES = 0.3, 0.4, 0.5, 0.6, 0.7  # of the width, where a cut is searched
REACH = 0.12  # of the width, how far a cut may leave its share on either side
LEAST_INK = 12  # pixels of a part
BLANK = 0.01  # what a pixel without ink costs a cut, so that it is short; one with ink costs 1


class Part(NamedTuple):
    """The ink on one side of a cut, left or right."""

    box: Box  # x, y, width and height of its ink, in pixels of the upright picture
    surroundings: NDArray[np.uint8]  # (48, 48), see `surroundings`
    glyph: Glyph
    scan: Scan  # with the parts as strokes of their own

    def image(self) -> NDArray[np.uint8] | None:
        """In MNIST's form, (28, 28); None if only the surroundings of its strokes have ink."""
        return image_of(self.glyph, self.scan)


def cuts_of(found: Found) -> list[tuple[Part, Part]]:
    """Both sides of up to five cuts, the left one first; empty if the ink is too narrow for two
    digits.

    A cut is the path from top to bottom that crosses the least ink in a quarter of the width.
    """
    if found.ink is None or found.box[2] < NARROWEST * found.box[3]:
        return []
    glyph, scan = _around(*found.ink)
    rows, columns = (
        slice(glyph.y, glyph.y + glyph.height),
        slice(glyph.x, glyph.x + glyph.width),
    )
    own = np.isin(scan.strokes[rows, columns], glyph.labels)
    free = int(scan.strokes.max()) + 1
    cuts: dict[int, tuple[Part, Part]] = {}  # by the ink on the left
    for path in _paths(own):
        is_left = np.arange(glyph.width) < path[:, np.newaxis]
        on_left, on_right = (int(np.count_nonzero(own & side)) for side in (is_left, ~is_left))
        if on_left in cuts or min(on_left, on_right) < LEAST_INK:
            continue
        strokes = scan.strokes.copy()
        strokes[rows, columns][own] = np.where(is_left, free, free + 1)[own]
        parted = replace(scan, strokes=strokes)
        cuts[on_left] = (
            _part(found, glyph, parted, free),
            _part(found, glyph, parted, free + 1),
        )
    return list(cuts.values())


def _around(glyph: Glyph, scan: Scan) -> tuple[Glyph, Scan]:
    """A glyph in the part of the scan that can be seen around each of its parts."""
    margin = max(glyph.width, glyph.height) * SIDE // DIGIT_SIDE
    left, top = max(0, glyph.x - margin), max(0, glyph.y - margin)
    rows = slice(top, glyph.y + glyph.height + margin)
    columns = slice(left, glyph.x + glyph.width + margin)
    part = Scan(
        scan.grey[rows, columns], ink=scan.ink[rows, columns], strokes=scan.strokes[rows, columns]
    )
    return glyph._replace(x=glyph.x - left, y=glyph.y - top), part


def _paths(own: Mask) -> NDArray[np.intp]:
    """The cheapest cut around each share of the width: its column in each row, (shares, rows)."""
    rows, width = own.shape
    room = int(2 * REACH * width) + 1
    first = ((np.array(SHARES) - REACH) * width).astype(int)
    costs = np.where(own[:, first[:, np.newaxis] + np.arange(room)], 1, BLANK)  # by row
    total = np.full((len(SHARES), room + 2), np.inf)  # of the best path to each column
    inner = total[:, 1:-1]
    inner[:] = costs[0]
    steps = np.zeros((rows, len(SHARES), room), np.intp)  # to the column in the row above
    for row in range(1, rows):
        left, right = total[:, :-2], total[:, 2:]
        steps[row] = np.where(left < inner, -1, 0)
        best = np.minimum(left, inner)
        steps[row][right < best] = 1
        inner[:] = np.minimum(best, right) + costs[row]
    every, column = np.arange(len(SHARES)), inner.argmin(axis=1)
    paths = np.empty((len(SHARES), rows), np.intp)
    for row in range(rows - 1, -1, -1):
        paths[:, row] = first + column
        column = column + steps[row, every, column]
    return paths


def _part(found: Found, glyph: Glyph, scan: Scan, label: int) -> Part:
    """A part; its box is in the same proportion to the whole in the picture as in the scan."""
    rows, columns = np.nonzero(scan.strokes == label)
    x, y = int(columns.min()), int(rows.min())
    width, height = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
    part = Glyph(np.array([label]), x, y, width, height)
    left, top, *size = found.box
    across, down = size[0] / glyph.width, size[1] / glyph.height
    box = (
        left + round((x - glyph.x) * across),
        top + round((y - glyph.y) * down),
        max(1, round(width * across)),
        max(1, round(height * down)),
    )
    return Part(box, surroundings_of(part, scan), part, scan)
