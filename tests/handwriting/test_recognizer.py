"""Recognition of digits, on a slice of the real ones: answers, neighbours, and how unusual a digit
is.
"""

import math

import numpy as np
import pytest

from mnist_pipeline.data.values import DataSet
from mnist_pipeline.methods.table import MODELS


def test_each_model_answers_with_its_most_probable_digit_and_the_champion_counts(
    small_recognizer, small_test
):
    for model in small_recognizer.models:
        served = small_recognizer._replace(champion=model)
        for answer in served.recognize(small_test.images[:20]):
            for name, shares in answer.probabilities.items():
                assert shares[answer.digits[name]] == shares.max()
                assert math.isclose(shares.sum(), 1)
            own = answer.probabilities[model]
            labels = [neighbor.digit for neighbor in answer.neighbors]
            assert answer.votes == (labels.count(answer.digits["knn"]), len(labels))
            assert (answer.champion, answer.digit) == (model, answer.digits[model])
            assert answer.claim == min(answer.probability, served.largest_claim)
            assert own[int(answer.runner_up)] == np.delete(own, answer.digit).max()


def test_a_training_image_is_its_own_nearest_neighbour(small_recognizer, small_train):
    (answer,) = small_recognizer.recognize(small_train.images[7:8])
    nearest, second, _ = answer.neighbors
    assert (nearest.index, nearest.digit, nearest.distance) == (7, small_train.labels[7], 0)
    difference = small_train.images[second.index].astype(float) - small_train.images[7]
    assert second.distance == pytest.approx(np.linalg.norm(difference))


def test_only_what_looks_like_a_digit_is_credible(small_recognizer, small_train):
    noise = np.random.default_rng(0).integers(0, 256, (1, 28, 28), np.uint8)
    digit, other = small_recognizer.credibility(np.concatenate([small_train.images[7:8], noise]))
    assert digit > 0.5
    assert other == 0
    assert small_recognizer.recognize(noise)[0].probability > 0


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
