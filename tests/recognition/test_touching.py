"""Two digits that touch are cut between their strokes, if the models read the two better than the whole."""

from typing import NamedTuple

import numpy as np
import pytest

from mnist_pipeline.recognition.novelty import POINT
from mnist_pipeline.recognition.page import Found
from mnist_pipeline.recognition.pictures import find_digits
from mnist_pipeline.recognition.touching import best_cut, is_unusual


class Answered(NamedTuple):
    """What the models answer to an image."""

    probability: float
    novelty: float

    @property
    def looks_like_digit(self) -> bool:
        return self.novelty <= POINT


def two_rings() -> np.ndarray:
    """Two touching rings, as a picture."""
    rows, columns = np.mgrid[:90, :140]
    ring = [np.abs(np.hypot(rows - 45, columns - middle) - 20) < 3 for middle in (45, 90)]
    return np.where(ring[0] | ring[1], 20, 245).astype(np.uint8)


def test_a_cut_separates_touching_rings_and_its_sides_have_the_form_of_mnist() -> None:
    (found,) = find_digits(two_rings())
    boxes = [[side.box for side in cut] for cut in found.cuts]
    expected = [(22, 22, 46, 46), (67, 22, 46, 46)]
    assert min(np.abs(np.subtract(cut, expected)).max() for cut in boxes) <= 5
    for side in (side for cut in found.cuts for side in cut):
        assert side.image.shape == (28, 28)
        assert side.line == found.line


def test_a_narrow_digit_is_not_cut() -> None:
    picture = np.full((90, 60), 245, np.uint8)
    picture[20:70, 28:33] = 20
    (found,) = find_digits(picture)
    assert found.cuts == ()


@pytest.mark.parametrize(("novelty_of_whole", "cut"), [(99.9, 1), (20.0, None)])
def test_the_cut_that_reads_best_counts_if_the_whole_is_unusual(novelty_of_whole: float, cut: int | None) -> None:
    image = np.zeros((28, 28), np.uint8)
    sides = tuple(Found((x, 0, 30, 50), image) for x in (0, 30))
    found = Found((0, 0, 60, 50), image, cuts=((sides[0], sides[1]),) * 2)
    unlikely, likely = Answered(0.3, 99), Answered(0.99, 30)
    assert best_cut(found, Answered(0.6, novelty_of_whole), [unlikely, unlikely, likely, likely]) == cut
    assert is_unusual(found, Answered(0.6, novelty_of_whole)) == (cut is not None)
