"""The quality of classifiers, with the uncertainty of a finite test set, and comparisons.

Labels are integers (n_samples,) from 0, of at least one sample. Each public function refuses other
labels, numbers that are not finite, and impossible counts with a ValueError that names the
argument.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from mnist_pipeline.utils.arguments import checked, checked_labels
from mnist_pipeline.utils.stored_types import stored_type

Z = 1.959963984540054  # 97.5% quantile of the normal distribution, for intervals of 95%
SIGNIFICANCE = 0.05  # a difference with a smaller p value is more than chance
NUM_BINS = 15
LOWEST = 1e-12  # the smallest probability in losses, which are finite for this reason
MAX_CLASSES = 4_096  # a confusion matrix of more takes over 128 MiB
MAX_COUNT = 2**38  # in a confusion matrix; the sum of so many classes fits into 64 bits


@dataclass(frozen=True)
class Calibration:
    """Whether a model that is 80% sure is right in 80% of cases, in bins of confidence (0, 1].

    The confidence is the probability of the predicted class. All bins have the same width.
    """

    counts: list[int]  # samples per bin
    confidence: list[float]  # mean over each bin, 0 where it is empty
    accuracy: list[float]  # likewise
    expected_error: float  # mean of |accuracy − confidence| over the bins, weighted by their counts

    @property
    def error_by_chance(self) -> float:
        """About the `expected_error` of a perfectly calibrated model with this confidence.

        The number of correct samples of a bin is nearly normal, so its mean distance from the
        expected number is √(2/π) σ.
        """
        counts, confidence = np.array(self.counts), np.array(self.confidence)
        variance = counts * confidence * (1 - confidence)
        return float(np.sqrt(2 / np.pi * variance).sum() / counts.sum())


@stored_type
@dataclass(frozen=True)
class Evaluation:
    """The measurements of one model over the whole test set."""

    total: int
    errors: int
    accuracy: float
    interval: list[float]  # 95% Wilson score interval of the accuracy
    precision: list[float]  # of each class, 0 where it is never predicted
    recall: list[float]  # of each class, 0 where it never occurs
    f1: list[float]  # of each class
    confusion_matrix: list[list[int]]  # rows are true classes, columns are predicted classes
    calibration: Calibration


@dataclass(frozen=True)
class Score:
    """The accuracy, errors and 95% interval of a model in a ranking."""

    accuracy: float
    errors: int
    interval: list[float]


@dataclass(frozen=True)
class PairComparison:
    """The exact McNemar test of two models, on images that only one of them reads correctly."""

    first: str
    second: str
    only_first_correct: int
    only_second_correct: int
    p_value: float


@stored_type
@dataclass(frozen=True)
class Comparison:
    """The comparison of all models."""

    models: dict[str, Score]  # the best first
    pairs: list[PairComparison]
    missed_by_all: list[int]  # indices of the test images that every model misclassifies


def evaluate(
    true_labels: ArrayLike, predicted_labels: ArrayLike, probabilities: ArrayLike
) -> Evaluation:
    """Accuracy with its interval, scores per class, confusion matrix, and calibration.

    Labels are integers (n_samples,) in 0 … n_classes − 1, and probabilities have the shape
    (n_samples, n_classes).

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    >>> evaluation = evaluate(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), probabilities)
    >>> evaluation.accuracy, evaluation.errors, evaluation.confusion_matrix
    (0.75, 1, [[1, 0], [1, 2]])
    """
    true, shares = _checked_probabilities(true_labels, probabilities)
    matrix = confusion_matrix(true, predicted_labels, shares.shape[1])
    total, correct = int(matrix.sum()), int(np.trace(matrix))
    precision = _ratio(np.diag(matrix), matrix.sum(axis=0))
    recall = _ratio(np.diag(matrix), matrix.sum(axis=1))
    return Evaluation(
        total=total,
        errors=total - correct,
        accuracy=correct / total,
        interval=list(wilson_interval(correct, total)),
        precision=precision.tolist(),
        recall=recall.tolist(),
        f1=_ratio(2 * precision * recall, precision + recall).tolist(),
        confusion_matrix=matrix.tolist(),
        calibration=calibrate(true, shares),
    )


def calibrate(true_labels: ArrayLike, probabilities: ArrayLike) -> Calibration:
    """Confidence against accuracy, in 15 bins of equal width, of probabilities (n_samples,
    n_classes).

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML
    2017.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.9, 0.1]])  # 90% sure, right once in two
    >>> calibration = calibrate(np.array([0, 1]), probabilities)
    >>> round(calibration.expected_error, 3)
    0.4
    """
    true, shares = _checked_probabilities(true_labels, probabilities)
    confidence = shares.max(axis=1).astype(np.float64)
    correct = shares.argmax(axis=1) == true
    # Bins include their upper end, (j/n, (j + 1)/n], so that c = 1 falls into the last.
    bins = np.clip(np.ceil(confidence * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
    counts = np.bincount(bins, minlength=NUM_BINS)
    mean_confidence = _ratio(np.bincount(bins, confidence, NUM_BINS), counts)
    mean_accuracy = _ratio(np.bincount(bins, correct, NUM_BINS), counts)
    gap = np.abs(mean_accuracy - mean_confidence)
    return Calibration(
        counts=counts.tolist(),
        confidence=mean_confidence.tolist(),
        accuracy=mean_accuracy.tolist(),
        expected_error=float(counts @ gap / counts.sum()),
    )


def most_frequent_share(labels: ArrayLike) -> float:
    """Accuracy of always answering the most frequent class.

    Examples
    --------
    >>> most_frequent_share(np.array([0, 1, 1, 1]))
    0.75
    """
    known = checked("labels", labels, 0, shape=(None,), kinds="iu")
    _, counts = np.unique(known, return_counts=True)
    return int(counts.max()) / len(known)


def accuracy(true_labels: ArrayLike, predicted_labels: ArrayLike) -> float:
    """Correct ÷ total.

    Examples
    --------
    >>> accuracy(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]))
    0.75
    """
    true, predicted = _checked_pair(true_labels, predicted_labels)
    return float(np.mean(true == predicted))


def log_losses(true_labels: ArrayLike, probabilities: ArrayLike) -> np.ndarray:
    """−log of the probability of each true label, in nats, float64 (n_samples,).

    Probabilities have the shape (n_samples, n_classes).

    Examples
    --------
    >>> log_losses(np.array([0, 1]), np.array([[0.25, 0.75], [0.5, 0.5]])).round(3)
    array([1.386, 0.693])
    """
    true, shares = _checked_probabilities(true_labels, probabilities)
    likelihoods = shares[np.arange(len(true)), true].astype(np.float64)
    return np.asarray(-np.log(np.maximum(likelihoods, LOWEST)))


def balanced_accuracy(counts: ArrayLike) -> tuple[float, bool]:
    """The mean over the classes of the share that is correct, from a confusion matrix, and whether
    it differs from the accuracy by more than chance.

    The accuracy gives a class the weight of its share of the samples. Each class needs a sample. A
    count is at most 2³⁸.

    Examples
    --------
    >>> share, differs = balanced_accuracy(np.array([[90, 0], [9, 1]]))
    >>> round(share, 2), differs
    (0.55, True)
    """
    matrix = _checked_matrix(counts)
    totals, correct = matrix.sum(axis=1), np.diag(matrix)
    checked("the number of samples of a class in counts", totals, 1)
    balanced = float(np.mean(correct / totals))
    weights = 1 / len(matrix) - totals / totals.sum()
    probable = (correct + 1) / (totals + 2)  # neither 0 nor 1, whose deviation is 0
    deviation = math.sqrt((weights**2 * probable * (1 - probable) / totals).sum())
    return balanced, bool(abs(balanced - correct.sum() / totals.sum()) > Z * deviation)


def accuracy_interval(true_labels: ArrayLike, predicted_labels: ArrayLike) -> tuple[float, float]:
    """95% Wilson score interval of the accuracy."""
    true, predicted = _checked_pair(true_labels, predicted_labels)
    return wilson_interval(int(np.count_nonzero(true == predicted)), len(true))


def compared_with_guessing(num_correct: int, true_labels: ArrayLike) -> tuple[float, float]:
    """The lower end of an accuracy's 95% interval, and the share of the most frequent class.

    A model that is correct for `num_correct` of the labelled samples is surely better than guessing
    if the first number is larger than the second.

    Examples
    --------
    >>> low, guessing = compared_with_guessing(4, np.array([0, 1, 1, 1]))
    >>> round(low, 2), guessing  # all four are correct, and still it may be guessing
    (0.51, 0.75)
    """
    true = checked("true_labels", true_labels, 0, shape=(None,), kinds="iu")
    low, _ = wilson_interval(num_correct, len(true))
    return low, most_frequent_share(true)


def confusion_matrix(
    true_labels: ArrayLike, predicted_labels: ArrayLike, num_classes: int = 10
) -> np.ndarray:
    """Counts of (true class, predicted class), shape (num_classes, num_classes), int64.

    Labels are below `num_classes`, which is from 1 to 4,096.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), num_classes=2)
    array([[1, 0],
           [1, 2]])
    """
    checked("num_classes", num_classes, 1, MAX_CLASSES, (), "iu")
    true, predicted = _checked_pair(true_labels, predicted_labels, num_classes)
    cells = true.astype(np.int64) * num_classes + predicted.astype(np.int64)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def most_confused(counts: ArrayLike) -> tuple[int, int, int]:
    """The two classes that are taken for each other most often, from a confusion matrix, and how
    often; the first such pair. A count is at most 2³⁸.

    Examples
    --------
    >>> most_confused(np.array([[8, 1, 1], [0, 9, 1], [2, 0, 8]]))
    (0, 2, 3)
    """
    matrix = _checked_matrix(counts)
    if len(matrix) < 2:
        raise ValueError("counts has a single class; expected at least 2")
    pairs = np.triu_indices(len(matrix), 1)
    confusions = (matrix + matrix.T)[pairs]
    most = confusions.argmax()
    return int(pairs[0][most]), int(pairs[1][most]), int(confusions[most])


def wilson_interval(successes: float, total: int) -> tuple[float, float]:
    """95% score interval of a proportion, for 0 to `total` successes.

    Unlike p ± z σ it stays within [0, 1] and keeps its coverage near the ends. Without samples it
    is all of [0, 1].

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22(158), 1927.

    Examples
    --------
    >>> low, high = wilson_interval(9_939, 10_000)
    >>> f"{low:.2%} – {high:.2%}"
    '99.22% – 99.52%'
    """
    checked("total", total, 0, shape=(), kinds="iu")
    checked("successes", successes, 0, total, shape=())
    return _wilson_interval(successes, total)


def _wilson_interval(successes: float, total: int) -> tuple[float, float]:
    if not total:
        return 0.0, 1.0
    share = successes / total
    scale = 1 + Z**2 / total
    middle = (share + Z**2 / (2 * total)) / scale
    half_width = Z * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2)) / scale
    return max(0.0, middle - half_width), min(1.0, middle + half_width)


def intervals(shares: ArrayLike, totals: ArrayLike) -> np.ndarray:
    """The lower and the upper ends (2, n) of the 95% intervals of shares (n,) from 0 to 1 of some
    totals, one number or (n,).
    """
    parts = checked("shares", shares, 0, 1, (None,))
    counts = checked("totals", totals, 0, kinds="iu")
    if counts.shape not in ((), parts.shape):
        raise ValueError(f"totals has shape {counts.shape}; expected () or {parts.shape}")
    pairs = zip(parts.tolist(), np.broadcast_to(counts, parts.shape).tolist())
    ends = [_wilson_interval(share * total, total) for share, total in pairs]
    return np.array(ends).reshape(-1, 2).T


def only_one_correct(first: ArrayLike, second: ArrayLike) -> tuple[int, int]:
    """How many samples only the first of two models classifies correctly, and only the second.

    The arguments are True for each sample that the model classifies correctly, bool (n_samples,).
    """
    firsts = checked("first", first, shape=(None,), kinds="b")
    seconds = checked("second", second, shape=firsts.shape, kinds="b")
    return int(np.count_nonzero(firsts & ~seconds)), int(np.count_nonzero(seconds & ~firsts))


def mcnemar_p_value(only_first_correct: int, only_second_correct: int) -> float:
    """Two-sided exact McNemar test.

    The null hypothesis: where exactly one of two models classifies an image correctly, both are
    equally likely to be that model.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12(2), 1947.

    Examples
    --------
    >>> mcnemar_p_value(1, 9)  # 2 · (1 + 10) / 2¹⁰
    0.021484375
    """
    # Imported here, because it is slow to import, and stored results are read without it.
    from scipy.special import betainc

    checked("only_first_correct", only_first_correct, 0, shape=(), kinds="iu")
    checked("only_second_correct", only_second_correct, 0, shape=(), kinds="iu")
    smaller, larger = sorted([int(only_first_correct), int(only_second_correct)])
    if smaller == larger:
        return 1.0  # the two tails overlap in the middle; without samples, I½ is undefined
    # P(K ≤ k) of a binomial with p = 1/2 is I½(n − k, k + 1), a regularized incomplete beta
    # function. SciPy's distribution function of the binomial errs for large n. Both tails are
    # twice the smaller.
    return min(1.0, 2 * float(betainc(larger, smaller + 1, 0.5)))


def difference_interval(
    only_first_correct: int, only_second_correct: int, total: int
) -> tuple[float, float]:
    """95% interval of the difference of two accuracies on the same images, first minus second.

    Half an image more in each of the four cells, correct for both, one or none, keeps its coverage
    with few disagreements, also with none. It is cut to [−1, 1].

    References
    ----------
    A. Agresti, Y. Min, "Simple improved confidence intervals for comparing matched proportions",
    Statistics in Medicine 24(5), 2005.

    Examples
    --------
    >>> low, high = difference_interval(12, 2, 50)
    >>> round(low, 3), round(high, 3)
    (0.056, 0.329)
    """
    checked("total", total, 0, shape=(), kinds="iu")
    checked("only_first_correct", only_first_correct, 0, total, (), "iu")
    checked("only_second_correct", only_second_correct, 0, total - only_first_correct, (), "iu")
    difference = (only_first_correct - only_second_correct) / (total + 2)
    disagreement = (only_first_correct + only_second_correct + 1) / (total + 2)
    half_width = Z * math.sqrt((disagreement - difference**2) / (total + 2))
    return max(-1.0, difference - half_width), min(1.0, difference + half_width)


def compare(
    true_labels: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    evaluations: Mapping[str, Evaluation],
) -> Comparison:
    """Rank models by their labels (n,), test pairs, and find images that all models misclassify.

    Each evaluated model has predictions, from which its evaluation was computed.

    Examples
    --------
    >>> true = np.array([0, 1, 1, 1])
    >>> labels = {"a": np.array([0, 0, 1, 0]), "b": np.array([0, 1, 1, 0])}
    >>> one_hot = np.eye(2)
    >>> evaluations = {name: evaluate(true, labels[name], one_hot[labels[name]]) for name in labels}
    >>> comparison = compare(true, labels, evaluations)
    >>> list(comparison.models), comparison.missed_by_all, comparison.pairs[0].only_first_correct
    (['b', 'a'], [3], 1)
    """
    ranked = dict(sorted(evaluations.items(), key=lambda item: item[1].errors))
    if not ranked or ranked.keys() - predictions.keys():
        raise ValueError(
            f"evaluations has the models {', '.join(ranked) or 'none'}; expected some of those of "
            f"predictions: {', '.join(predictions) or 'none'}"
        )
    correct = {}
    for model, evaluation in ranked.items():
        true, predicted = _checked_pair(true_labels, predictions[model])
        correct[model] = predicted == true
        if evaluation.total != len(true):
            raise ValueError(
                f"evaluations[{model!r}] has {evaluation.total} samples; expected {len(true)}"
            )
    pairs = []
    for first, second in combinations(ranked, 2):
        counts = only_one_correct(correct[first], correct[second])
        pairs.append(PairComparison(first, second, *counts, mcnemar_p_value(*counts)))
    models = {
        model: Score(evaluation.accuracy, evaluation.errors, evaluation.interval)
        for model, evaluation in ranked.items()
    }
    missed = ~np.logical_or.reduce(list(correct.values()))
    return Comparison(models, pairs, np.flatnonzero(missed).tolist())


def misclassified(
    true_labels: ArrayLike, predicted_labels: ArrayLike, probabilities: ArrayLike
) -> dict[str, np.ndarray]:
    """The wrong predictions, the most confident first, as columns of equal length; samples with the
    same confidence keep their order.

    Probabilities have the shape (n_samples, n_classes). The columns are the `index` of the sample,
    its labels, the `probability` of the predicted label and the `true_probability` of the true
    label.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> errors = misclassified(np.array([1, 1, 1]), probabilities.argmax(axis=1), probabilities)
    >>> errors["index"], errors["probability"]
    (array([0, 1]), array([0.9, 0.6]))
    """
    true, shares = _checked_probabilities(true_labels, probabilities)
    true, predicted = _checked_pair(true, predicted_labels, shares.shape[1])
    wrong = np.flatnonzero(true != predicted)
    confidence = shares[wrong, predicted[wrong]]
    wrong = wrong[np.argsort(-confidence, kind="stable")]
    return {
        "index": wrong,
        "true_label": true[wrong],
        "predicted_label": predicted[wrong],
        "probability": shares[wrong, predicted[wrong]],
        "true_probability": shares[wrong, true[wrong]],
    }


def _checked_pair(
    true_labels: ArrayLike, predicted_labels: ArrayLike, num_classes: float = math.inf
) -> tuple[np.ndarray, np.ndarray]:
    """The true and the predicted label of each sample, integers (n_samples,)."""
    true = checked("true_labels", true_labels, 0, num_classes - 1, (None,), "iu")
    return true, checked_labels("predicted_labels", predicted_labels, len(true), num_classes)


def _checked_matrix(counts: ArrayLike) -> np.ndarray:
    """A confusion matrix (n_classes, n_classes) in int64, or a ValueError."""
    matrix = checked("counts", counts, 0, MAX_COUNT, (None, None), "iu").astype(np.int64)
    if len(matrix) != matrix.shape[1]:
        raise ValueError(f"counts has shape {matrix.shape}; expected (n_classes, n_classes)")
    return matrix


def _checked_probabilities(
    true_labels: ArrayLike, probabilities: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """The labels (n_samples,), and a probability for each class of each sample."""
    most = 1.000001  # with room for rounding
    shares = checked("probabilities", probabilities, 0, most, (None, None))
    floats = shares if shares.dtype.kind == "f" else shares.astype(np.float64)
    return checked_labels("true_labels", true_labels, *shares.shape), floats


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator ÷ denominator, and 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator != 0)
