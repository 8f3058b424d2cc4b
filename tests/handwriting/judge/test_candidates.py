"""What the finder proposes on drawn pages, and what it is in truth."""

import numpy as np
import pytest

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.handwriting.judge import candidates, pages
from mnist_pipeline.handwriting.judge.candidates import label_of, on_pages, side_label
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
    assert side_label(SEVEN.box, [SEVEN._replace(label=PART)]) == PART


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((10, 10, 20, 30), 7),
        ((10, 10, 17, 30), 7),
        ((24, 10, 24, 30), 5),  # a third of it has the box of the 7 too
        ((10, 10, 14, 30), PART),
        ((10, 10, 38, 30), PART),
        ((100, 10, 20, 30), OTHER),
    ],
    ids=["same", "without a little ink", "slanted digits", "two thirds", "both", "beside them"],
)
def test_a_side_of_a_cut_is_the_digit_that_it_holds_almost_alone(box, expected):
    assert side_label(box, [SEVEN, Digit(5, (24, 10, 24, 30))]) == expected


def test_sides_of_cuts_are_candidates_too(test, monkeypatch):
    """A page with two digits that touch is one shape, and some of its sides are digits."""
    digits = DigitSet(test.images[:500], test.labels[:500])
    monkeypatch.setattr(pages, "KINDS", {pages.touching: 1.0})
    found = candidates.join([candidates.on_page(digits, [2, page]) for page in range(6)])
    assert {pages.KIND_NAMES[kind] for kind in found.kinds} == {"touching"}
    monkeypatch.setattr(candidates, "MOST_SIDES", 0)
    whole = candidates.join([candidates.on_page(digits, [2, page]) for page in range(6)])
    assert np.count_nonzero(found.labels == PART) > np.count_nonzero(whole.labels == PART) > 0
    assert np.count_nonzero(found.labels < OTHER) > np.count_nonzero(whole.labels < OTHER)


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
