"""A page whose digits are far more probable in another direction says so."""

import numpy as np
import pytest

from mnist_pipeline.data.values import DataSet
from mnist_pipeline.handwriting.finder.search import Found, Page
from mnist_pipeline.handwriting.reading import read_digits, warnings_of
from mnist_pipeline.handwriting.recognizer import Recognizer

UPRIGHT = np.random.default_rng(0).integers(0, 255, (3, 28, 28), np.uint8)
SAME = np.full((2, 28, 28), 9, np.uint8)  # in every direction
OTHER = np.full((4, 28, 28), 3, np.uint8)  # no digits in any
TURNS = {
    "upside down": UPRIGHT[:, ::-1, ::-1],
    "to the left": np.rot90(UPRIGHT, -1, (1, 2)),
    "to the right": np.rot90(UPRIGHT, 1, (1, 2)),
    "mirrored": UPRIGHT[:, :, ::-1],
}


def warned(images: np.ndarray, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> str:
    def credibility(_, digits: np.ndarray) -> np.ndarray:
        known = [*UPRIGHT, *SAME]
        return np.array([any((digit == other).all() for other in known) for digit in digits])

    monkeypatch.setattr(Recognizer, "credibility", credibility)
    found = [Found((30 * at, 0, 28, 28), image) for at, image in enumerate(images)]
    page = Page(np.zeros((28, 30 * len(images)), np.uint8), found)
    return "; ".join(warnings_of(page, read_digits(page, recognizer), recognizer))


@pytest.mark.parametrize("direction", TURNS)
def test_a_turned_or_mirrored_page_says_so(direction, small_recognizer, monkeypatch):
    for images in (np.concatenate([SAME, TURNS[direction]]), TURNS[direction][:2]):
        assert direction in warned(images, small_recognizer, monkeypatch)


@pytest.mark.parametrize(
    "images",
    [
        UPRIGHT,
        SAME,
        TURNS["mirrored"][:1],
        np.concatenate([UPRIGHT, TURNS["mirrored"][:2]]),
        np.concatenate([OTHER, TURNS["mirrored"]]),
        np.concatenate([OTHER[:2], TURNS["mirrored"][:2]]),
    ],
    ids=[
        "upright",
        "alike in every direction",
        "a single digit",
        "most are upright",
        "few look like digits in any direction",
        "half of them look like digits in another direction",
    ],
)
def test_an_upright_page_says_nothing(images, small_recognizer, monkeypatch):
    assert warned(images, small_recognizer, monkeypatch) == ""


def test_a_picture_that_is_read_as_a_whole_has_no_direction(small_recognizer, monkeypatch):
    known = small_recognizer.of(DataSet(whole_pictures=True))
    assert warned(TURNS["mirrored"], known, monkeypatch) == ""
