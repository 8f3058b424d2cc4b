"""Sixth stage: strokes become digits in reading order."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.handwriting.finder.measures import boxes_of, larger_sides
from mnist_pipeline.handwriting.finder.scan import Box, Boxed, Glyph, Mask, Scan
from mnist_pipeline.handwriting.finder.signs import with_signs

AnyBoxed = TypeVar("AnyBoxed", bound=Boxed)

MAX_FINDINGS = 256
SMALLEST_DIGIT = 6  # pixels, the larger side of a digit
LOWEST_DIGIT = 0.25  # height of a digit in a row of small ones, as a share of the typical size


def find_digits(scan: Scan) -> Scan:
    """Group strokes into digits, and these into lines.

    Shapes that are too small for a digit are specks: dust, dots and commas. Several of them in a
    row may be small digits: these are unread, as are digits beyond the largest 256, and pale ink
    of a digit's size without a stroke.
    """
    groups, typical = _grouped(scan.strokes)
    shapes = [shape for shape in groups if shape.width < 6 * shape.height]  # others are dashes
    dust = max(SMALLEST_DIGIT, 0.012 * max(scan.strokes.shape))
    smallest = max(dust, 0.3 * typical)
    low, high = max(SMALLEST_DIGIT, LOWEST_DIGIT * typical), max(2 * dust, 0.5 * typical)
    small = [shape for shape in shapes if low <= shape.height < high]
    rows = [(row, _around(row)) for row in in_lines(small)]
    is_alone = len(small) == len(shapes)
    unread = [row for row, (_, _, width, height) in rows if is_alone or width > 1.5 * height]
    in_rows = {shape.labels[0] for row in unread for shape in row}
    large = [shape for shape in shapes if max(shape.box[2:]) >= smallest]
    digits = [shape for shape in large if shape.labels[0] not in in_rows]
    unread += [[shape] for shape in digits[MAX_FINDINGS:]]
    lines = with_signs(in_lines(digits[:MAX_FINDINGS]), scan)
    boxes = [_around(row) for row in unread]
    boxes += [
        (x, y, width, height)
        for x, y, width, height in scan.pale
        if 0.6 * typical < height < 1.5 * typical > width > max(3, 0.1 * typical)
        and not scan.strokes[y : y + height, x : x + width].any()
    ]
    return replace(scan, lines=lines, unread=boxes)


def _around(shapes: list[Glyph]) -> Box:
    left, top = min(shape.x for shape in shapes), min(shape.y for shape in shapes)
    right = max(shape.x + shape.width for shape in shapes)
    bottom = max(shape.y + shape.height for shape in shapes)
    return left, top, right - left, bottom - top


def _grouped(strokes: NDArray[np.int32]) -> tuple[list[Glyph], float]:
    """Group strokes, the largest first, and their typical size."""
    boxes = boxes_of(strokes)
    sizes = larger_sides(boxes)
    largest = np.argsort(-sizes, kind="stable")[: 4 * MAX_FINDINGS]
    # Strokes of at least this size make up half of the total length, so specks do not lower it.
    total = np.cumsum(sizes[largest])
    typical = float(sizes[largest][np.searchsorted(total, total[-1] / 2)]) if len(sizes) else 0.0
    merged = boxes[largest]
    indices = np.arange(len(merged))
    owners = indices.copy()
    for i, box in enumerate(merged):
        is_host = owners[:i] == indices[:i]
        hosts = np.flatnonzero(is_host & _belongs(box, merged[:i], typical))
        if len(hosts):
            owners[i] = hosts[0]
            host = merged[owners[i]]
            host[:2] = np.minimum(host[:2], box[:2])
            host[2:] = np.maximum(host[2:], box[2:])
    hosts = np.flatnonzero(owners == indices)
    groups = []
    for host in hosts[np.argsort(-larger_sides(merged)[hosts], kind="stable")]:
        left, top, right, bottom = merged[host].tolist()
        groups.append(Glyph(largest[owners == host] + 1, left, top, right - left, bottom - top))
    return groups, typical


def _belongs(box: NDArray[np.intp], glyphs: NDArray[np.intp], typical: float) -> Mask:
    """Whether a smaller stroke belongs to each digit: a fragment around it, or a second stroke."""
    width, height = box[2:] - box[:2]
    widths = glyphs[:, 2] - glyphs[:, 0]
    overlap = np.minimum(box[2], glyphs[:, 2]) - np.maximum(box[0], glyphs[:, 0])
    gap = np.maximum(box[1], glyphs[:, 1]) - np.minimum(box[3], glyphs[:, 3])
    joined_height = np.maximum(box[3], glyphs[:, 3]) - np.minimum(box[1], glyphs[:, 1])
    is_close = (gap < 0.2 * typical) & (joined_height < 1.6 * typical)
    is_above_or_below = is_close & (overlap > 0.4 * np.minimum(width, widths))
    if max(width, height) > 0.6 * typical:
        return is_above_or_below
    is_beside = (gap < 0) & (overlap > -0.1 * typical)
    return is_above_or_below | is_beside


def in_lines(shapes: Iterable[AnyBoxed]) -> list[list[AnyBoxed]]:
    """Lines from top to bottom, digits from left to right; digits of a line overlap in height."""
    lines: list[list[AnyBoxed]] = []
    for shape in sorted(shapes, key=lambda shape: shape.box[0]):
        overlaps = [max(_overlap(other.box, shape.box) for other in line[-2:]) for line in lines]
        if overlaps and max(overlaps) > 0.4:
            lines[int(np.argmax(overlaps))].append(shape)
        else:
            lines.append([shape])
    lines.sort(key=lambda line: float(np.mean([shape.box[1] + shape.box[3] / 2 for shape in line])))
    return lines


def _overlap(first: Box, second: Box) -> float:
    """The common height of two digits, as a share of the smaller height."""
    bottom = min(first[1] + first[3], second[1] + second[3])
    return (bottom - max(first[1], second[1])) / min(first[3], second[3])
