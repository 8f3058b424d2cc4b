"""Recognition of digits, on a slice of the real ones: answers, neighbours, and how unusual a digit
is.
"""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mnist_pipeline.data.values import Answer, DataSet
from mnist_pipeline.handwriting import recognizer as recognition
from mnist_pipeline.handwriting.novelty import DOUBTED, POINT, UNCERTAIN, Novelty
from mnist_pipeline.methods.knn.method import FittedKNN
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


def test_an_image_between_the_percentiles_looks_like_a_digit_if_its_stated_probability_is_high(
    small_recognizer, small_test, monkeypatch
):
    between = (DOUBTED + POINT) / 2
    monkeypatch.setattr(Novelty, "percentile", lambda _, images: np.full(len(images), between))
    served = small_recognizer._replace(calibration=(-1.0, 0.0))
    answers = served.recognize(small_test.images[:50])
    looks = [answer.looks_like_digit for answer in answers]
    assert looks == [answer.probability >= UNCERTAIN for answer in answers]
    own = [answer.probabilities["knn"].max() >= UNCERTAIN for answer in answers]
    assert looks != own


def test_the_largest_claim_is_measured_on_the_probabilities_that_are_stated(monkeypatch):
    """Where the other model disagrees, the champion is surer than elsewhere, and often wrong."""
    disagree, labels = np.arange(400) % 2 == 1, np.zeros(400, np.uint8)
    predicted = {
        "cnn": np.where(disagree & (np.arange(400) % 4 == 1), 1, 0),
        "mlp": np.where(disagree, 2, 0),
        "knn": labels,
    }
    surest = np.where(disagree, 0.99, 0.95)[:, np.newaxis]
    for name in ("cnn", "mlp"):
        shares = np.where(np.eye(3)[predicted[name]] > 0, surest, (1 - surest) / 2)

        def answer(fitted, images, sample, name=name, shares=shares):
            return Answer(predicted[name][sample], shares[sample])

        method = SimpleNamespace(held_out_answer=answer)
        own = replace(MODELS[name], method=lambda method=method: method)
        monkeypatch.setitem(recognition.MODELS, name, own)
    images = FittedKNN(np.zeros((400, 784), np.uint8), labels, None, 3, smoothing=0.1)
    found = recognition.assemble(
        "cnn",
        {"knn": images, "mlp": None, "cnn": None},
        DataSet(whole_pictures=True),
        mean=np.zeros(784),
        eigenvectors=np.eye(784),
        novelty=None,
        held_out=np.arange(400),
        predicted=predicted,
        tested=(1, 0),
    )
    assert found.largest_claim > 0.95
