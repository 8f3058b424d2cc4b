"""Fifth stage: marks around digits and between them, which are circles, lines and slashes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from mnist_pipeline.handwriting.finder.ink import numbered
from mnist_pipeline.handwriting.finder.measures import boxes_of
from mnist_pipeline.handwriting.finder.scan import Glyph, Mask, Owner, Scan

Boxes = NDArray[np.intp]  # (..., 4): left, top, right, bottom

SMALLEST = 8  # pixels, the height of a digit with a mark
NUM_ANGLES = 36  # of a circle
CLOSED = 0.85  # least share of the angles at which a circle has ink
UNEVEN = 0.15  # of its radius, by which a circle is wider somewhere than elsewhere
CONTENT = 0.3  # least height of a digit, as a share of its circle's; the dot of a zero is smaller
STEEPEST = 0.25  # rise of a line to the side
BENT = 0.06  # most height of a line's arc, as a share of its length
TALLEST = 1.1  # height of a digit, as a share of the length of the line below it, at most
BELOW = (-0.3, 0.5)  # distance of a line from the feet of digits, as a share of their height
SLIM = 5  # least length of a straight stroke, as a factor of its scatter to the sides
CROSSING = 0.4  # least lean of a stroke that crosses a zero: shift to the side per height
TALLER = 1.1  # height of a single slash, as a factor of the height of the digits around it
LEANING = 0.2  # lean of a slash, more than the lean of the digits around it


def remove_marks(scan: Scan) -> Scan:
    """Remove circles around digits, and lines below them, from the strokes."""
    strokes, cells = scan.strokes.copy(), scan.cells
    marks = np.zeros(strokes.shape, np.uint8)
    boxes = boxes_of(strokes)
    for stroke in 1 + np.flatnonzero((boxes[:, 2:] - boxes[:, :2]).max(axis=1) > 2 * SMALLEST):
        left, top, right, bottom = boxes[stroke - 1]
        place = slice(top, bottom), slice(left, right)
        own = strokes[place] == stroke
        is_circle = _is_circle(stroke, boxes, scan.strokes[place])
        mark = own if is_circle else _line_below(own, np.delete(boxes, stroke - 1, 0), left, top)
        if mark.any():
            marks[place] |= mark * np.uint8(Owner.CIRCLE if is_circle else Owner.UNDERLINE)
            rest, count = scipy.ndimage.label(own & ~mark, np.ones((3, 3)))
            strokes[place][own] = np.where(rest > 0, len(cells) + rest, 0)[own]
            cells = np.append(cells, np.repeat(cells[stroke - 1], count))
    kept = np.bincount(strokes.ravel(), minlength=len(cells) + 1) > 0
    strokes = numbered(strokes, kept)
    return replace(scan.claimed(marks), strokes=strokes, cells=cells[kept[1:]])


def _is_circle(stroke: np.intp, boxes: Boxes, part: NDArray[np.int32]) -> bool:
    """Whether a stroke is a ring around a smaller one that it does not touch.

    The slash of a zero is not enough.
    """
    rows, columns = part.shape
    box = boxes[stroke - 1]
    shares = (boxes[:, 3] - boxes[:, 1]) / rows
    is_inside = (boxes[:, :2] > box[:2]).all(axis=1) & (boxes[:, 2:] < box[2:]).all(axis=1)
    is_inside &= shares >= max(CONTENT, SMALLEST / rows)
    if not is_inside.any():
        return False
    y, x = np.nonzero(part == stroke)
    across, down = 2 * x / (columns - 1) - 1, 2 * y / (rows - 1) - 1
    angles = np.int_(NUM_ANGLES * (np.arctan2(down, across) / (2 * np.pi) + 0.5)) % NUM_ANGLES
    radii = np.hypot(across, down)
    widths = np.array([np.ptp(radii[angles == angle]) for angle in np.unique(angles)])
    is_even = np.quantile(widths, 0.95) < np.median(widths) + UNEVEN
    if len(widths) < CLOSED * NUM_ANGLES or not is_even:
        return False
    shapes = [_lean(part == number) for number in 1 + np.flatnonzero(is_inside)]
    return any(abs(lean) < CROSSING or not is_straight for lean, is_straight in shapes)


def _line_below(own: Mask, others: Boxes, left: int, top: int) -> Mask:
    """The part of a stroke that underlines digits; it may touch two of them, and feet cross it."""
    rows, columns = own.shape
    if columns <= rows:
        return np.zeros_like(own)
    y = np.arange(rows)[:, np.newaxis]
    lowest = np.where(own, y, 0).max(axis=0)
    above = np.where(~own & (y < lowest), y, -1).max(axis=0)
    width = np.median(lowest - above)
    path = scipy.ndimage.median_filter(lowest, columns // 4 + 1) - (width - 1) / 2
    arc = path - np.linspace(path[0], path[-1], columns)
    if rows - path.min() > STEEPEST * columns + width or np.ptp(arc) > BENT * columns + 1:
        return np.zeros_like(own)
    reach = round(width / 2 + 1.5)
    line = own & (np.abs(y - path) <= reach)
    rest = own & ~line
    line &= ~scipy.ndimage.binary_closing(rest, np.ones((2 * reach + 3, 1)))
    labels, _ = scipy.ndimage.label(own & ~line, np.ones((3, 3)))
    pieces = boxes_of(labels)
    line |= np.append(False, pieces[:, 3] - pieces[:, 1] <= width)[labels]
    boxes = np.concatenate([pieces + np.tile([left, top], 2), others])
    heights = boxes[:, 3] - boxes[:, 1]
    is_digit = (heights > max(SMALLEST, 3 * width)) & (heights < TALLEST * columns)
    is_digit &= np.abs((boxes[:, 0] + boxes[:, 2]) / 2 - left - columns / 2) < columns / 2
    distances = (top + path.mean() - boxes[:, 3]) / heights
    is_digit &= (BELOW[0] < distances) & (distances < BELOW[1])
    return line if is_digit.sum() > (own & ~line).any() else np.zeros_like(own)


def signs(line: Sequence[Glyph], strokes: NDArray[np.int32]) -> list[bool]:
    """Which shapes of a line are slashes or commas.

    Slashes are straight, and lean more than the digits around them; as many a 1 does that, a date
    has two of them, or they are taller. Commas are small and low.
    """
    shapes = []
    for glyph in line:
        part = strokes[glyph.y : glyph.y + glyph.height, glyph.x : glyph.x + glyph.width]
        shapes.append(_lean(np.isin(part, glyph.labels)))
    height = np.median([glyph.height for glyph in line])
    middle = np.median([glyph.y + glyph.height / 2 for glyph in line])
    slashes, commas = [], []
    for place in range(1, len(line) - 1):
        lean, is_straight = shapes[place]
        others = [other for other, _ in shapes[:place] + shapes[place + 1 :]]
        if is_straight and lean > LEANING + float(np.median(others)):
            slashes.append(place)
        if line[place].height < height / 2 and line[place].y > middle:
            commas.append(place)
    if len(slashes) == 1 and line[slashes[0]].height < TALLER * height:
        slashes = []
    return [place in slashes + commas for place in range(len(line))]


def _lean(own: Mask) -> tuple[float, bool]:
    """How far a shape shifts to the right per height, from its foot, and whether it is straight."""
    y, x = np.nonzero(own)
    covariance = np.cov(x, y)
    across, along = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance), 0))
    return float(-covariance[0, 1] / max(covariance[1, 1], 1e-9)), bool(SLIM * across <= along)
