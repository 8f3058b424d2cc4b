"""What is around a digit: its own ink, its neighbours, and paper beyond the edge of the picture."""

import numpy as np
import pytest

from mnist_pipeline.handwriting.finder.scan import Glyph, Scan
from mnist_pipeline.handwriting.finder.surroundings import DIGIT_SIDE, OWN, SIDE, surroundings_of


def scan_of(shape: tuple[int, int], *boxes: tuple[int, int, int, int]) -> Scan:
    """Filled boxes as strokes, whose ink becomes paler from one to the next."""
    ink, strokes = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    for number, (x, y, width, height) in enumerate(boxes, 1):
        ink[y : y + height, x : x + width] = 0.8 / number
        strokes[y : y + height, x : x + width] = number
    return Scan(ink, ink=ink, strokes=strokes)


@pytest.mark.parametrize("scale", [1, 2, 5])
@pytest.mark.parametrize("is_wide", [False, True], ids=["high", "wide"])
def test_a_digit_lies_in_the_middle_in_one_size_and_its_neighbour_beside_it(scale, is_wide):
    boxes = np.array([(40, 30, 6, 22), (54, 30, 4, 22)]) * scale
    if is_wide:
        boxes = boxes[:, [1, 0, 3, 2]]
    scan = scan_of((100 * scale, 100 * scale), *boxes.tolist())
    around = surroundings_of(Glyph(np.array([1]), *boxes[0].tolist()), scan)
    around = around.T if is_wide else around
    own = around >= OWN
    assert around.shape == (SIDE, SIDE)
    np.testing.assert_array_equal(np.flatnonzero(own.any(axis=1)), np.arange(13, 13 + DIGIT_SIDE))
    np.testing.assert_array_equal(np.flatnonzero(own.any(axis=0)), np.arange(21, 27))
    assert (around[14:34, 22:26] == OWN + 127).all()
    assert around[24, 36:38] == pytest.approx([64] * 2, abs=1)  # half of the digit's ink
    assert not around[:, :20].any()


def test_ink_darker_than_the_digit_is_full_ink_and_not_its_own():
    scan = scan_of((100, 100), (54, 30, 4, 22), (40, 30, 6, 22))
    around = surroundings_of(Glyph(np.array([2]), 40, 30, 6, 22), scan)
    assert around[24, 36:38].tolist() == [127] * 2  # it has twice the ink of the digit


def test_there_is_paper_beyond_the_edge_of_a_picture():
    around = surroundings_of(Glyph(np.array([1]), 0, 0, 10, 22), scan_of((22, 10), (0, 0, 10, 22)))
    assert np.count_nonzero(around) == 10 * DIGIT_SIDE
    assert around[13, 19] == OWN + 127


def test_the_dark_strokes_of_a_digit_are_full_ink_and_its_pale_ones_a_share_of_it():
    scan = scan_of((100, 100), (40, 30, 6, 22))
    scan.ink[30:41] /= 4
    around = surroundings_of(Glyph(np.array([1]), 40, 30, 6, 22), scan)
    assert around[14:22, 24] == pytest.approx([OWN + 32] * 8, abs=1)
    assert (around[26:34, 24] == OWN + 127).all()
