"""Fifth stage: marks around digits and below them, which are circles and lines."""

from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from mnist_pipeline.handwriting.finder.ink import numbered
from mnist_pipeline.handwriting.finder.measures import (
    boxes_of,
    closes,
    larger_sides,
    lean_and_slimness,
)
from mnist_pipeline.handwriting.finder.scan import Mask, Scan

Boxes = NDArray[np.intp]  # (..., 4): left, top, right, bottom

SMALLEST_MARKED = 8  # pixels, the height of a digit with a mark
CONTENT = 0.3  # least height of the strokes in a ring, as a share of its height; a dot is smaller
MOST_RING_INK = 0.3  # share of the box of an oval or a frame
BENT = 0.06  # height of an arc, as a share of its length; a line below digits is straighter
DEEPEST = 1.5  # removed ink of an oval or a frame, as a factor of the usual depth on a side
BELOW = (-0.3, 0.5)  # distance of a line from the feet of digits, as a share of their height
CROSSING_SLIMNESS = 5  # least slimness of a stroke that crosses a zero
CROSSING_LEAN = 0.4  # least lean of a stroke that crosses a zero: shift to the side per height


def remove_marks(scan: Scan) -> Scan:
    """Remove circles, ovals and frames around digits, and lines below them, from the strokes."""
    strokes = scan.strokes.copy()
    boxes = boxes_of(strokes)
    for stroke in 1 + np.flatnonzero(larger_sides(boxes) > 2 * SMALLEST_MARKED):
        left, top, right, bottom = boxes[stroke - 1]
        area = slice(top, bottom), slice(left, right)
        own = strokes[area] == stroke
        if _surrounds(stroke, boxes, scan.strokes[area]):
            mark = _outermost(own)
        else:
            mark = _line_below(own, np.delete(boxes, stroke - 1, 0), left, top)
        if mark.any():
            rest, _ = scipy.ndimage.label(own & ~mark, np.ones((3, 3)))
            strokes[area][own] = np.where(rest > 0, strokes.max() + rest, 0)[own]
    strokes = numbered(strokes, np.bincount(strokes.ravel()) > 0)
    return replace(scan, strokes=strokes)


def _surrounds(stroke: np.intp, boxes: Boxes, part: NDArray[np.int32]) -> bool:
    """Whether a stroke is a thin ring or frame around smaller strokes, which fill much of it.

    The dot or the slash of a zero is not enough.
    """
    own, box = part == stroke, boxes[stroke - 1]
    is_inside = (boxes[:, :2] > box[:2]).all(axis=1) & (boxes[:, 2:] < box[2:]).all(axis=1)
    numbers = 1 + np.flatnonzero(is_inside & (boxes[:, 3] - boxes[:, 1] >= SMALLEST_MARKED))
    if not len(numbers) or own.mean() > MOST_RING_INK or not (closes(own) and closes(own.T)):
        return False
    inside = boxes[numbers - 1]
    lean, slimness = lean_and_slimness(part == numbers[0])
    is_slash = len(numbers) == 1 and abs(lean) >= CROSSING_LEAN and slimness >= CROSSING_SLIMNESS
    is_filled = inside[:, 3].max() - inside[:, 1].min() >= CONTENT * len(own)
    return bool(is_filled) and not is_slash


def _outermost(own: Mask) -> Mask:
    """The first ink that is met from each of four sides, about as deep as it usually is there."""
    mark = np.zeros_like(own)
    for turn in range(4):
        ink = np.rot90(own, turn)
        row = np.arange(len(ink))[:, np.newaxis]
        first = ink.argmax(axis=0)
        end = (~ink & (row > first)).argmax(axis=0)
        mark |= np.rot90(ink & (row < first + DEEPEST * np.median(end - first) + 2), -turn)
    return mark


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
    reach = round(width / 2 + 1.5)
    line = own & (np.abs(y - path) <= reach)
    rest = own & ~line
    line &= ~scipy.ndimage.binary_closing(rest, np.ones((2 * reach + 3, 1)))
    labels, _ = scipy.ndimage.label(own & ~line, np.ones((3, 3)))
    pieces = boxes_of(labels)
    line |= np.append(False, pieces[:, 3] - pieces[:, 1] <= width)[labels]
    boxes = np.concatenate([pieces + np.tile([left, top], 2), others])
    heights = boxes[:, 3] - boxes[:, 1]
    is_digit = heights > max(SMALLEST_MARKED, 3 * width)
    is_digit &= np.abs((boxes[:, 0] + boxes[:, 2]) / 2 - left - columns / 2) < columns / 2
    distances = (top + path.mean() - boxes[:, 3]) / heights
    is_digit &= (BELOW[0] < distances) & (distances < BELOW[1])
    # Two pieces alone on an arc are the sides of an open zero.
    arc = path - np.linspace(path[0], path[-1], columns)
    is_bent = np.ptp(arc) > BENT * columns + 1
    if is_bent and is_digit.sum() <= 2 and not is_digit[len(pieces) :].any():
        return np.zeros_like(own)
    return line if is_digit.sum() > (own & ~line).any() else np.zeros_like(own)
