"""Third stage: printed lines, which are the ruling of paper and the frames of forms and tables."""

from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from mnist_pipeline.data.decoding import Grey
from mnist_pipeline.handwriting.finder.ink import connected
from mnist_pipeline.handwriting.finder.measures import noise_of, stroke_width
from mnist_pipeline.handwriting.finder.scan import Mask, Owner, Scan

FAINT = 0.3  # share of the least ink of a stroke that connects the lines of a frame
LEAST_NOISE = 0.025  # share of the paper's light
SMALLEST_FRAME = 16  # pixels per side
MOST_INK = 0.5  # share of a frame's box
STEEPEST = 1 / 12  # slope of a frame's lines
LEAST_FILLED = 0.9  # share of a frame's side that a line covers
AT_EDGE = 2  # pixels between a frame and the edge of the picture that it reaches
LEAST_CONTENT = 8  # pixels, the height of ink inside a frame


def remove_frames(scan: Scan) -> Scan:
    """Remove the frames of boxes and tables, and keep the strokes written into them.

    A frame is connected ink with straight lines, or edges of the picture, along all four sides of
    its box; other lines divide it into cells.

    Nothing is removed if all frames are empty, because an empty frame may be a digit.
    """
    ink, labels = scan.ink, connected(scan, FAINT)
    noise = noise_of(ink)
    result = ink.copy()
    frames = np.zeros(ink.shape, bool)
    has_content = False
    for label, box in enumerate(scipy.ndimage.find_objects(labels), 1):
        own = labels[box] == label
        if min(own.shape) < SMALLEST_FRAME or own.mean() > MOST_INK:
            continue
        edges = [(s.start <= AT_EDGE, s.stop >= n - AT_EDGE) for s, n in zip(box, ink.shape)]
        if np.sum(edges) > 2:  # lines across the whole picture, see `remove_ruling`
            continue
        if not (_is_closed(own, *edges[0]) and _is_closed(own.T, *edges[1])):
            continue
        part = ink[box]
        present = part > max(3 * noise, 0.5 * float(np.quantile(part[own], 0.2)))
        is_row, is_column = _lines_across(present), _lines_across(present.T)
        if not (_is_closed(is_row, *edges[0]) and _is_closed(is_column, *edges[1])):
            continue
        frames[box] |= is_row | is_column.T
        has_content |= _height((labels[box] > 0) & ~frames[box]) >= LEAST_CONTENT
        width = stroke_width(scipy.ndimage.distance_transform_edt(own)[own])
        result[box] = _without_lines(part, is_row, is_column.T, 2 + round(1.5 * width))
    return replace(scan, ink=result).claimed(frames * Owner.FRAME) if has_content else scan


def _is_closed(ink: Mask, at_top: bool, at_bottom: bool) -> bool:
    """Whether ink, or edges of the picture, close a mask along its top and its bottom."""
    depth = max(4, round(0.15 * len(ink)))
    top, bottom = ink[:depth].any(axis=0).mean(), ink[-depth:].any(axis=0).mean()
    return bool((at_top or top > 0.5) and (at_bottom or bottom > 0.5))


def _lines_across(own: Mask) -> Mask:
    """Pixels of the nearly horizontal lines across a mask.

    Of many slopes, the one whose lines concentrate most ink is taken. An upright digit may be as
    long as a line. Between the first and the last line, it is thicker than these.
    """
    rows, columns = own.shape
    # A line is a pixel wider on both sides, as its edges are soft and its slope is between two.
    y, x = np.nonzero(scipy.ndimage.binary_dilation(own, np.ones((3, 1), bool)))
    num_steps = min(round(STEEPEST * columns), 40)
    slopes = np.linspace(-STEEPEST, STEEPEST, 2 * num_steps + 1)
    slope = max(slopes, key=lambda slope: (np.bincount(_level(y, x, slope, columns)) ** 2).sum())
    levels = np.zeros((rows + round(3 * STEEPEST * columns) + 2, columns), bool)
    levels[_level(y, x, slope, columns), x] = True
    filled = levels.mean(axis=1)
    labels, count = scipy.ndimage.label(filled >= 0.75 * LEAST_FILLED)
    numbers = np.arange(1, count + 1)
    thickness = np.bincount(labels)[1:]
    is_line = scipy.ndimage.maximum(filled, labels, numbers) >= LEAST_FILLED
    outer = thickness[[0, -1]].max() if count else 0
    is_line[1:-1] &= thickness[1:-1] <= 1.5 * outer + 1
    pixels = np.append(False, is_line)[labels]
    y, x = np.mgrid[:rows, :columns]
    return np.asarray(pixels[_level(y, x, slope, columns)])


def _level(
    y: NDArray[np.integer], x: NDArray[np.integer], slope: float, columns: int
) -> NDArray[np.intp]:
    """Rows of pixels after lines with a slope have become horizontal; at least 0."""
    return (y + np.rint(slope * x + abs(slope) * columns)).astype(np.intp)


