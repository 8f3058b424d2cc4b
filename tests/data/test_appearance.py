"""How images are shown: inverted, on a ground, in colour; a value on each side of each limit."""

import numpy as np
import pytest

from mnist_pipeline.data.appearance import LEAST_CONTRAST, SAMPLE, of_handwriting, of_pictures


@pytest.mark.parametrize(
    ("level", "are_digits", "is_inverted"),
    [(127, True, False), (128, True, True), (128, False, False)],
)
def test_digits_are_inverted_if_their_mean_is_lighter_than_the_middle(
    level, are_digits, is_inverted
):
    images = np.full((3, 28, 28), level, np.uint8)
    found = of_handwriting(images, are_digits=are_digits)
    assert found.inverted == is_inverted
    expected = 255 - images if is_inverted else images
    np.testing.assert_array_equal(found.shown(images), expected)


def drawing(level: int) -> np.ndarray:
    """A grey dot on nothing."""
    picture = np.zeros((28, 28, 4), np.uint8)
    picture[10:20, 10:20] = (level, level, level, 255)
    return picture


@pytest.mark.parametrize(("num_light", "ground"), [(1, "#ffffff"), (2, "#ffffff"), (3, "#000000")])
def test_the_ground_is_black_if_white_hides_more_than_half_of_the_transparent_pictures(
    num_light, ground
):
    visible, hidden = 255 - LEAST_CONTRAST, 256 - LEAST_CONTRAST
    pictures = [drawing(hidden)] * num_light + [drawing(visible)] * (4 - num_light)
    pictures += [np.zeros((28, 28), np.uint8)] * 9  # not transparent
    assert of_pictures(pictures, None, "").ground == ground
    assert of_pictures(pictures, None, "#123456").ground == "#123456"


def test_nothing_is_said_about_the_colours_of_grey_pictures():
    found = of_pictures([np.full((28, 28), level, np.uint8) for level in (0, 90, 200)], None, "")
    assert not found.color
    assert not found.notes


def test_a_sample_of_many_pictures_decides_on_colour():
    """Every third of 2,001: the coloured pictures between them are not seen."""
    red = np.zeros((28, 28, 3), np.uint8)
    red[:14, :, 0], red[14:, :, 1] = 255, 255
    grey = np.repeat(np.arange(28, dtype=np.uint8), 28).reshape(28, 28)
    pictures = [red if number % 3 else grey for number in range(2 * SAMPLE + 1)]
    assert not of_pictures(pictures, None, "").color
