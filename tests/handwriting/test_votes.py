"""The temperature of the champion's probabilities, which depends on how far the models disagree."""

import numpy as np
import pytest

from mnist_pipeline.data.values import Answer
from mnist_pipeline.handwriting import votes


def test_disagreement_is_the_share_of_the_other_models():
    labels = {"cnn": [4, 4], "mlp": [4, 9], "softmax": [4, 4], "knn": [9, 9]}
    answers = {name: Answer(np.array(own), np.empty(0)) for name, own in labels.items()}
    np.testing.assert_array_equal(votes.disagreement(answers, "cnn"), [0, 0.5])
    np.testing.assert_array_equal(votes.disagreement({"cnn": answers["cnn"]}, "cnn"), [0, 0])


def test_without_weights_probabilities_stay_and_with_weights_their_order_does():
    probabilities = np.random.default_rng(0).dirichlet(np.full(10, 0.2), 20)
    shares = np.linspace(0, 1, 20)
    same = votes.tempered(probabilities, shares, votes.NONE)
    np.testing.assert_allclose(same, probabilities, atol=1e-9)
    tempered = votes.tempered(probabilities, shares, np.array([0.5, 1.0]))
    np.testing.assert_array_equal(tempered.argmax(axis=1), probabilities.argmax(axis=1))
    np.testing.assert_allclose(tempered.sum(axis=1), 1)
    assert (tempered.max(axis=1) < probabilities.max(axis=1)).all()


def test_the_fit_states_the_probability_with_which_answers_are_right():
    rng = np.random.default_rng(1)
    disagree = rng.random(4_000) < 0.3
    right = rng.random(4_000) < np.where(disagree, 0.6, 0.99)
    probabilities = np.full((4_000, 2), [0.95, 0.05])
    weights = votes.fit(probabilities, disagree.astype(float), np.where(right, 0, 1))
    found = votes.tempered(probabilities, disagree.astype(float), weights)[:, 0]
    assert found[disagree].mean() == pytest.approx(0.6, abs=0.03)
    assert found[~disagree].mean() == pytest.approx(0.99, abs=0.01)


def test_three_right_answers_raise_their_probabilities_a_little():
    probabilities = np.full((3, 2), [0.9, 0.1])
    weights = votes.fit(probabilities, np.zeros(3), np.zeros(3, int))
    found = votes.tempered(probabilities, np.zeros(3), weights)[:, 0]
    np.testing.assert_allclose(found, 0.96, atol=0.01)


def test_a_vote_weighs_more_if_its_model_errs_less_and_never_everything():
    right, true = np.zeros(98), np.zeros(98)
    assert votes.weight(true, right) == pytest.approx(np.log(100))
    assert votes.weight(true, np.arange(98) < 49) == pytest.approx(np.log(2))


def test_the_largest_claim_holds_for_new_answers_of_the_same_kind():
    generator, holds = np.random.default_rng(0), []
    for num_answers in (8, 40, 400):
        for _ in range(100):
            probabilities = generator.choice([0.5, 0.8, 0.99], num_answers)
            is_correct = generator.random(num_answers) < 0.8 * probabilities  # too sure
            claim = votes.largest_claim(probabilities, is_correct)
            holds.append(claim <= 0.8 * 0.99)
    assert np.mean(holds) > 0.9
