"""Recognition of digits, on a slice of the real ones: answers, neighbours, and how unusual a digit
is.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from support.recognizing import answered

from mnist_pipeline.data.values import DataSet, DigitSet
from mnist_pipeline.handwriting import votes
from mnist_pipeline.handwriting.doubt import Recognition
from mnist_pipeline.handwriting.finder.search import Found, Page
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.methods.knn import KNNClassifier
from mnist_pipeline.methods.table import MODELS

IMAGE = np.zeros((28, 28), np.uint8)
TEXTURE = np.random.default_rng(0).integers(180, 220, (60, 60), np.uint8)  # of light paper
DOUBTED, STRANGE = answered(probability=0.9), answered(looks_like_digit=False)


def test_each_model_answers_with_the_most_probable_digit_of_its_distribution(
    small_recognizer: Recognizer, small_test: DigitSet
) -> None:
    for answer in small_recognizer.recognize(small_test.images[:50]):
        assert tuple(answer.digits) == tuple(answer.probabilities) == tuple(MODELS)
        for model, given in answer.probabilities.items():
            assert math.isclose(given.sum(), 1)
            assert given[answer.digits[model]] == given.max()


def test_the_answer_is_that_of_the_champion(
    small_recognizer: Recognizer, small_test: DigitSet
) -> None:
    for model in MODELS:
        served = small_recognizer._replace(champion=np.frombuffer(model.encode(), np.uint8))
        for answer in served.recognize(small_test.images[:20]):
            assert (answer.champion, answer.digit) == (model, answer.digits[model])
            assert answer.probability == answer.probabilities[model][answer.digit]


def test_the_neighbours_are_those_of_an_exhaustive_search(
    small_recognizer: Recognizer, small_train: DigitSet, small_test: DigitSet
) -> None:
    digits = np.concatenate([small_train.images[7:8], small_test.images[:20]])
    found = KNNClassifier(3, "brute").fit(small_train.images, small_train.labels).kneighbors(digits)
    for answer, squares, near in zip(small_recognizer.recognize(digits), *found, strict=True):
        assert [neighbor.index for neighbor in answer.neighbors] == near.tolist()
        assert [neighbor.distance for neighbor in answer.neighbors] == pytest.approx(
            np.sqrt(squares).tolist()
        )
        assert [neighbor.digit for neighbor in answer.neighbors] == small_train.labels[
            near
        ].tolist()


def test_the_models_disagree_if_their_votes_outweigh_the_champions(
    small_recognizer: Recognizer, small_train: DigitSet
) -> None:
    def answers(*num_errors: int) -> list[Recognition]:
        true = np.zeros(1_000, int)
        weights = {
            model: votes.weight(true, np.arange(1_000) < errors)
            for model, errors in zip(MODELS, num_errors, strict=True)
        }
        served = small_recognizer._replace(weights=weights)
        return served.recognize(small_train.images[:50])

    # The networks are not trained, so they answer otherwise than the champion, k-NN.
    assert not any(answer.models_disagree for answer in answers(200, 630, 750, 770))
    for answer in answers(30, 30, 30, 30):
        dissenting = sum(label != answer.digit for label in answer.digits.values())
        assert answer.models_disagree == (dissenting > 1)
    for answer in answers(30, 10, 1_000, 1_000):
        assert answer.models_disagree == (answer.digits["softmax"] != answer.digit)


def test_the_runner_up_is_the_most_probable_other_class(
    small_recognizer: Recognizer, small_test: DigitSet
) -> None:
    for answer in small_recognizer.recognize(small_test.images[:50]):
        others = np.delete(answer.probabilities[answer.champion], answer.digit)
        runner_up = int(answer.runner_up)
        assert runner_up != answer.digit
        assert answer.probabilities[answer.champion][runner_up] == others.max()


def test_a_picture_needs_less_certainty_than_a_handwritten_digit(
    small_recognizer: Recognizer,
) -> None:
    by_hand = small_recognizer._replace(champion=np.frombuffer(b"cnn", np.uint8))
    photos = by_hand.of(DataSet(whole_pictures=True))
    assert (by_hand.rules()["probable"], photos.rules()["probable"]) == (0.98, 0.9)


def test_a_sign_does_not_look_like_a_digit(
    small_recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recognizer, "recognize", lambda *_: [answered(), answered()])
    digit = Found((0, 0, 20, 30), IMAGE)
    page = Page(TEXTURE, [digit, replace(digit, is_sign=True)])
    (readings,) = small_recognizer.read_pages([page])
    assert [each.recognition.looks_like_digit for each in readings] == [True, False]


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
    champion: str,
    picture: np.ndarray,
    first: list[Recognition],
    again: float,
    is_whole: bool,
    small_recognizer: Recognizer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter([first, [answered(probability=again)]])
    monkeypatch.setattr(Recognizer, "recognize", lambda *_: next(answers))
    served = small_recognizer._replace(champion=np.frombuffer(champion.encode(), np.uint8))
    digits = [Found((20, 15, 20 - place, 30), IMAGE) for place in range(len(first))]
    (readings,) = served.read_pages([Page(picture, digits)])
    largest = readings[0]
    assert (largest.box == (0, 0, 60, 60)) == is_whole
    assert largest.recognition.probability == (again if is_whole else first[0].probability)
    assert len(readings) == (1 if is_whole else len(first))
    assert np.median(largest.image) < 128  # light ink on dark paper, as in MNIST
