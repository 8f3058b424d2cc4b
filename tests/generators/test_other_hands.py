"""Digits in other hands: the same for the same seed, and in their boxes."""

from itertools import islice

import numpy as np
import pytest

from generators import other_hands
from generators.handwriting import Example

DRAWN = {
    "lines": lambda: other_hands.lines(3, 0, ()),
    "lines on ruled paper": lambda: other_hands.lines(3, 0, (), ruled=True),
    "pages on a table": lambda: other_hands.pages_on_a_table(4, 0, ()),
    "8×8": lambda: islice(other_hands.eight_by_eight(), 5),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_each_digit_is_in_its_box_and_a_seed_draws_the_same_again(kind: str) -> None:
    first, again = list(DRAWN[kind]()), list(DRAWN[kind]())
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(first, again, strict=True))
    for example in first:
        assert len(example.digits) == len(example.boxes)
        assert all(_is_darker_than_around(example, box) for box in example.boxes)


def test_no_font_is_in_two_parts() -> None:
    names = " ".join(other_hands.FONTS.values()).split()
    assert len(names) == len(set(names))


def _is_darker_than_around(example: Example, box: tuple[int, int, int, int]) -> bool:
    x, y, width, height = box
    inside = example.picture[y : y + height, x : x + width]
    around = example.picture[max(0, y - 4) : y + height + 4, max(0, x - 4) : x + width + 4]
    return float(inside.mean()) < float(around.mean()) and float(inside.min()) < 0.6 * float(around.max())
