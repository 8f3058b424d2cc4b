"""Slashes, commas and bars that are unlike a 1 are signs; a 1 is none."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_pipeline.handwriting.finder.measures import boxes_of
from mnist_pipeline.handwriting.finder.scan import Box, Glyph, Scan
from mnist_pipeline.handwriting.finder.signs import with_signs

SHAPE = (280, 400)
LINE = 140  # height of a line in pixels
PEN = 8
DIGITS: list[Box] = [(x, 40, 36, 60) for x in (40, 100, 160)]
ONE: Box = (220, 40, PEN, 60)


def signs(*boxes: Box, **changes: np.ndarray) -> list[Box]:
    """The boxes that are signs in lines of rectangles, drawn with a pen or a thinner one."""
    strokes = Image.new("I", SHAPE[::-1])
    pencil = ImageDraw.Draw(strokes)
    for number, (x, y, width, height) in enumerate(boxes, 1):
        pencil.rectangle(
            (x, y, x + width - 1, y + height - 1), outline=number, width=min(PEN, width)
        )
    return _signs(np.asarray(strokes), **changes)


def _signs(strokes: np.ndarray, **changes: np.ndarray) -> list[Box]:
    paper = {"light": np.ones(strokes.shape)}
    glyphs = [
        Glyph(np.array([number]), left, top, right - left, bottom - top)
        for number, (left, top, right, bottom) in enumerate(boxes_of(strokes).tolist(), 1)
    ]
    scan = Scan(np.zeros(strokes.shape), strokes=strokes, **(paper | changes))
    rows = itertools.groupby(glyphs, lambda glyph: glyph.y // LINE)
    lines = with_signs([list(row) for _, row in rows], scan)
    return [glyph.box for line in lines for glyph in line if glyph.is_sign]


@pytest.mark.parametrize(
    "bar",
    [(220, 10, PEN, 100), (220, 40, PEN // 2, 60), (390, 40, PEN, 60)],
    ids=["tall", "thin", "at the edge"],
)
def test_a_bar_that_is_unlike_the_digits_is_a_sign_and_a_one_is_none(bar):
    assert signs(*DIGITS, ONE) == []
    assert signs(*DIGITS, bar) == [bar]


def test_a_bar_at_the_rim_of_something_dark_is_a_sign_but_not_among_digits():
    dark = np.ones(SHAPE)
    dark[:, 230:] = 0.5
    assert signs(ONE, light=dark) == [ONE]
    assert signs(*DIGITS, ONE, light=dark) == signs(ONE) == []


def test_a_bar_alone_in_its_line_is_compared_with_the_other_lines():
    assert signs(*DIGITS, (100, 160, PEN, 60)) == []
    assert signs(*DIGITS, (100, 160, PEN, 100)) == [(100, 160, PEN, 100)]


def test_a_thin_bar_beside_a_single_shape_may_be_a_one():
    assert signs(DIGITS[0], (220, 40, PEN // 2, 60)) == []


def test_several_bars_without_digits_are_signs():
    bars = [(x, 40, PEN, 60) for x in range(240, 360, 30)]
    assert signs(*bars) == bars
    assert signs(*bars[1:]) == signs(*DIGITS, *bars) == []


def test_a_bar_alone_and_as_long_as_the_picture_is_a_sign():
    long = (220, 20, PEN, 240)
    assert signs(long) == [long]
    assert signs(ONE) == []


@pytest.mark.parametrize(
    ("text", "slant", "expected"),
    [
        ("00/0/0", 0.0, [2, 4]),
        ("00/00", 0.0, []),
        ("00/0/0", 0.35, []),
        ("/00/", 0.0, []),
        ("11/0/1", 0.0, [2, 4]),
    ],
    ids=["two slashes", "a leaning one", "slanted digits", "at the ends", "ones"],
)
def test_two_slashes_lean_more_than_the_digits_around_them(text, slant, expected):
    image = Image.new("I", SHAPE[::-1])
    pencil = ImageDraw.Draw(image)
    for index, character in enumerate(text):
        left, lean = 20 + 60 * index, 60 * (0.4 if character == "/" else slant)
        corners = [(left, 100), (left + lean, 40), (left + lean + 30, 40), (left + 30, 100)]
        ends = [*corners, corners[0]] if character == "0" else corners[:2]
        pencil.line(ends, index + 1, PEN)
    strokes = np.asarray(image)
    boxes = [(x, y, right - x, bottom - y) for x, y, right, bottom in boxes_of(strokes).tolist()]
    assert _signs(strokes) == [boxes[index] for index in expected]


def test_a_small_low_shape_within_a_line_is_a_comma():
    low, high, digit = (204, 84, PEN, 20), (84, 30, PEN, 20), (220, 75, 36, 40)
    assert signs(DIGITS[0], high, *DIGITS[1:], low, digit, (270, 40, 36, 60)) == [low]
