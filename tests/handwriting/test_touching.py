"""Digits that touch are two digits where model and judge agree on both sides of a cut."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.drawing import STROKES
from support.recognizing import answered

from mnist_pipeline.handwriting import touching
from mnist_pipeline.handwriting.finder.search import Page, page_of
from mnist_pipeline.handwriting.judge.classes import OTHER, PART
from mnist_pipeline.handwriting.judge.network import Judge
from mnist_pipeline.handwriting.reading import read_digits
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.handwriting.touching import LEAST, MAYBE_SEVERAL, MOST, SURE, SURELY_ONE


def two_digits() -> Page:
    """A page with a 2 that touches a 3."""
    image = Image.new("L", (200, 120), 230)
    for name, left in (("2", 40), ("3", 70)):
        for stroke in STROKES[name]:
            line = [(left + 50 * x, 20 + 80 * y) for x, y in stroke]
            ImageDraw.Draw(image).line(line, 30, 8, "curve")
    page = page_of(np.asarray(image))
    assert len(page.digits) == 1
    return page


def shares(digit: int = 4, probability: float = 0.9, part: float = 0.0) -> np.ndarray:
    """What the judge says."""
    row = np.zeros(12, np.float32)
    row[[digit, PART]] = probability, part
    row[OTHER] = 1 - row.sum()
    return row


@pytest.fixture
def said(monkeypatch) -> dict[str, np.ndarray]:
    """The answers of the judge: one for a whole shape, another for both sides of each cut."""
    said = {"whole": shares(probability=0.02, part=0.9), "sides": shares()}

    def probabilities(self: Judge, seen: np.ndarray) -> np.ndarray:
        return np.tile(said["whole" if len(seen) == 1 else "sides"], (len(seen), 1))

    monkeypatch.setattr(Judge, "probabilities", probabilities)
    return said


@pytest.mark.parametrize(
    ("sides", "claim", "count", "are_sure"),
    [
        ((0.9, 0.95), 0.9, 2, True),
        ((0.9, 0.95), 0.89, 2, False),
        ((0.9, (SURE - 0.01) / 0.9), 0.9, 2, False),  # the judge has 0.9
        ((0.9, (LEAST + 0.01) / 0.9), 0.9, 2, False),
        ((0.9, (LEAST - 0.01) / 0.9), 0.9, 1, False),
    ],
)
def test_the_less_certain_side_decides(
    sides, claim, count, are_sure, said, small_recognizer, monkeypatch
):
    whole = answered(probability=0.995, is_certain=True, novelty=99)
    both = [
        answered(probability=share, claim=claim, models_disagree=True, looks_like_digit=False)
        for share in sides
    ]
    monkeypatch.setattr(Recognizer, "recognize", lambda *_: [whole, *both])
    page = two_digits()
    readings = read_digits(page, small_recognizer)
    assert len(readings) == count
    if count == 2:
        answers = [reading.recognition for reading in readings]
        assert [answer.probability for answer in answers] == [*sides]
        assert [answer.is_doubtful for answer in answers] == [not are_sure] * 2
        assert all(answer.looks_like_digit for answer in answers)
        assert readings[0].box[0] < readings[1].box[0]
        assert not np.array_equal(readings[0].image, readings[1].image)
        assert readings[0].judged is not None


def test_a_whole_on_which_model_and_judge_agree_more_stays(said, small_recognizer, monkeypatch):
    said["whole"] = shares(probability=0.6, part=0.4)
    sides = [answered(probability=0.3)] * 2
    for certainty, count in ((0.9, 1), (0.2, 2)):
        whole = answered(probability=certainty)
        monkeypatch.setattr(Recognizer, "recognize", lambda *_, whole=whole: [whole, *sides])
        assert len(read_digits(two_digits(), small_recognizer)) == count


def test_the_judge_chooses_the_cut(monkeypatch):
    page = two_digits()
    both = [[0.9, 0.2], [0.6, 0.5], [0.1, 0.99]]

    def probabilities(self: Judge, seen: np.ndarray) -> np.ndarray:
        rows = [*both, *[[0, 0]] * (len(seen) // 2 - len(both))]
        return np.array([shares(probability=value) for row in rows for value in row])

    monkeypatch.setattr(Judge, "probabilities", probabilities)
    (cut,) = touching.cuts_of_page(page.digits, [shares(probability=0, part=0.9)])
    assert [side.shares[4] for side in cut.sides] == pytest.approx([0.6, 0.5])


@pytest.mark.parametrize(
    "judged",
    [
        shares(probability=SURELY_ONE + 0.01, part=0.2),
        shares(probability=0.1, part=MAYBE_SEVERAL - 0.01),
        None,
    ],
    ids=["a digit", "other ink", "not judged"],
)
def test_what_is_hardly_several_digits_stays_whole(judged, said):
    page = two_digits()
    assert touching.cuts_of_page(page.digits, [judged]) == []
    several = shares(probability=SURELY_ONE - 0.01, part=MAYBE_SEVERAL + 0.01)
    assert len(touching.cuts_of_page(page.digits, [several])) == 1
    sign = [replace(page.digits[0], is_sign=True)]
    assert touching.cuts_of_page(sign, [several]) == []


def test_of_very_many_shapes_the_most_probable_are_cut(said):
    digits = two_digits().digits * (MOST + 2)
    judged = [shares(probability=0.1, part=0.5)] * len(digits)
    judged[3] = judged[5] = shares(probability=0.1, part=0.1)
    cuts = touching.cuts_of_page(digits, judged)
    positions = [cut.position for cut in cuts]
    assert positions == [k for k in range(MOST + 2) if k not in (3, 5)]
