"""Readings of a picture: a sign is not a digit, and the whole picture may be read too."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support.recognizing import answered

from mnist_pipeline.data.values import DataSet
from mnist_pipeline.handwriting.finder.search import Found, Page
from mnist_pipeline.handwriting.judge.classes import CLASSES, OTHER
from mnist_pipeline.handwriting.judge.network import Judge
from mnist_pipeline.handwriting.novelty import ORDINARY
from mnist_pipeline.handwriting.reading import AGREED, FEW, read_digits
from mnist_pipeline.handwriting.recognizer import Recognizer

IMAGE = np.zeros((28, 28), np.uint8)
TEXTURE = np.random.default_rng(0).integers(180, 220, (60, 60), np.uint8)  # of light paper
TWO = (30, 0, 20, 30), IMAGE
DOUBTED, STRANGE = answered(probability=0.9), answered(looks_like_digit=False)


def test_a_sign_does_not_look_like_a_digit(small_recognizer, monkeypatch):
    monkeypatch.setattr(Recognizer, "recognize", lambda *_: [answered(), answered()])
    digit = Found((0, 0, 20, 30), IMAGE)
    page = Page(TEXTURE, [digit, replace(digit, is_sign=True)])
    readings = read_digits(page, small_recognizer)
    assert [each.recognition.looks_like_digit for each in readings] == [True, False]


def judging(
    probability: float, digit: int = answered().digit
) -> Callable[[Judge, np.ndarray], np.ndarray]:
    """A judge that takes everything for the same digit with the same probability."""
    shares = np.zeros(len(CLASSES), np.float32)
    shares[[digit, OTHER]] = probability, 1 - probability
    return lambda _, seen: np.tile(shares, (len(seen), 1))


def found(count: int) -> list[Found]:
    """Shapes that the judge sees."""
    around = np.zeros((48, 48), np.uint8)
    return [Found((30 * index, 0, 20, 30), IMAGE, surroundings=around) for index in range(count)]


@pytest.mark.parametrize(
    ("probability", "expected"),
    [(0.0, (False, False)), (0.25, (True, False)), (0.9, (True, True))],
    ids=["other ink", "doubt", "digit"],
)
def test_the_judge_says_what_is_a_digit_among_other_ink_and_raises_doubt(
    probability, expected, small_recognizer, monkeypatch
):
    page = Page(TEXTURE, [*found(FEW), Found(*TWO)])
    monkeypatch.setattr(Judge, "probabilities", judging(probability))
    for unusual in (False, True):  # the novelty says nothing beside the judge
        answers = [answered(looks_like_digit=unusual)] * FEW + [answered(novelty=99)]
        monkeypatch.setattr(Recognizer, "recognize", lambda *_, answers=answers: answers)
        first, *_, last = (own.recognition for own in read_digits(page, small_recognizer))
        assert (first.looks_like_digit, first.is_certain) == expected
        assert last.looks_like_digit  # the judge has not seen it


@pytest.mark.parametrize(
    ("count", "novelty", "probability", "expected"),
    [
        (FEW, 40, 0, True),
        (1, 40, 0, True),
        (FEW + 1, 40, 0, False),
        (FEW, 60, 0, False),
        (FEW, 60, 0.3, True),
        (FEW, 99, 0.3, False),
        (FEW + 1, 99, 0.3, True),
        (FEW, 99, 0.6, True),
    ],
)
def test_among_few_shapes_an_ordinary_one_is_a_digit_and_a_strange_one_must_convince_the_judge(
    count, novelty, probability, expected, small_recognizer, monkeypatch
):
    page = Page(TEXTURE, found(count))
    monkeypatch.setattr(Judge, "probabilities", judging(probability))
    answers = [answered(novelty=novelty, looks_like_digit=novelty < 90)] * count
    monkeypatch.setattr(Recognizer, "recognize", lambda *_: answers)
    readings = read_digits(page, small_recognizer._replace(champion="knn"))
    assert [own.recognition.looks_like_digit for own in readings] == [expected] * count
    is_certain = (count <= FEW and novelty <= ORDINARY) or 0.99 * probability >= AGREED
    assert [own.recognition.is_certain for own in readings] == [is_certain] * count


@pytest.mark.parametrize(
    ("judge", "changes", "is_doubtful", "among_few"),
    [
        (judging(0.9), {}, False, False),
        (judging(0.9), {"models_disagree": True}, False, True),
        (judging(0.9), {"is_certain": False}, False, True),
        (judging(0.2), {"models_disagree": True}, True, True),
        (judging(0.2), {}, True, True),
        (judging(0.9, digit=5), {}, True, True),
        (judging(0.9), {"claim": 0.89, "is_certain": False}, True, True),
    ],
    ids=[
        "agreed",
        "outvoted by other models",
        "not certain by the model alone",
        "outvoted, and the judge sees no digit",
        "the judge sees no digit",
        "the judge sees another digit",
        "held-out answers support no such claim",
    ],
)
def test_an_answer_on_which_model_and_judge_agree_is_certain_but_few_shapes_keep_their_doubts(
    judge, changes, is_doubtful, among_few, small_recognizer, monkeypatch
):
    monkeypatch.setattr(Judge, "probabilities", judge)
    served = small_recognizer._replace(champion="knn")
    for count, expected in ((FEW, among_few), (FEW + 1, is_doubtful)):
        answers = [answered(novelty=60, **changes)] * count
        monkeypatch.setattr(Recognizer, "recognize", lambda *_, answers=answers: answers)
        readings = read_digits(Page(TEXTURE, found(count)), served)
        assert [own.recognition.is_doubtful for own in readings] == [expected] * count


def test_the_judge_of_a_digit_in_doubt_is_heard_about_the_whole_picture_too(
    small_recognizer, monkeypatch
):
    answers = iter([[answered(probability=0.9, novelty=100)], [answered(probability=0.95)]])
    monkeypatch.setattr(Recognizer, "recognize", lambda *_: next(answers))
    monkeypatch.setattr(Judge, "probabilities", judging(0.9))
    page = Page(TEXTURE, [replace(own, box=(20, 15, 20, 30)) for own in found(1)])
    (reading,) = read_digits(page, small_recognizer._replace(champion="cnn"))
    assert reading.box == (0, 0, 60, 60)
    assert reading.recognition.looks_like_digit


def test_the_judge_is_not_asked_about_letters(small_recognizer, monkeypatch):
    monkeypatch.setattr(Judge, "probabilities", judging(0))
    monkeypatch.setattr(Recognizer, "recognize", lambda *_: [answered(novelty=60)])
    page = Page(TEXTURE, [Found((0, 0, 20, 30), IMAGE, surroundings=np.zeros((48, 48), np.uint8))])
    letters = small_recognizer.of(DataSet(class_names=tuple("ABCDEFGHIJ")))
    (reading,) = read_digits(page, letters)
    assert reading.recognition.looks_like_digit


@pytest.mark.parametrize(
    ("champion", "picture", "first", "again", "is_whole"),
    [
        ("cnn", TEXTURE, [DOUBTED], 0.95, True),
        ("cnn", TEXTURE, [DOUBTED], 0.85, False),
        ("cnn", TEXTURE, [DOUBTED, STRANGE], 0.95, True),
        ("cnn", TEXTURE, [DOUBTED, DOUBTED], 0.95, False),
        ("cnn", TEXTURE, [answered(probability=0.992)], 0.995, False),
        ("cnn", np.full_like(TEXTURE, 200), [DOUBTED], 0.95, False),
        ("knn", TEXTURE, [DOUBTED], 0.95, False),
    ],
    ids=["surer", "less sure", "a shape", "two digits", "sure before", "blank", "another model"],
)
def test_the_whole_picture_counts_if_its_only_digit_is_in_doubt_and_the_answer_is_surer(
    champion, picture, first, again, is_whole, small_recognizer, monkeypatch
):
    answers = iter([first, [answered(probability=again)]])
    monkeypatch.setattr(Recognizer, "recognize", lambda *_: next(answers))
    served = small_recognizer._replace(champion=champion)
    boxes = [(20, 15, 20, 30), (10, 50, 40, 10)]  # the first is larger, and the second wider
    digits = [Found(box, IMAGE) for box in boxes[: len(first)]]
    readings = read_digits(Page(picture, digits), served)
    largest = readings[0]
    assert (largest.box == (0, 0, 60, 60)) == is_whole
    assert largest.recognition.probability == (again if is_whole else first[0].probability)
    assert len(readings) == (1 if is_whole else len(first))
    assert np.median(largest.image) < 128  # light ink on dark paper, as in MNIST


def test_a_whole_picture_is_read_once_whatever_its_answer(small_recognizer, monkeypatch):
    answers = iter([[DOUBTED], [answered(probability=0.95)]])
    monkeypatch.setattr(Recognizer, "recognize", lambda *_: next(answers))
    served = small_recognizer.of(DataSet(whole_pictures=True))._replace(champion="cnn")
    (reading,) = read_digits(Page(TEXTURE, [Found((0, 0, 60, 60), IMAGE)]), served)
    assert reading.recognition == DOUBTED
