"""Recognition of digits, on a slice of the real ones: answers, neighbours, and how unusual a digit
is.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from support.recognizing import answered

from mnist_pipeline.data.values import DataSet
from mnist_pipeline.handwriting.finder.search import Found, Page
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.methods.table import MODELS

IMAGE = np.zeros((28, 28), np.uint8)
TEXTURE = np.random.default_rng(0).integers(180, 220, (60, 60), np.uint8)  # of light paper
DOUBTED, STRANGE = answered(probability=0.9), answered(looks_like_digit=False)


def test_each_model_answers_with_its_most_probable_digit_and_the_champion_counts(
    small_recognizer, small_test
):
    for model in MODELS:
        served = small_recognizer._replace(champion=model)
        for answer in served.recognize(small_test.images[:20]):
            for name, shares in answer.probabilities.items():
                assert shares[answer.digits[name]] == shares.max()
                assert name == model or math.isclose(shares.sum(), 1)
            own = answer.probabilities[model]
            assert (answer.champion, answer.digit) == (model, answer.digits[model])
            assert answer.claim == min(answer.probability, served.largest_claim)
            assert own[int(answer.runner_up)] == np.delete(own, answer.digit).max()


def test_a_training_image_is_its_own_nearest_neighbour(small_recognizer, small_train):
    (answer,) = small_recognizer.recognize(small_train.images[7:8])
    nearest, second, _ = answer.neighbors
    assert (nearest.index, nearest.digit, nearest.distance) == (7, small_train.labels[7], 0)
    difference = small_train.images[second.index].astype(float) - small_train.images[7]
    assert second.distance == pytest.approx(np.linalg.norm(difference))


def test_the_models_disagree_if_their_votes_outweigh_the_champions(small_recognizer, small_test):
    # The networks are not trained, so most of their answers differ from those of k-NN.
    for weight in (1, 3):
        weights = {name: float(weight if name == "knn" else 1) for name in MODELS}
        for answer in small_recognizer._replace(weights=weights).recognize(small_test.images[:50]):
            dissent = sum(label != answer.digit for label in answer.digits.values())
            assert answer.models_disagree == (dissent > weight)


def test_a_picture_needs_less_certainty_than_a_handwritten_digit(small_recognizer):
    by_hand = small_recognizer._replace(champion="cnn", largest_claim=1.0)
    photos = by_hand.of(DataSet(whole_pictures=True))
    assert (by_hand.rules()["probable"], photos.rules()["probable"]) == (0.98, 0.9)


def test_no_more_is_claimed_than_held_out_answers_show_and_of_few_nothing_without_doubt(
    small_recognizer, small_test
):
    for largest in (0.95, 0.7):
        served = small_recognizer._replace(calibration=(-1.5, 0.0), largest_claim=largest)
        answers = served.recognize(small_test.images[:50])
        assert max(answer.claim for answer in answers) == largest
        assert {answer.probability > largest for answer in answers} == {True, False}
        assert any(answer.is_certain for answer in answers) == (largest > 0.9)


def test_a_sign_does_not_look_like_a_digit(small_recognizer, monkeypatch):
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
    champion, picture, first, again, is_whole, small_recognizer, monkeypatch
):
    answers = iter([first, [answered(probability=again)]])
    monkeypatch.setattr(Recognizer, "recognize", lambda *_: next(answers))
    served = small_recognizer._replace(champion=champion)
    digits = [Found((20, 15, 20 - place, 30), IMAGE) for place in range(len(first))]
    (readings,) = served.read_pages([Page(picture, digits)])
    largest = readings[0]
    assert (largest.box == (0, 0, 60, 60)) == is_whole
    assert largest.recognition.probability == (again if is_whole else first[0].probability)
    assert len(readings) == (1 if is_whole else len(first))
    assert np.median(largest.image) < 128  # light ink on dark paper, as in MNIST
