"""Judgements of made-up answers for a picture, and their words."""

from typing import Any

import numpy as np
import pytest
from support.recognizing import answered

from mnist_pipeline.data.values import DataSet
from mnist_pipeline.handwriting.doubt import (
    Reading,
    headline,
    only_ordinary,
    text_of,
    with_least_certain,
    without_specks,
)

STRANGE = {"looks_like_digit": False}


def reading(size: int = 100, line: int = 1, **answer: Any) -> Reading:
    """The reading of a digit of some height, in a line, with a certain answer or another one."""
    return Reading((0, 0, size // 2, size), np.empty(0), answered(**answer), line)


@pytest.mark.parametrize(
    ("doubt", "shown"),
    [
        ({}, "4"),
        ({"is_certain": False, "probability": 0.55}, "probably 4"),
        ({"models_disagree": True}, "probably 4, the models disagree"),
        ({"is_certain": False, "probability": 0.45, "models_disagree": True}, "unsure: 4 or 9"),
        (STRANGE, "does not look like a digit"),
    ],
)
def test_the_headline_names_the_doubt(doubt, shown):
    answer = answered(**doubt)
    assert answer.headline("digit") == shown
    assert answer.is_doubtful == (shown != "4")


def test_what_does_not_look_like_a_digit_is_a_question_mark_in_the_text():
    strange, one, two = reading(**STRANGE), reading(name="1"), reading(name="2")
    assert text_of([one, strange, two]) == ["1?2"]
    assert headline([one, strange, two], DataSet()).startswith("1?2 ")
    assert "2 shapes" in headline([strange, strange], DataSet())


def test_the_document_of_a_reading_states_the_claim_and_not_the_larger_probability():
    document = reading(probability=0.99, claim=0.8).document(DataSet())
    assert document["probability"] == 0.8


def test_a_space_separates_names_unless_all_have_one_letter():
    assert text_of([reading(name="1"), reading(name="two")]) == ["1 two"]
    assert text_of([reading(name="1"), reading(name="2")]) == ["12"]


def test_among_mostly_other_shapes_only_ordinary_digits_count():
    def looks(*readings: Reading) -> list[bool]:
        return [judged.recognition.looks_like_digit for judged in only_ordinary(readings)]

    strange, ordinary, unusual = reading(**STRANGE), reading(novelty=40), reading(novelty=60)
    assert looks(strange, unusual) == [False, True]
    assert looks(strange, strange, unusual) == [False, False, False]
    assert looks(strange, strange, ordinary) == [False, False, True]


def test_the_least_certain_digit_of_a_line_is_marked_if_it_has_several():
    outvoted, sure = reading(models_disagree=True), reading(probability=0.9)
    strange, alone = reading(probability=0.1, **STRANGE), reading(probability=0.5, line=2)
    judged = with_least_certain([sure, strange, outvoted, alone, strange._replace(line=2)])
    assert [digit.least_certain for digit in judged] == [False, False, True, False, False]


def test_specks_are_dropped_unless_they_look_like_digits_or_have_a_line_to_themselves():
    def kept(*readings: Reading) -> list[int]:
        return [each.box[3] for each in without_specks([large, large, *readings])][2:]

    large, strange = reading(), reading(30, **STRANGE)
    assert kept(strange) == []
    assert kept(reading(40, **STRANGE)) == [40]
    assert kept(reading(30)) == [30]
    beside, alone = reading(30, 1, **STRANGE), reading(30, 2, **STRANGE)
    assert kept(beside, beside) == []
    assert kept(alone) == []
    assert kept(alone, alone) == [30, 30]
    assert kept(alone, alone, alone) == []  # more specks than digits are noise
