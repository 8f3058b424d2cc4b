"""Drawn pages: the truth about their digits, and the same page for the same seed."""

import numpy as np
import pytest
import scipy

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.handwriting.judge import pages
from mnist_pipeline.handwriting.judge.pages import KINDS, draw_page
from mnist_pipeline.handwriting.judge.sheet import Sheet, cropped


@pytest.fixture(scope="module")
def digits(test) -> DigitSet:
    return DigitSet(test.images[:500], test.labels[:500])


@pytest.mark.parametrize("kind", KINDS, ids=pages.KIND_NAMES)
def test_the_box_of_each_digit_lies_on_the_sheet_and_has_ink(kind, digits):
    for seed in range(4):
        sheet = Sheet(300, 200, digits, np.random.default_rng(seed))
        kind(sheet)
        rows, columns = sheet.shape
        assert np.isfinite(sheet.ink).all()
        assert 0 <= sheet.ink.min() <= sheet.ink.max() <= 1
        for _, (x, y, width, height) in sheet.digits:
            assert 0 <= x <= x + width <= columns
            assert 0 <= y <= y + height <= rows
            part = sheet.ink[int(y) : int(y + height), int(x) : int(x + width)]
            assert part.max() > 0.05


def test_a_page_depends_on_its_seed_alone(digits):
    first, again, other = (draw_page(digits, [0, page]) for page in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    assert first[1:] == again[1:]
    assert first[0].shape != other[0].shape or (first[0] != other[0]).any()


def test_a_digit_that_is_cut_off_is_not_in_the_truth(digits):
    sheet = Sheet(100, 100, digits, np.random.default_rng(0))
    ink = np.ones((40, 20), np.float32)
    for x, y in ((-5, 10), (90, 10), (10, 70), (150, 10)):
        sheet.put(ink, x, y, 3)
    assert sheet.digits == []
    sheet.put(ink, 50, 10, 3)
    assert sheet.digits == [(3, (50, 10, 20, 40))]


def test_a_cropped_sheet_keeps_its_digits_whole(digits):
    sheet = Sheet(300, 200, digits, np.random.default_rng(0))
    sheet.put(np.ones((40, 20), np.float32), 100, 80, 3)
    part = cropped(sheet)
    assert part.ink.size < sheet.ink.size
    ((_, (x, y, width, height)),) = part.digits
    assert part.ink[int(y) : int(y + height), int(x) : int(x + width)].all()
    assert part.ink.sum() == sheet.ink.sum()


def test_digits_that_touch_are_fewer_shapes_than_digits(digits):
    num_digits = num_shapes = 0
    for seed in range(6):
        sheet = Sheet(400, 200, digits, np.random.default_rng(seed))
        sheet.source = "strokes"  # each digit is one shape
        pages.touching(sheet)
        num_digits += len(sheet.digits)
        num_shapes += scipy.ndimage.label(sheet.ink > 0.3, np.ones((3, 3)))[1]
    assert num_shapes < 0.75 * num_digits


def test_digits_of_different_heights_meet_at_their_feet():
    foot, bar = np.zeros((8, 5)), np.ones((4, 1))
    foot[:, 0] = foot[-1] = 1
    assert pages._meeting(foot, bar) == 5
    assert pages._meeting(bar, foot) == 1
