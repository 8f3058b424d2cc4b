"""Circles, ovals, frames and lines that were drawn around digits are removed."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.drawing import Stroke, arc
from support.drawing import picture as drawn

from mnist_pipeline.handwriting.finder.marks import remove_marks
from mnist_pipeline.handwriting.finder.scan import Box, Scan
from mnist_pipeline.handwriting.finder.search import page_of

SIZE = (400, 300)
NUMBER = [
    ("4", (0.25, 0.3, 0.15, 0.4)),
    ("3", (0.42, 0.3, 0.15, 0.4)),
    ("0", (0.6, 0.3, 0.15, 0.4)),
]
AT_THE_RIGHT = [(name, (x, 0.1, 0.15, 0.4)) for name, x in (("4", 0.65), ("3", 0.82))]
DIGIT = [("3", (0.42, 0.3, 0.15, 0.4))]
TWO_LINES = [
    (name, (x, y, 0.12, 0.26)) for y in (0.2, 0.58) for name, x in zip("438", (0.3, 0.46, 0.62))
]


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
        (NUMBER[:2], [[(0.2, 0.69), (0.6, 0.71)]]),
        (AT_THE_RIGHT, [[(0.64, 0.49), (0.97, 0.51)]]),
        (NUMBER, [[(0.15, 0.63), (0.34, 0.71), (0.66, 0.71), (0.85, 0.63)]]),
        (DIGIT, [[(0.35, 0.74), (0.5, 0.81), (0.65, 0.74)]]),
        (TWO_LINES, [[(0.287, 0.1), (0.83, 0.12), (0.8, 0.95), (0.29, 0.9), (0.287, 0.1)]]),
    ],
    ids=[
        "circle",
        "gap",
        "oval",
        "line of one",
        "wave",
        "touching",
        "touching two",
        "touching, at the right",
        "touching arc",
        "arc",
        "touching frame",
    ],
)
def test_circles_and_lines_below_are_no_part_of_digits(digits, marks):
    expected = page_of(with_marks(digits, [])).digits
    found = page_of(with_marks(digits, marks)).digits
    assert len(found) == len(expected) == len(digits)
    for digit, alone in zip(found, expected):
        np.testing.assert_allclose(digit.box, alone.box, atol=9)
        assert np.abs(digit.image.astype(float) - alone.image).mean() < 12


@pytest.mark.parametrize(
    ("digits", "marks"),
    [
        ([("2", (0.3, 0.1, 0.4, 0.8))], []),
        ([("1", (0.3, 0.1, 0.4, 0.8))], [[(0.4, 0.9), (0.6, 0.9)]]),
        ([("scribble", (0.3, 0.1, 0.4, 0.8))], [[(0.4, 0.06), (0.6, 0.06)]]),
    ],
    ids=["base of a 2", "foot of a 1", "bar above"],
)
def test_strokes_of_a_digit_stay(digits, marks):
    picture = with_marks(digits, marks, pen=11)
    (found,) = page_of(picture).digits
    rows, columns = np.nonzero(picture < 128)
    box = columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1
    np.testing.assert_allclose(found.box, box, atol=4)


BARS: list[Box] = [(40, 40, 15, 50), (85, 40, 15, 50)]
SLASHES: list[Box] = [(35, 40, 30, 50), (75, 40, 30, 50)]


@pytest.mark.parametrize(
    ("gap", "pen", "inside", "expected"),
    [
        (0, 4, BARS, True),
        (70, 4, BARS, False),
        (0, 30, BARS, False),
        (0, 4, [(40, 40, 15, 15), (60, 40, 15, 15)], False),
        (0, 4, BARS[:1], True),
        (0, 4, SLASHES, True),
        (0, 4, SLASHES[:1], False),
        (0, 4, [(65, 40, -30, 50)], False),
    ],
    ids=["frame", "open", "thick", "dots", "of one", "of two", "slashed zero", "backslash"],
)
def test_a_frame_is_closed_thin_and_filled(gap, pen, inside, expected):
    image = Image.new("I", (140, 140))
    pencil = ImageDraw.Draw(image)
    pencil.rectangle((10, 10, 129, 129), outline=1, width=pen)
    for number, (x, y, width, height) in enumerate(inside, 2):
        pencil.line((x, y + height, x + width, y), number, 8)
    strokes = np.array(image)
    strokes[40 : 40 + gap, 110:] = 0
    scan = remove_marks(Scan(np.zeros(strokes.shape, np.float32), strokes=strokes))
    assert (scan.strokes[strokes == 1] == 0).any() == expected
