"""Recognition of digits, on a slice of the real ones: answers, neighbours, and how unusual a digit
is.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mnist_pipeline.data.values import DataSet, DigitSet
from mnist_pipeline.handwriting import votes
from mnist_pipeline.handwriting.doubt import Reading, Recognition, headline, text_of
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.methods.knn import KNNClassifier
from mnist_pipeline.methods.table import MODELS


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


@pytest.mark.parametrize(
    ("doubt", "shown"),
    [
        ({}, "4"),
        ({"is_certain": False, "probability": 0.7}, "probably 4"),
        ({"models_disagree": True}, "probably 4, the models disagree"),
        (
            {"is_certain": False, "probability": 0.4, "models_disagree": True},
            "unsure: 4 or 9",
        ),
        ({"looks_like_digit": False}, "does not look like a digit"),
    ],
)
def test_the_headline_names_the_doubt(
    doubt: dict[str, Any], shown: str, small_recognizer: Recognizer, small_test: DigitSet
) -> None:
    (answer,) = small_recognizer.recognize(small_test.images[:1])
    certain = {"probability": 0.99, "is_certain": True, "looks_like_digit": True}
    certain |= {"name": "4", "runner_up": "9", "models_disagree": False}
    doubted = replace(answer, **(certain | doubt))
    assert doubted.headline("digit") == shown
    assert doubted.is_doubtful == (shown != "4")


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


def test_what_does_not_look_like_a_digit_is_a_question_mark_in_the_text(
    small_recognizer: Recognizer, small_test: DigitSet
) -> None:
    (answer,) = small_recognizer.recognize(small_test.images[:1])

    def readings(names: str) -> list[Reading]:
        answers = [replace(answer, name=name, looks_like_digit=name != "-") for name in names]
        return [Reading((0, 0, 1, 1), small_test.images[0], each) for each in answers]

    assert text_of(readings("11-27")) == ["11?27"]
    assert headline(readings("11-27"), DataSet()).startswith("11?27 ")
    assert text_of(readings("--")) == ["??"]
    nothing = headline([], DataSet())
    assert headline(readings("--"), DataSet()).startswith(nothing)
    assert "2" in headline(readings("--"), DataSet()).removeprefix(nothing)
