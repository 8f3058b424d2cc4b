"""Printed frames are removed, and the strokes written into them stay."""

import numpy as np
from scipy.ndimage import gaussian_filter
from support.drawing import handwritten

from mnist_pipeline.handwriting.finder.ruling import remove_frames
from mnist_pipeline.handwriting.finder.scan import Scan
from mnist_pipeline.handwriting.finder.search import page_of


def framed(top: int, bottom: int, left: int, right: int, *columns: int, filled: int = 1) -> Scan:
    """A frame with or without a stroke inside, and lines from its top to its bottom."""
    ink = np.zeros((140, 240), np.float32)
    ink[[top, top + 1, bottom, bottom + 1], left : right + 2] = 1
    for column in (left, right, *columns):
        ink[top : bottom + 2, column : column + 2] = 1
    ink[55:85, 170:176] = filled
    return remove_frames(Scan(ink, ink=ink, light=np.ones_like(ink)))


def test_lines_that_divide_a_frame_go_and_a_thicker_stroke_stays():
    scan = framed(20, 118, 20, 218, 119, *range(60, 68))
    assert scan.ink[70, [20, 119, 218]].max() == 0
    assert scan.ink[70, [64, 172]].min() == 1


def test_a_1_almost_as_tall_as_its_box_stays():
    (digit,) = page_of(dict(handwritten("form"))["1"]).digits
    assert digit.box[3] < 45  # pixels; those of the box are 47


def test_lines_across_the_whole_picture_are_no_frame():
    across = framed(0, 138, 0, 238)
    assert across.ink.sum() == across.grey.sum()


def test_an_empty_frame_may_be_a_digit_and_stays():
    empty = framed(20, 118, 20, 218, filled=0)
    assert empty.ink.sum() == empty.grey.sum()


def test_thick_lines_and_the_strokes_of_a_digit_are_no_frame():
    frame, eight = np.zeros((2, 340, 340), np.float32)
    frame[20:320, 20:320] = np.linspace(0.9, 1, 300)
    eight[40:88, 100:135] = 1
    frame[30:310, 30:310] = eight[48:60, 108:127] = eight[68:80, 108:127] = 0
    frame[155:185, 170:176] = 1
    for ink in (gaussian_filter(frame, 1), eight):
        assert remove_frames(Scan(ink, ink=ink, light=np.ones_like(ink))).ink.sum() == ink.sum()
