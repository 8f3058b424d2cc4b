"""The figures of a classifier, compared with their definitions and with SciPy."""

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_pipeline.evaluation import scores

NUM_CLASSES = 20  # so many that the product of two labels exceeds a byte
LABEL_PAIRS = st.lists(
    st.tuples(st.integers(0, NUM_CLASSES - 1), st.integers(0, NUM_CLASSES - 1)),
    min_size=1,
    max_size=80,
)


def evaluated(true: np.ndarray, predicted: np.ndarray) -> scores.Evaluation:
    """The evaluation of a model that is certain of its answers."""
    return scores.evaluate(true, predicted, np.eye(NUM_CLASSES)[predicted])


@given(LABEL_PAIRS)
@settings(deadline=None, max_examples=100)
def test_counts_and_figures_per_class_are_those_of_their_definitions(pairs):
    true, predicted = (np.array(column, np.uint8) for column in zip(*pairs))
    found, counts, classes = evaluated(true, predicted), Counter(pairs), range(NUM_CLASSES)
    assert found.confusion_matrix == [[counts[t, p] for p in classes] for t in classes]
    correct = sum(t == p for t, p in pairs)
    assert (found.total, found.errors) == (len(pairs), len(pairs) - correct)
    assert found.accuracy == scores.accuracy(true, predicted) == correct / len(pairs)
    assert tuple(found.interval) == scores.wilson_interval(correct, len(pairs))
    for k in classes:
        hits = sum(t == p == k for t, p in pairs)
        occurring, claimed = sum(t == k for t, _ in pairs), sum(p == k for _, p in pairs)
        precision = hits / claimed if claimed else 0.0
        recall = hits / occurring if occurring else 0.0
        assert found.precision[k] == pytest.approx(precision)
        assert found.recall[k] == pytest.approx(recall)
        assert found.f1[k] == pytest.approx(
            2 * hits / (occurring + claimed) if occurring + claimed else 0.0
        )


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [
        ([0, -1], np.eye(2)),
        ([0, 2], np.eye(2)),
        ([0, 1.9], np.eye(2)),
        ([0], np.eye(2)),
        ([[0], [1]], np.eye(2)),
        ([0, 1], np.eye(2) * np.nan),
        ([0, 1], np.eye(2) * 1.1),
    ],
)
def test_labels_without_a_probability_are_refused(labels, probabilities):
    wrong = np.array(labels)
    for refuse in (
        lambda: scores.log_losses(wrong, probabilities),
        lambda: scores.evaluate(wrong, np.array([0, 1]), probabilities),
        lambda: scores.evaluate(np.array([0, 1]), wrong, probabilities),
    ):
        with pytest.raises(ValueError, match=r"labels|probabilities"):
            refuse()


@pytest.mark.parametrize("total", [1, 100, 10_000])
@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_the_interval_is_that_of_wilson(total, share):
    successes = round(share * total)
    expected = scipy.stats.binomtest(successes, total).proportion_ci(method="wilson")
    found = scores.wilson_interval(successes, total)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= found[0] <= found[1] <= 1


@pytest.mark.parametrize(("first", "second"), [(3, 9), (10, 10), (120, 80), (0, 0)])
def test_mcnemar_is_the_binomial_sum_of_a_fair_coin(first, second):
    discordant = first + second
    tail = sum(math.comb(discordant, k) for k in range(min(first, second) + 1)) / 2**discordant
    p_value = scores.mcnemar_p_value(first, second)
    assert p_value == pytest.approx(min(1.0, 2 * tail))
    assert p_value == scores.mcnemar_p_value(second, first)


@pytest.mark.parametrize("shares", [(0.02, 0.01), (0.3, 0.1)])
def test_the_interval_of_a_difference_contains_it_in_95_of_100_samples(shares):
    first, second = shares
    cells = np.random.default_rng(0).multinomial(500, [first, second, 1 - first - second], 2_000)
    ends = [scores.difference_interval(b, c, 500) for b, c, _ in cells.tolist()]
    covered = np.mean([low <= first - second <= high for low, high in ends])
    assert 0.93 < covered < 0.97
    low, high = scores.difference_interval(0, 0, 500)
    assert -0.01 < low < 0 < high < 0.01


