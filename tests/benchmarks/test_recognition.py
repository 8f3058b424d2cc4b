"""The pictures of the recognition benchmark, and what it counts."""

from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import recognition
from benchmarks.handwriting import Example, scenes
from mnist_pipeline.handwriting.pictures import Page
from mnist_pipeline.handwriting.recognizer import Reading

PICTURE = np.zeros((40, 100), np.uint8)
EXAMPLE = Example("", (3, 8), ((10, 10, 10, 20), (60, 10, 10, 20)), PICTURE)


@pytest.mark.parametrize("kind", scenes.kinds(seed=1))
def test_a_scene_is_drawn_again_from_its_seed_and_its_digits_are_in_the_picture(kind: str) -> None:
    (first,), (again,), (other,) = (islice(scenes.scene(kind, seed), 1) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.picture, again.picture)
    assert not np.array_equal(first.picture, other.picture)
    rows, columns = first.picture.shape[:2]
    for x, y, width, height in first.boxes:
        assert 0 <= x < x + width <= columns
        assert 0 <= y < y + height <= rows
        assert np.ptp(first.picture[y : y + height, x : x + width].astype(int)) > 10
    assert len(first.digits) == len(first.boxes) > 0


def _reading(box: tuple[int, int, int, int], digit: int, doubtful: bool = False) -> Reading:
    answer: Any = SimpleNamespace(digit=digit, is_doubtful=doubtful, looks_like_digit=True)
    return Reading(box, PICTURE, answer)


THREE, EIGHT = (_reading(box, digit) for box, digit in zip(EXAMPLE.boxes, (3, 8), strict=True))


@pytest.mark.parametrize(
    ("readings", "sure", "wrong", "extra"),
    [
        ([THREE, EIGHT], 2, 0, 0),
        ([THREE, _reading((60, 10, 10, 20), 9)], 1, 1, 0),
        ([THREE, _reading((60, 10, 10, 20), 9, doubtful=True)], 1, 0, 0),
        ([THREE], 1, 1, 0),  # a lost digit
        ([_reading((10, 10, 10, 20), 3, doubtful=True)], 0, 0, 0),  # lost, but there is a doubt
        ([THREE, _reading((40, 10, 5, 20), 1), EIGHT], 2, 0, 1),  # such as a slash
        ([_reading((0, 0, 30, 40), 0), THREE, EIGHT], 2, 0, 1),  # such as a circle
        ([_reading((5, 5, 70, 30), 8)], 1, 1, 0),  # two digits as one shape
    ],
)
def test_a_fault_without_doubt_is_a_wrong_a_lost_or_an_additional_digit(
    readings: list[Reading], sure: int, wrong: int, extra: int
) -> None:
    score = recognition.score(EXAMPLE, Page(PICTURE), readings)
    assert (score.digits, score.sure, score.wrong, score.extra) == (2, sure, wrong, extra)
    assert score.silent == wrong + extra


def test_digits_that_are_lost_count_unless_the_picture_warns() -> None:
    warning = Page(PICTURE, unread=[EXAMPLE.boxes[1]])
    assert recognition.score(EXAMPLE, Page(PICTURE), []).silent == 2
    assert recognition.score(EXAMPLE, warning, []).silent == 0
    assert recognition.score(EXAMPLE, warning, [THREE]).silent == 0
