"""Printed frames are removed, and the strokes written into them stay."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from support.drawing import handwritten

from mnist_pipeline.handwriting.finder.ruling import remove_frames
from mnist_pipeline.handwriting.finder.scan import Box, Scan
from mnist_pipeline.handwriting.finder.search import page_of

LINES: list[Box] = [(20, 20, 200, 2), (20, 118, 200, 2)]
FRAME: list[Box] = [*LINES, (20, 20, 2, 100), (218, 20, 2, 100)]
STROKE: Box = (170, 55, 6, 30)


def without_frames(*boxes: Box) -> Scan:
    """The scan of rectangles of ink after the removal of frames."""
    ink = np.zeros((140, 240), np.float32)
    for x, y, width, height in boxes:
        ink[y : y + height, x : x + width] = 1
    return remove_frames(Scan(ink, ink=ink, light=np.ones_like(ink)))


def test_lines_that_divide_a_frame_go_and_a_thicker_stroke_stays():
    scan = without_frames(*FRAME, (119, 20, 2, 100), (60, 20, 9, 100), STROKE)
    assert scan.ink[70, [20, 119, 218]].max() == 0
    assert scan.ink[70, [64, 172]].min() == 1


def test_a_1_almost_as_tall_as_its_box_stays():
    (digit,) = page_of(dict(handwritten("form"))["1"]).digits
    assert digit.box[3] < 45  # the height in pixels; the box around the digit has 47


@pytest.mark.parametrize("middle", [(10, 10), (50, 10), (90, 60)])
def test_a_frame_in_a_corner_of_the_picture_goes(middle):
    left, top = middle[0] - 10, middle[1] - 10
    frame = [(0, 0, 100, 2), (0, 78, 100, 2), (0, 0, 2, 80), (98, 0, 2, 80)]
    boxes = [(x + left, y + top, *size) for x, y, *size in frame]
    scan = without_frames(*boxes, (left + 40, top + 20, 6, 30))
    assert scan.ink[top + 30, left] == 0
    assert scan.ink[top + 30, left + 42] == 1


@pytest.mark.parametrize(
    "boxes",
    [
        [(0, 0, 240, 2), (0, 138, 240, 2), (0, 0, 2, 140), (238, 0, 2, 140), STROKE],
        FRAME,
        [*FRAME, (30, 30, 6, 12)],
        [*FRAME, (35, 35, 170, 70)],
        [*LINES, (119, 20, 2, 100), STROKE],
        [*FRAME[2:], (20, 90, 200, 2), STROKE],
    ],
    ids=["across the picture", "empty", "a stroke in a corner", "full", "two lines", "two columns"],
)
def test_other_lines_and_what_may_be_a_digit_stay(boxes):
    scan = without_frames(*boxes)
    assert scan.ink.sum() == scan.grey.sum()


def test_thick_lines_and_the_strokes_of_a_digit_are_no_frame():
    frame, eight = np.zeros((2, 340, 340), np.float32)
    frame[20:320, 20:320] = np.linspace(0.9, 1, 300)
    eight[40:88, 100:135] = 1
    frame[30:310, 30:310] = eight[48:60, 108:127] = eight[68:80, 108:127] = 0
    frame[155:185, 170:176] = 1
    for ink in (gaussian_filter(frame, 1), eight):
        assert remove_frames(Scan(ink, ink=ink, light=np.ones_like(ink))).ink.sum() == ink.sum()


@pytest.mark.parametrize("column", [40, 150])
def test_one_stroke_in_a_row_of_boxes_shows_that_all_are_frames(column):
    boxes = [
        (left + x, 20 + y, *size)
        for left in (10, 120)
        for x, y, *size in [(0, 0, 100, 2), (0, 98, 100, 2), (0, 0, 2, 100), (98, 0, 2, 100)]
    ]
    scan = without_frames(*boxes, (column, 55, 6, 30))
    assert scan.ink[70, [10, 120]].max() == 0
    assert scan.ink[70, column + 2] == 1
