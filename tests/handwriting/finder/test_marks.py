"""Circles and lines drawn around digits are no part of them, and a slash is no 1."""

import io

import numpy as np
import pytest
import scipy
from PIL import Image, ImageDraw
from support.drawing import Stroke, arc
from support.drawing import picture as drawn

from mnist_pipeline.handwriting.finder.marks import signs
from mnist_pipeline.handwriting.finder.scan import Glyph
from mnist_pipeline.handwriting.finder.search import page_of

SIZE = (400, 300)
NUMBER = [
    ("4", (0.25, 0.3, 0.15, 0.4)),
    ("3", (0.42, 0.3, 0.15, 0.4)),
    ("0", (0.6, 0.3, 0.15, 0.4)),
]
DIGIT = [("3", (0.42, 0.3, 0.15, 0.4))]
ZERO = [("0", (0.3, 0.1, 0.4, 0.8))]


def ring(width: float, height: float, end: float) -> Stroke:
    """An ellipse around the middle, as shares of the sheet."""
    return arc(0.5, 0.5, (width / 2, height / 2), (-90, -90 + end))


def with_marks(digits: list, marks: list[Stroke], pen: int = 7) -> np.ndarray:
    """Digits, and strokes of the same ink."""
    image = Image.open(io.BytesIO(drawn(*digits, size=SIZE)))
    pencil = ImageDraw.Draw(image)
    for mark in marks:
        pencil.line([(SIZE[0] * x, SIZE[1] * y) for x, y in mark], 0, pen, "curve")
    return np.asarray(image)


@pytest.mark.parametrize(
    ("digits", "marks"),
    [
        (DIGIT, [ring(0.4, 0.75, 360)]),
        (DIGIT, [ring(0.4, 0.75, 345)]),
        (NUMBER, [ring(0.8, 0.85, 360)]),
        (DIGIT, [[(0.35, 0.78), (0.65, 0.76)]]),
        (NUMBER, [[(0.2, 0.76), (0.5, 0.78), (0.8, 0.75)]]),
        (NUMBER, [[(0.2, 0.69), (0.8, 0.71)]]),
    ],
    ids=["circle", "gap", "oval", "line of one", "wave", "touching"],
)
def test_circles_and_lines_below_are_no_part_of_digits(digits: list, marks: list[Stroke]) -> None:
    expected = page_of(with_marks(digits, [])).digits
    found = page_of(with_marks(digits, marks)).digits
    assert len(found) == len(expected) == len(digits)
    for digit, alone in zip(found, expected):
        np.testing.assert_allclose(digit.box, alone.box, atol=9)
        assert np.abs(digit.image.astype(float) - alone.image).mean() < 12


@pytest.mark.parametrize(
    ("digits", "marks"),
    [
        (ZERO, [[(0.5, 0.48), (0.5, 0.52)]]),
        (ZERO, [[(0.43, 0.65), (0.57, 0.35)]]),
        ([("2", (0.3, 0.1, 0.4, 0.8))], []),
        ([("1", (0.3, 0.1, 0.4, 0.8))], [[(0.4, 0.9), (0.6, 0.9)]]),
        ([("scribble", (0.3, 0.1, 0.4, 0.8))], [[(0.4, 0.06), (0.6, 0.06)]]),
    ],
    ids=["dotted zero", "slashed zero", "base of a 2", "foot of a 1", "bar above"],
)
def test_strokes_of_a_digit_stay(digits: list, marks: list[Stroke]) -> None:
    picture = with_marks(digits, marks, pen=11)
    (found,) = page_of(picture).digits
    rows, columns = np.nonzero(picture < 128)
    box = columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1
    np.testing.assert_allclose(found.box, box, atol=4)


@pytest.mark.parametrize(
    ("leans", "expected"),
    [
        ((0.0, 0.4, 0.05, 0.4, 0.0, -0.05), [1, 3]),
        ((0.0, 0.05, 0.4, 0.0, -0.05), []),
        ((0.3, 0.35, 0.25, 0.3, 0.35), []),
        ((0.4, 0.0, 0.0, 0.0, 0.4), []),
    ],
    ids=["two slashes", "a leaning one", "slanted ones", "at the ends"],
)
def test_two_slashes_lean_more_than_the_digits_around_them(
    leans: tuple[float, ...], expected: list[int]
) -> None:
    image = Image.new("L", SIZE)
    pencil = ImageDraw.Draw(image)
    for place, lean in enumerate(leans):
        foot = 60 + 60 * place
        pencil.line((foot, 200, foot + 100 * lean, 100), 255, 8)
    strokes, _ = scipy.ndimage.label(np.asarray(image))
    line = [
        Glyph(np.array([label]), x.start, y.start, x.stop - x.start, y.stop - y.start)
        for label, (y, x) in enumerate(scipy.ndimage.find_objects(strokes), 1)
    ]
    line.sort(key=lambda glyph: glyph.x)
    assert list(np.flatnonzero(signs(line, strokes))) == expected


def test_a_small_low_shape_within_a_line_is_a_comma() -> None:
    boxes = [
        (10, 20, 20, 60),
        (40, 70, 8, 20),
        (60, 20, 20, 60),
        (90, 10, 8, 20),
        (110, 20, 20, 60),
    ]
    strokes = np.zeros((100, 140), np.int32)
    for number, (x, y, width, height) in enumerate(boxes, 1):
        strokes[y : y + height, x : x + width] = number
    line = [Glyph(np.array([number]), *box) for number, box in enumerate(boxes, 1)]
    assert list(np.flatnonzero(signs(line, strokes))) == [1]
