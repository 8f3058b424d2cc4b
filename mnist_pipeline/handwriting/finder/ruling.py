"""Third stage: printed lines, which are the ruling of paper and the frames of forms and tables."""

from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from mnist_pipeline.data.decoding import Grey
from mnist_pipeline.handwriting.finder.ink import connected, smoothed
from mnist_pipeline.handwriting.finder.measures import closes, noise_of
from mnist_pipeline.handwriting.finder.scan import Mask, Scan

FAINT = 0.3  # share of the least ink of a stroke that connects the lines of a frame
LEAST_NOISE = 0.025  # share of the paper's light
SMALLEST_FRAME = 16  # pixels per side
MOST_FRAME_INK = 0.5  # share of a frame's box
THICKEST_FRAME = 9  # pixels, lines of a frame
FRAME_TO_EDGE = 2  # pixels between a frame and the edge of the picture that it reaches
LEAST_INK = 0.1  # of a stroke that is left
MOST_LEFT = 0.13  # share of the surroundings of thin lines that has ink after their removal


def remove_frames(scan: Scan) -> Scan:
    """Remove the frames of boxes and tables, and keep the strokes written into them.

    A frame is connected ink with straight, thin lines along all four sides of its box; other lines
    divide it into cells.

    Nothing is removed if all frames are empty, because an empty frame may be a digit.
    """
    noise = max(LEAST_NOISE, noise_of(scan.ink))
    ink = scan.ink.copy()
    has_content = False
    labels = connected(*smoothed(scan), FAINT)
    for label, box in enumerate(scipy.ndimage.find_objects(labels), 1):
        part = scan.ink[box]
        num_edges = 0
        for span, length in zip(box, ink.shape):
            num_edges += (span.start <= FRAME_TO_EDGE) + (span.stop >= length - FRAME_TO_EDGE)
        # Lines across the whole picture are ruling.
        is_thick = (labels[box] > 0).mean() > MOST_FRAME_INK
        if min(part.shape) < SMALLEST_FRAME or is_thick or num_edges > 2:
            continue
        # The frame's own ink: a 1 that is almost as tall as its box is not connected to it.
        own = np.where(labels[box] == label, part, 0)
        is_row, is_column = _lines(own, noise, THICKEST_FRAME)
        if not (closes(is_row) and closes(is_column.T)):
            continue
        rest = _without_lines(part, is_row, is_column, THICKEST_FRAME)
        near = scipy.ndimage.binary_dilation(is_row | is_column, iterations=2)
        is_left = rest > LEAST_INK
        if is_left[near].mean() < MOST_LEFT:
            ink[box] = rest
            y, x = (n // 4 for n in part.shape)
            has_content |= bool((is_left & ~near)[y:-y, x:-x].any())
    return replace(scan, ink=ink) if has_content else scan


def remove_ruling(scan: Scan) -> Scan:
    """Remove printed horizontal and vertical lines, and keep the strokes written over them."""
    ink = scan.ink
    noise = max(LEAST_NOISE, noise_of(ink))
    thickest = 3 + max(ink.shape) // 100
    is_row, is_column = _lines(ink, noise, thickest)
    rest = _without_lines(ink, is_row, is_column, thickest)
    return replace(scan, ink=rest)


def _lines(ink: Grey, noise: float, thickest: int) -> tuple[Mask, Mask]:
    """Pixels of the lines from the left end to the right end, and of those from top to bottom."""
    is_row = ink < _line_limit(ink, noise, thickest)
    is_column = ink < _line_limit(ink.T, noise, thickest).T
    return is_row, is_column


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
