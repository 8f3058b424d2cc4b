"""What the finder proposes on drawn pages, and what it is in truth."""

import numpy as np
import pytest

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.handwriting.judge import candidates
from mnist_pipeline.handwriting.judge.candidates import label_of, on_pages
from mnist_pipeline.handwriting.judge.classes import OTHER, PART
from mnist_pipeline.handwriting.judge.pages import Digit

SEVEN, ONE = Digit(7, (10, 10, 20, 30)), Digit(1, (40, 10, 4, 30))


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((10, 10, 20, 30), 7),
        ((9, 9, 22, 32), 7),
        ((39, 9, 6, 32), 1),
        ((10, 10, 20, 12), PART),
        ((5, 0, 60, 60), PART),
        ((10, 10, 34, 30), PART),
        ((100, 10, 20, 30), OTHER),
        ((100, 100, 20, 30), OTHER),
        ((27, 36, 20, 30), OTHER),
    ],
    ids=[
        "same",
        "wider",
        "thin",
        "half",
        "much more",
        "both",
        "to the right",
        "to the right and below",
        "a corner",
    ],
)
def test_a_box_is_the_digit_that_it_holds_a_part_or_other_ink(box, expected):
    assert label_of(box, [SEVEN, ONE]) == expected


def test_a_digit_that_is_struck_out_is_a_part():
    assert label_of(SEVEN.box, [SEVEN._replace(label=PART)]) == PART


@pytest.mark.slow
def test_the_pages_of_a_seed_do_not_depend_on_how_they_are_shared(test, monkeypatch):
    digits = DigitSet(test.images[:500], test.labels[:500])
    done = []
    monkeypatch.setattr(candidates, "PAGES_PER_BLOCK", 3)
    found = on_pages(digits, 5, seed=1, on_block=done.append)
    assert done == [3, 5]
    expected = candidates.join([candidates.on_page(digits, [1, page]) for page in range(5)])
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(own, other)
    assert len(found.labels) == len(found.surroundings) == len(found.kinds) > 0


def test_labels_that_are_not_the_ten_digits_are_refused():
    with pytest.raises(ValueError, match="ten digits"):
        on_pages(DigitSet(np.zeros((2, 28, 28), np.uint8), np.array([0, 1])), 1, 0)
