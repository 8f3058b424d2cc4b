"""The figures of a classifier, compared with their definitions and with SciPy."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arguments import check_door

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


TRUE, PREDICTED = np.array([0, 1, 1, 2]), np.array([0, 2, 1, 2])
SHARES = np.array([[0.75, 0.25, 0], [0.25, 0.25, 0.5], [0, 1, 0], [0.125, 0.25, 0.625]])
SINGLE = {"a": scores.evaluate(TRUE, PREDICTED, SHARES)}


def labels_of(*columns: Any, num_classes: float = math.inf) -> list[list[int]]:
    """Labels as lists; an AssertionError for what is no label of each sample."""
    arrays = [np.asarray(column) for column in columns]
    for array in arrays:
        assert array.dtype.kind in "iu"
        assert array.shape == (len(arrays[0]),) != (0,)
        assert 0 <= array.min() <= array.max() < num_classes
    return [array.tolist() for array in arrays]


def shares_of(probabilities: Any) -> list[list[float]]:
    array = np.asarray(probabilities)
    assert array.dtype.kind in "biuf"
    assert array.ndim == 2
    assert 0 <= array.min() <= array.max() <= 1
    return array.astype(float).tolist()


def plain_accuracy(true_labels: Any, predicted_labels: Any) -> float:
    return np.mean([a == b for a, b in zip(*labels_of(true_labels, predicted_labels))])


def plain_interval(true_labels: Any, predicted_labels: Any) -> tuple[float, float]:
    correct = [a == b for a, b in zip(*labels_of(true_labels, predicted_labels))]
    return plain_wilson(sum(correct), len(correct))


def plain_counts(true_labels: Any, predicted_labels: Any, num_classes: Any) -> list[list[int]]:
    assert isinstance(num_classes, (int, np.integer, np.ndarray))
    assert np.shape(num_classes) == ()
    assert not isinstance(num_classes, bool)
    assert num_classes <= scores.MAX_CLASSES
    columns = labels_of(true_labels, predicted_labels, num_classes=num_classes)
    counts = Counter(zip(*columns))
    return [[counts[t, p] for p in range(num_classes)] for t in range(num_classes)]


def plain_losses(true_labels: Any, probabilities: Any) -> list[float]:
    shares = shares_of(probabilities)
    (labels,) = labels_of(true_labels, num_classes=len(shares[0]))
    return [-math.log(max(row[label], 1e-12)) for label, row in zip(labels, shares, strict=True)]


def plain_calibration(true_labels: Any, probabilities: Any) -> list[float]:
    """The calibration error, and the number of samples in each bin."""
    plain_losses(true_labels, probabilities)
    total, error, bins = 0, 0.0, defaultdict(list)
    for label, row in zip(np.asarray(true_labels).tolist(), shares_of(probabilities)):
        confidence = max(row)
        index = min(max(math.ceil(confidence * 15) - 1, 0), 14)
        bins[index].append((confidence, row.index(confidence) == label))
    for samples in bins.values():
        total += len(samples)
        error += abs(sum(right - confidence for confidence, right in samples))
    return [error / total, *(len(bins[index]) for index in range(15))]


def calibration(true_labels: Any, probabilities: Any) -> list[float]:
    found = scores.calibrate(true_labels, probabilities)
    return [found.expected_error, *found.counts]


def evaluation(true_labels: Any, predicted_labels: Any, probabilities: Any) -> list[float]:
    found = scores.evaluate(true_labels, predicted_labels, probabilities)
    return [found.accuracy, found.calibration.expected_error, *np.ravel(found.confusion_matrix)]


def plain_evaluation(true_labels: Any, predicted_labels: Any, probabilities: Any) -> list[float]:
    num_classes = np.shape(probabilities)[1]
    counts = plain_counts(true_labels, predicted_labels, num_classes)
    error = plain_calibration(true_labels, probabilities)[0]
    return [plain_accuracy(true_labels, predicted_labels), error, *np.ravel(counts)]


def errors(true_labels: Any, predicted_labels: Any, probabilities: Any) -> list[float]:
    found = scores.misclassified(true_labels, predicted_labels, probabilities)
    return list(np.ravel([column.tolist() for column in found.values()]))


def plain_errors(true_labels: Any, predicted_labels: Any, probabilities: Any) -> list[float]:
    plain_evaluation(true_labels, predicted_labels, probabilities)
    columns = map(np.asarray, (true_labels, predicted_labels, probabilities))
    rows = [
        (i, true, predicted, float(shares[predicted]), float(shares[true]))
        for i, (true, predicted, shares) in enumerate(zip(*columns))
        if true != predicted
    ]
    return list(np.ravel(list(zip(*sorted(rows, key=lambda row: -row[3])))))


def plain_most_frequent(labels: Any) -> float:
    (known,) = labels_of(labels)
    return max(Counter(known).values()) / len(known)


def count_of(number: Any) -> int:
    array = np.asarray(number)
    assert array.dtype.kind in "iu"
    assert array.shape == ()
    assert array >= 0
    return int(array)


def plain_wilson(successes: Any, total: Any) -> tuple[float, float]:
    number, array = count_of(total), np.asarray(successes)
    assert array.dtype.kind in "biuf"
    assert array.shape == ()
    assert 0 <= array <= number
    if number == 0:
        return 0, 1
    share, weight = float(array) / number, scores.Z**2 / number
    middle = (share + weight / 2) / (1 + weight)
    width = math.sqrt(weight * share * (1 - share) + weight**2 / 4) / (1 + weight)
    return middle - width, middle + width


def plain_mcnemar(only_first_correct: Any, only_second_correct: Any) -> float:
    counts = count_of(only_first_correct), count_of(only_second_correct)
    return scipy.stats.binomtest(counts[0], sum(counts)).pvalue if sum(counts) else 1


def plain_difference(only_first_correct: Any, only_second_correct: Any, total: Any) -> Any:
    first, second = count_of(only_first_correct), count_of(only_second_correct)
    cells = count_of(total) + 2
    assert first + second <= cells - 2
    difference, disagreement = (first - second) / cells, (first + second + 1) / cells
    width = scores.Z * math.sqrt((disagreement - difference**2) / cells)
    return max(-1, difference - width), min(1, difference + width)


def plain_intervals(shares: Any, totals: Any) -> Any:
    parts = np.asarray(shares)
    assert parts.dtype.kind in "biuf"
    assert parts.ndim == 1
    assert 0 <= parts.min() <= parts.max() <= 1
    pairs = zip(parts.astype(float), np.broadcast_to(totals, parts.shape), strict=True)
    assert np.shape(totals) in ((), parts.shape)
    return np.transpose([plain_wilson(share * count_of(total), total) for share, total in pairs])


def plain_only_one(first: Any, second: Any) -> tuple[int, int]:
    a, b = np.asarray(first), np.asarray(second)
    assert (a.dtype, b.dtype) == (bool, bool)
    assert a.shape == b.shape == (len(a),)
    pairs = Counter(zip(a.tolist(), b.tolist()))
    return pairs[True, False], pairs[False, True]


def plain_balanced(counts: Any) -> tuple[float, bool]:
    matrix = np.asarray(counts)
    assert matrix.dtype.kind in "iu"
    assert matrix.ndim == 2
    assert matrix.shape[0] == matrix.shape[1]
    assert matrix.min() >= 0
    assert matrix.sum(axis=1).min() > 0
    rows = [(row[k], sum(row)) for k, row in enumerate(matrix.tolist())]
    total = sum(of_class for _, of_class in rows)
    difference, variance = 0.0, 0.0
    for correct, of_class in rows:
        weight, share = 1 / len(rows) - of_class / total, (correct + 1) / (of_class + 2)
        difference += weight * correct / of_class
        variance += weight**2 * share * (1 - share) / of_class
    balanced = sum(correct / of_class for correct, of_class in rows) / len(rows)
    return balanced, abs(difference) > scores.Z * math.sqrt(variance)


def plain_most_confused(counts: Any) -> tuple[int, int, int]:
    matrix = np.asarray(counts)
    assert matrix.dtype.kind in "iu"
    assert matrix.ndim == 2
    assert matrix.shape[0] == matrix.shape[1]
    assert matrix.min() >= 0
    rows = matrix.tolist()
    pairs = [(i, j, rows[i][j] + rows[j][i]) for i, j in combinations(range(len(rows)), 2)]
    return max(pairs, key=lambda pair: pair[2])


LABELS = {"true_labels": TRUE, "predicted_labels": PREDICTED}
DOORS: dict[str, tuple[Callable[..., Any], Callable[..., Any], dict[str, Any]]] = {
    "accuracy": (scores.accuracy, plain_accuracy, LABELS),
    "accuracy_interval": (scores.accuracy_interval, plain_interval, LABELS),
    "confusion_matrix": (scores.confusion_matrix, plain_counts, {**LABELS, "num_classes": 3}),
    "evaluate": (evaluation, plain_evaluation, {**LABELS, "probabilities": SHARES}),
    "misclassified": (errors, plain_errors, {**LABELS, "probabilities": SHARES}),
    "calibrate": (calibration, plain_calibration, {"true_labels": TRUE, "probabilities": SHARES}),
    "log_losses": (
        scores.log_losses,
        plain_losses,
        {"true_labels": TRUE, "probabilities": SHARES},
    ),
    "most_frequent_share": (scores.most_frequent_share, plain_most_frequent, {"labels": TRUE}),
    "wilson_interval": (scores.wilson_interval, plain_wilson, {"successes": 7, "total": 9}),
    "intervals": (
        scores.intervals,
        plain_intervals,
        {"shares": np.array([0.25, 1]), "totals": np.array([4, 8])},
    ),
    "mcnemar_p_value": (
        scores.mcnemar_p_value,
        plain_mcnemar,
        {"only_first_correct": 3, "only_second_correct": 9},
    ),
    "difference_interval": (
        scores.difference_interval,
        plain_difference,
        {"only_first_correct": 3, "only_second_correct": 9, "total": 50},
    ),
    "only_one_correct": (
        scores.only_one_correct,
        plain_only_one,
        {"first": np.array([True, False, False]), "second": np.array([True, True, False])},
    ),
    "balanced_accuracy": (
        scores.balanced_accuracy,
        plain_balanced,
        {"counts": np.array([[8, 1, 0], [2, 5, 0], [0, 0, 3]])},
    ),
    "most_confused": (
        scores.most_confused,
        plain_most_confused,
        {"counts": np.array([[8, 1, 1], [0, 9, 2], [2, 0, 8]])},
    ),
}


@pytest.mark.parametrize("name", DOORS)
def test_arguments_of_any_form_are_answered_rightly_or_refused_by_name(name, other_process):
    function, plain, arguments = DOORS[name]
    check_door(other_process, function, arguments, plain)


@pytest.mark.parametrize("name", LABELS)
def test_a_label_that_equals_the_number_of_classes_is_refused_by_name(name):
    with pytest.raises(ValueError, match=name):
        scores.confusion_matrix(**{**LABELS, name: np.full(len(TRUE), 3)}, num_classes=3)


@pytest.mark.parametrize("num_correct", [-1, 5, math.nan, math.inf, "1", None])
def test_guessing_is_compared_with_a_possible_number_of_right_answers(num_correct):
    with pytest.raises((ValueError, TypeError), match="successes"):
        scores.compared_with_guessing(num_correct, TRUE)


@pytest.mark.parametrize(
    ("predictions", "evaluations"),
    [
        ({}, {}),
        ({"a": PREDICTED}, {}),
        ({"b": PREDICTED}, SINGLE),
        ({"a": PREDICTED}, {"a": replace(SINGLE["a"], total=3)}),
        ({"a": PREDICTED[:3]}, SINGLE),
        ({"a": PREDICTED.astype(float)}, SINGLE),
    ],
    ids=["nothing", "no evaluation", "another model", "other samples", "fewer", "floating"],
)
def test_models_are_compared_by_the_evaluations_of_their_predictions_only(predictions, evaluations):
    with pytest.raises(ValueError, match=r"evaluations|predicted_labels"):
        scores.compare(TRUE, predictions, evaluations)
    scores.compare(TRUE.tolist(), {"a": PREDICTED.tolist()}, SINGLE)


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


@pytest.mark.parametrize("total", [10**7, 10**9, 10**15])
def test_mcnemar_of_many_images_is_the_tail_of_the_normal_distribution(total):
    distance = round(math.sqrt(total))  # two standard deviations, and half an image on each side
    p_value = scores.mcnemar_p_value(total // 2 - distance, total // 2 + distance)
    corrected = (2 * distance - 1) / math.sqrt(total)
    assert p_value == pytest.approx(2 * scipy.stats.norm.sf(corrected), rel=1e-3)
    assert scores.mcnemar_p_value(total, total) == 1


@pytest.mark.parametrize("counts", [(5, 0, 5), (0, 5, 5), (0, 0, 0), (1, 0, 1)])
def test_the_interval_of_a_difference_has_only_possible_differences(counts):
    first, second, total = counts
    low, high = scores.difference_interval(*counts)
    assert -1 <= low <= (first - second) / max(total, 1) <= high <= 1


@pytest.mark.parametrize(("first", "second"), [(6, 5), (11, 0), (0, 11)])
def test_more_disagreements_than_images_are_refused(first, second):
    with pytest.raises(ValueError, match="only_"):
        scores.difference_interval(first, second, 10)


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


def test_errors_with_the_same_confidence_keep_their_order():
    true, confidence = np.zeros(200, int), np.tile([0.75, 0.875], 100)
    probabilities = np.column_stack([1 - confidence, confidence])
    found = scores.misclassified(true, true + 1, probabilities)
    assert found["index"].tolist() == [*range(1, 200, 2), *range(0, 200, 2)]


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


def test_two_samples_of_a_class_without_an_error_do_not_show_that_it_is_easier():
    # Without its smoothing, the deviation of a class that is always right would be 0.
    assert scores.balanced_accuracy([[2, 0], [50, 50]]) == (0.75, False)


def test_a_single_class_is_confused_with_no_other():
    with pytest.raises(ValueError, match="counts"):
        scores.most_confused([[5]])
