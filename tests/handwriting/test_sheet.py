"""A sheet on a dark table is found, and nothing else is taken for one."""

import numpy as np
from PIL import Image
from support.handwriting import PLAIN, evaluation_set, grey, page_picture

from mnist_pipeline.handwriting.pictures import find_digits
from mnist_pipeline.handwriting.sheet import find_sheet


def test_the_digits_of_a_turned_page_on_a_table_are_found_and_nothing_else() -> None:
    num_right = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        page, boxes = page_picture(rng.integers(10, size=(3, 5)).tolist(), rng, PLAIN)
        margins = rng.integers(20, 150, (2, 2))
        sheet = np.pad(grey(page).astype(np.float32), margins, constant_values=-1)
        angle = rng.uniform(-4, 4)
        photo = np.array(Image.fromarray(sheet).rotate(angle, fillcolor=-1))
        table = rng.uniform(20, 70) + rng.normal(0, 4, photo.shape)
        light = np.linspace(1, rng.uniform(0.6, 1), photo.shape[1])
        photo = np.where(photo < 0, table, photo) * light
        found = [_middle(digit.box) for digit in find_digits(photo.astype(np.uint8))]
        turn = np.exp(-1j * np.radians(angle))
        centre = complex(*photo.shape[::-1]) / 2
        offset = complex(margins[1, 0], margins[0, 0]) - centre
        expected = [centre + turn * (_middle(box) + offset) for box in boxes]
        if len(found) == len(expected):
            np.testing.assert_allclose(found, expected, atol=8)
            num_right += 1
    assert num_right >= 7


def _middle(box: tuple[int, int, int, int]) -> complex:
    """The middle of a box as x + iy."""
    x, y, width, height = box
    return complex(x + width / 2, y + height / 2)


def test_paper_or_a_blackboard_that_fills_the_picture_is_no_sheet_on_a_table() -> None:
    for example in evaluation_set(1, 9):
        assert find_sheet(grey(example.picture).astype(np.float32)) is None
