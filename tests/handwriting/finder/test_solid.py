"""Light digits in solid dark shapes are found; a thick zero, and a digit in a ring, stay."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.drawing import STROKES

from mnist_pipeline.handwriting.finder.scan import Glyph, Scan
from mnist_pipeline.handwriting.finder.search import page_of
from mnist_pipeline.handwriting.finder.solid import inside

SIDE = 120
PAPER, INK = 230, 30


def shape(outline: str, name: str, *, ink: int, ground: int | None, pen: int = 8) -> np.ndarray:
    """A digit in the middle of a shape, on paper."""
    image = Image.new("L", (2 * SIDE, 2 * SIDE), PAPER)
    pencil = ImageDraw.Draw(image)
    left = SIDE / 2
    box = (left, left, left + SIDE, left + SIDE)
    draw = {"disc": pencil.ellipse, "square": pencil.rectangle}[outline]
    draw(box, fill=ground, outline=INK, width=5)
    for stroke in STROKES[name]:
        points = [(left + SIDE * (0.25 + x / 2), left + SIDE * (0.2 + 0.6 * y)) for x, y in stroke]
        pencil.line(points, ink, pen, "curve")
    return np.asarray(image)


@pytest.mark.parametrize("outline", ["disc", "square"])
@pytest.mark.parametrize("name", "0123456789")
def test_a_light_digit_in_a_dark_shape_is_that_digit(outline, name):
    (held,) = page_of(shape(outline, name, ink=PAPER, ground=INK)).digits
    (alone,) = page_of(shape(outline, name, ink=INK, ground=None)).digits
    assert np.corrcoef(held.image.ravel(), alone.image.ravel())[0, 1] > 0.9
    assert np.abs(np.subtract(held.box, alone.box)).max() <= 4


def test_two_digits_in_a_shape_are_two_digits():
    image = Image.new("L", (4 * SIDE, 3 * SIDE), PAPER)
    pencil = ImageDraw.Draw(image)
    pencil.rounded_rectangle((SIDE, SIDE, 3 * SIDE, 2 * SIDE), 20, INK)
    for name, left in (("3", SIDE + 40), ("2", SIDE + 130)):
        for stroke in STROKES[name]:
            pencil.line([(left + 60 * x, SIDE + 25 + 70 * y) for x, y in stroke], PAPER, 8, "curve")
    assert [digit.box[3] < SIDE - 20 for digit in page_of(np.asarray(image)).digits] == [True] * 2


def thick_zero(radii: tuple[int, int]) -> np.ndarray:
    image = Image.new("L", (2 * SIDE, 2 * SIDE), PAPER)
    pencil = ImageDraw.Draw(image)
    for color, (across, down) in ((INK, (40, 55)), (PAPER, radii)):
        pencil.ellipse((SIDE - across, SIDE - down, SIDE + across, SIDE + down), fill=color)
    return np.asarray(image)


@pytest.mark.parametrize("radii", [(20, 35), (12, 30), (6, 25)])
def test_a_thick_zero_is_one_digit_with_its_ink(radii):
    (zero,) = page_of(thick_zero(radii)).digits
    assert zero.box[3] >= 2 * 55 - 4


def crooked_zero() -> np.ndarray:
    """A thick zero whose hole is a bent slit."""
    image = Image.new("L", (2 * SIDE, 2 * SIDE), PAPER)
    pencil = ImageDraw.Draw(image)
    pencil.ellipse((SIDE - 36, SIDE - 60, SIDE + 36, SIDE + 60), fill=INK)
    pencil.arc((SIDE - 14, SIDE - 36, SIDE + 14, SIDE + 36), 90, 270, PAPER, 4)
    return np.asarray(image)


def joined_to_ring() -> np.ndarray:
    """A digit and a ring with lines between: the gaps have as odd a shape as a digit."""
    image = Image.new("L", (2 * SIDE, 2 * SIDE), PAPER)
    pencil = ImageDraw.Draw(image)
    pencil.ellipse((50, 50, 190, 190), outline=INK, width=10)
    for stroke in STROKES["2"]:
        pencil.line([(78 + 84 * x, 78 + 84 * y) for x, y in stroke], INK, 14, "curve")
    pencil.line((120, 60, 120, 80), INK, 14)
    pencil.line((60, 120, 100, 120), INK, 10)
    return np.asarray(image)


def cross() -> np.ndarray:
    """A shape with bays, which holds a light digit."""
    image = Image.new("L", (2 * SIDE, 2 * SIDE), PAPER)
    pencil = ImageDraw.Draw(image)
    pencil.rectangle((95, 30, 145, 210), fill=INK)
    pencil.rectangle((30, 70, 210, 150), fill=INK)
    for stroke in STROKES["2"]:
        pencil.line([(95 + 50 * x, 75 + 70 * y) for x, y in stroke], PAPER, 7, "curve")
    return np.asarray(image)


def small_mark() -> np.ndarray:
    """A disc with a light mark that is too small for its digit."""
    image = Image.fromarray(shape("disc", "1", ink=INK, ground=INK))
    pencil = ImageDraw.Draw(image)
    for stroke in STROKES["2"]:
        pencil.line([(SIDE + 24 * x, SIDE + 26 * y) for x, y in stroke], PAPER, 4, "curve")
    return np.asarray(image)


@pytest.mark.parametrize("draw", [crooked_zero, joined_to_ring, cross, small_mark])
def test_what_is_no_light_digit_in_a_solid_shape_stays_whole(draw):
    picture = draw()
    rows, columns = np.nonzero(picture < PAPER)
    (found,) = page_of(picture).digits
    assert np.abs(np.subtract(found.box[2:], (np.ptp(columns) + 1, np.ptp(rows) + 1))).max() <= 4


@pytest.mark.parametrize(("width", "height", "holds"), [(120, 60, True), (60, 120, False)])
def test_a_wide_shape_holds_a_digit_and_a_slim_upright_one_may_be_a_zero(width, height, holds):
    image = Image.new("L", (width, height), INK)
    pencil = ImageDraw.Draw(image)
    for stroke in STROKES["2"]:
        points = [(width / 2 - 15 + 30 * x, height / 2 - 20 + 40 * y) for x, y in stroke]
        pencil.line(points, PAPER, 5, "curve")
    grey = np.asarray(image, np.float32)
    glyph = Glyph(np.array([1]), 0, 0, width, height)
    found = inside(glyph, Scan(grey, strokes=(grey == INK).astype(np.int32)))
    assert (found is not None) == holds


@pytest.mark.filterwarnings("error")
def test_a_ring_of_single_pixels_holds_nothing():
    strokes = np.ones((3, 3), np.int32)
    strokes[1, 1] = 0
    scan = Scan(np.zeros((3, 3), np.float32), strokes=strokes)
    assert inside(Glyph(np.array([1]), 0, 0, 3, 3), scan) is None