def test_models_are_ranked_best_first_and_every_pair_is_tested_once(test):
    true, generator, predictions = test.labels, np.random.default_rng(0), {}
    for model, share in {"fair": 0.3, "best": 0.01, "worst": 0.6, "good": 0.1}.items():
        is_wrong = generator.random(len(true)) < share
        predictions[model] = (true + is_wrong).astype(np.uint8)
    evaluations = {model: evaluated(true, labels) for model, labels in predictions.items()}
    comparison = scores.compare(true, predictions, evaluations)
    assert list(comparison.models) == ["best", "good", "fair", "worst"]
    assert [(pair.first, pair.second) for pair in comparison.pairs] == list(
        combinations(comparison.models, 2)
    )
    for pair in comparison.pairs:
        first, second = (predictions[model] == true for model in (pair.first, pair.second))
        assert pair.only_first_correct == np.count_nonzero(first & ~second)
        assert pair.only_second_correct == np.count_nonzero(second & ~first)
        assert pair.p_value == scores.mcnemar_p_value(
            pair.only_first_correct, pair.only_second_correct
        )
    missed = np.all([labels != true for labels in predictions.values()], axis=0)
    assert comparison.missed_by_all == np.flatnonzero(missed).tolist() != []


def test_misclassified_are_all_errors_and_only_these_most_confident_first(test):
    true, generator = test.labels, np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(NUM_CLASSES), len(true))
    predicted = probabilities.argmax(axis=1).astype(np.uint8)
    measured = scores.evaluate(true, predicted, probabilities)
    assert measured.calibration == scores.calibrate(true, probabilities)
    found = scores.misclassified(true, predicted, probabilities)
    assert sorted(found["index"].tolist()) == np.flatnonzero(true != predicted).tolist()
    assert (np.diff(found["probability"]) <= 0).all()
    assert (found["probability"] >= found["true_probability"]).all()


def test_a_confidence_at_the_end_of_a_bin_belongs_to_it_and_one_just_above_to_the_next():
    confidence = np.array([0.6 - 1e-12, 0.6, 0.6 + 1e-12, 1.0])
    found = scores.calibrate(np.zeros(4, int), np.column_stack([confidence, 1 - confidence]))
    assert found.counts == [0] * 8 + [2, 1] + [0] * 4 + [1]


def test_bins_hold_every_sample_once_and_their_weighted_means_are_those_of_all(test):
    true = test.labels
    probabilities = np.random.default_rng(0).dirichlet(np.full(NUM_CLASSES, 0.3), len(true))
    found = scores.calibrate(true, probabilities)
    counts, total = np.array(found.counts), len(true)
    assert counts.sum() == total
    assert counts @ found.confidence / total == pytest.approx(probabilities.max(axis=1).mean())
    assert counts @ found.accuracy / total == pytest.approx(
        (probabilities.argmax(axis=1) == true).mean()
    )
    gaps = np.abs(np.array(found.accuracy) - found.confidence)
    assert found.expected_error == pytest.approx(counts @ gaps / total)


@pytest.mark.parametrize("num_samples", [40, 2_000])
def test_a_calibrated_model_has_the_calibration_error_of_chance(num_samples):
    generator = np.random.default_rng(0)
    errors, by_chance = [], []
    for _ in range(200):
        confidence = generator.uniform(0.5, 1, num_samples)
        labels = (generator.random(num_samples) > confidence).astype(int)
        found = scores.calibrate(labels, np.stack([confidence, 1 - confidence], axis=1))
        errors.append(found.expected_error)
        by_chance.append(found.error_by_chance)
    assert np.mean(by_chance) == pytest.approx(np.mean(errors), rel=0.1)


@pytest.mark.parametrize(
    ("shares", "least", "most"), [((0.4,) * 3, 0, 0.1), ((0.6, 0.1, 0.3), 0.7, 1)]
)
def test_balanced_accuracy_differs_if_classes_of_other_sizes_are_harder(shares, least, most):
    rng, totals, differs = np.random.default_rng(0), np.array([115, 18, 40]), []
    for _ in range(400):
        correct = rng.binomial(totals, shares)
        counts = np.diag(correct)
        counts[np.arange(3), [1, 2, 0]] = totals - correct
        balanced, is_different = scores.balanced_accuracy(counts)
        assert balanced == pytest.approx(np.mean(correct / totals))
        differs.append(is_different)
    assert least <= np.mean(differs) <= most