def _height(ink: Mask) -> int:
    """Height of the tallest connected ink."""
    found = scipy.ndimage.find_objects(scipy.ndimage.label(ink, np.ones((3, 3)))[0])
    return max((rows.stop - rows.start for rows, _ in found), default=0)


def remove_ruling(scan: Scan) -> Scan:
    """Remove printed horizontal and vertical lines, and keep the strokes written over them."""
    ink = scan.ink
    noise = max(LEAST_NOISE, noise_of(ink))
    thickest = 3 + max(ink.shape) // 100
    is_row = ink < _line_limit(ink, noise, thickest)
    is_column = ink < _line_limit(ink.T, noise, thickest).T
    rest = _without_lines(ink, is_row, is_column, thickest)
    return replace(scan, ink=rest).claimed((is_row | is_column) * Owner.RULING)


def _without_lines(ink: Grey, is_row: Mask, is_column: Mask, thickest: int) -> Grey:
    """Remove the ink of lines, except under the strokes that cross them."""
    blank = np.where(is_row | is_column, np.minimum(ink, 0), ink)
    result = blank
    for is_line, window in ((is_row, (thickest + 4, 1)), (is_column, (1, thickest + 4))):
        if is_line.any():  # a stroke on both sides of a line continues under it
            under = scipy.ndimage.grey_closing(blank, window, mode="nearest")
            result = np.where(is_line, np.maximum(result, np.minimum(ink, under)), result)
    return result


def _line_limit(ink: Grey, noise: float, thickest: int) -> Grey:
    """Upper bound of a ruled line's ink, for each pixel; −∞ for a pixel without a line.

    A ruled line is thin, crosses the whole width, and has a slope of less than 1 in 16.
    """
    piece = 4 if max(ink.shape) > 200 else 2
    block = 4 * piece
    rows, columns = ink.shape
    num_blocks = columns // block
    first = columns % block // 2
    if not num_blocks:
        return np.full(ink.shape, -np.inf, ink.dtype)
    pieces = ink[:, first : first + num_blocks * block].reshape(rows, -1, piece).mean(axis=2)
    pieces = scipy.ndimage.maximum_filter(pieces, (2, 1)).reshape(rows, num_blocks, 4)
    # A line fills all four pieces of a block, a crossing stroke one or two.
    second_weakest = np.sort(pieces, axis=2)[:, :, 1]
    strength = _line_strength(second_weakest, 1.2 * noise, thickest)
    block_of_column = np.clip((np.arange(columns) - first) // block, 0, num_blocks - 1)
    strength = scipy.ndimage.maximum_filter(strength, (5, 1))[:, block_of_column]
    return np.where(strength > 0, 1.5 * strength + 2.5 * noise, -np.inf)


def _line_strength(level: Grey, faintest: float, thickest: int) -> Grey:
    """For each cell, the median ink of the line that crosses it; 0 for a cell without a line.

    A line is a path from the first column to the last, one cell per column, with nearly all cells
    above the faintest level. It may enter and leave through the first and the last row.
    """
    level = np.pad(level, ((1, 1), (0, 0)))
    rows, columns = level.shape
    present = level > faintest
    present[[0, -1]] = True
    paths = _paths(present, present + np.minimum(level, 0.99) / columns)
    inside = (paths > 0) & (paths < rows - 1)
    column = np.arange(columns)
    along = level[paths, column]
    hits = ((along > faintest) & inside).sum(axis=1)
    is_line = (hits >= 4) & (hits >= 0.8 * inside.sum(axis=1))
    medians = np.nanmedian(np.where(inside, along, np.nan)[is_line], axis=1)
    strength = np.zeros((rows, columns), level.dtype)
    for path, median in zip(paths[is_line], medians):
        strength[path, column] = np.maximum(strength[path, column], median)
    strength[scipy.ndimage.binary_opening(strength > 0, np.ones((thickest + 1, 1), bool))] = 0
    return strength[1:-1]


def _paths(present: Mask, gain: Grey) -> NDArray[np.intp]:
    """Rows (n, columns) of the best paths to rows of the last column, with 80% of cells present."""
    rows, columns = present.shape
    best = np.where(present[:, 0], gain[:, 0], -columns)
    previous = np.zeros((columns, rows), np.intp)
    for j in range(1, columns):
        before = np.pad(best, 1, constant_values=-columns)
        choices = np.stack([before[1:-1], before[:-2], before[2:]])
        step = np.array([0, -1, 1])[choices.argmax(axis=0)]
        previous[j] = np.arange(rows) + step
        best = gain[:, j] + choices.max(axis=0)
    row = np.flatnonzero(present[:, -1] & (best >= 0.8 * columns))
    paths = np.zeros((columns, len(row)), np.intp)
    for j in range(columns - 1, -1, -1):
        paths[j] = row
        row = previous[j][row]
    return paths.T
