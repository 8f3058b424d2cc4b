"""Light digits in solid dark shapes are found; a thick zero, and a digit in a ring, stay."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.drawing import STROKES

from mnist_pipeline.handwriting.finder.search import page_of

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


def test_a_digit_that_touches_its_ring_is_not_read_from_the_gaps_between():
    picture = shape("disc", "4", ink=INK, ground=None, pen=12).copy()
    picture[SIDE - 4 : SIDE + 8, SIDE + 10 : 2 * SIDE - SIDE // 2] = INK
    boxes = [digit.box for digit in page_of(picture).digits]
    assert max(box[3] for box in boxes) > 0.6 * SIDE
