"""Strokes become digits, lines, specks and shapes that are searched again."""

import numpy as np
import pytest

from mnist_pipeline.handwriting.finder import grouping
from mnist_pipeline.handwriting.finder.scan import Box, Glyph, Scan

PAIR: list[Box] = [(20, 20, 30, 60), (120, 20, 30, 60)]


def grouped(*boxes: Box, pale: Box | None = None) -> Scan:
    """Group strokes that fill these boxes. `pale` is a box of ink that is too pale for a stroke."""
    strokes = np.zeros((300, 200), np.int32)
    for number, (x, y, width, height) in enumerate(boxes, 1):
        strokes[y : y + height, x : x + width] = number
    grey = np.zeros(strokes.shape, np.float32)
    light = np.ones_like(grey)
    return grouping.find_digits(
        Scan(grey, strokes=strokes, light=light, pale=[pale] if pale else [])
    )


def lines(scan: Scan) -> list[list[Box]]:
    return [[glyph.box for glyph in line] for line in scan.lines]


@pytest.mark.parametrize("box", [(70, 48, 30, 4), (80, 70, 10, 10)], ids=["dash", "dot"])
def test_dashes_and_dots_are_no_digits(box):
    scan = grouped(*PAIR, box)
    assert lines(scan) == [PAIR]
    assert not scan.unread


def test_a_digit_right_above_another_one_is_no_part_of_it():
    above, below = (20, 20, 30, 60), (20, 84, 30, 40)  # the lower one is long enough for a digit
    assert lines(grouped(above, below, (120, 20, 30, 60))) == [[above, (120, 20, 30, 60)], [below]]


def test_digits_of_a_line_overlap_in_height():
    lower, below = (120, 50, 30, 60), (120, 62, 30, 60)
    assert lines(grouped(PAIR[0], lower)) == [[PAIR[0], lower]]
    assert lines(grouped(PAIR[0], below)) == [[PAIR[0]], [below]]


def test_a_speck_between_two_digits_leaves_them_in_one_line():
    first, speck, last = (20, 60, 30, 60), (60, 106, 14, 14), (80, 30, 30, 60)
    assert lines(grouped(first, speck, last)) == [[first, last]]
    shapes = [Glyph(np.array([1]), *box) for box in (first, speck, last)]
    assert grouping.in_lines(shapes) == [shapes]


def test_digits_whose_boxes_overlap_stay_apart_and_a_fragment_joins_its_digit():
    digit, other, fragment = (20, 20, 30, 60), (47, 24, 30, 52), (47, 40, 20, 30)
    assert lines(grouped(digit, other)) == [[digit, other]]
    assert lines(grouped(digit, fragment)) == [[(20, 20, 47, 60)]]


def test_small_shapes_in_a_row_are_searched_again_and_one_alone_is_a_digit():
    row = [(x, 150, 12, 20) for x in (20, 50, 80)]
    assert grouped(*PAIR, *row).unread == [(20, 150, 72, 20)]
    assert lines(grouped(*PAIR, row[0])) == [PAIR, row[:1]]


def test_a_small_shape_alone_is_searched_again():
    alone = (20, 20, 8, 10)
    scan = grouped(alone)
    assert scan.unread == [alone]
    assert lines(scan) == []


def test_two_strokes_above_each_other_are_one_digit():
    bar, stem = (20, 20, 30, 8), (30, 34, 10, 50)
    assert lines(grouped(bar, stem, PAIR[1])) == [[(20, 20, 30, 64), PAIR[1]]]


def test_digits_beyond_the_bound_are_unread(monkeypatch):
    monkeypatch.setattr(grouping, "MAX_FINDINGS", 1)
    larger = (120, 20, 30, 70)
    scan = grouped(PAIR[0], larger)
    assert lines(scan) == [[larger]]
    assert scan.unread == PAIR[:1]


def test_pale_ink_is_unread_if_it_has_the_size_of_a_digit_and_no_stroke():
    pale = (70, 20, 30, 60)
    assert grouped(*PAIR, pale=pale).unread == [pale]
    for box in (PAIR[0], (75, 40, 20, 20), (85, 20, 3, 60)):
        assert grouped(*PAIR, pale=box).unread == []
