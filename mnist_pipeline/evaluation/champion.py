"""Which model serves users: the model with the fewest errors, if it is not worse than the best
champion so far.

Models are compared on images that none of them was trained on, and the test images are not among
them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import gt
from typing import NamedTuple

import numpy as np

from mnist_pipeline.evaluation.scores import Z, accuracy, compared_with_guessing
from mnist_pipeline.utils.stored_types import format_version, stored_type

# The least margin at which an equally good challenger usually passes: two networks disagree on
# about 0.6% of 5,000 held-out digits, so the interval of their difference extends 0.2 percentage
# points to either side.
MARGIN = 0.0025
BISECTIONS = 60  # halvings of an interval of length 2, down to the precision of float64


@dataclass(frozen=True)
class Choice:
    """A model that was chosen on held-out images, and the best model that was chosen on them so
    far.
    """

    model: str
    errors: int
    labels: list[int]  # the model's labels of the held-out images
    best_model: str
    best_labels: list[int]
    held_out: str  # SHA-256 of the true labels; only choices on the same images are compared


@format_version(2)
@stored_type
@dataclass(frozen=True)
class Champion:
    """The model in service: its result on the test images, and how it was chosen on other
    images.
    """

    model: str
    accuracy: float
    errors: int
    labels: list[int]  # of the test images
    test_set: str  # SHA-256 of the true labels of the test images
    choice: Choice
    model_version: str = ""  # the version of its predictions


class Election(NamedTuple):
    """The champion, None if there is none, the reason in one sentence, and the models that it was
    chosen among.
    """

    champion: Champion | None
    reason: str
    candidates: list[str]


def elect(
    held_out: Mapping[str, np.ndarray],
    losses: Mapping[str, float],
    true_held_out: np.ndarray,
    test: Mapping[str, np.ndarray],
    true_test: np.ndarray,
    present: Champion | None,
    margin: float = MARGIN,
    can_answer: Callable[[], bool] = lambda: True,
) -> Election:
    """Choose the champion by the labels of held-out images.

    `held_out` and `test` have the labels that each model predicts, and `losses` its log loss on the
    held-out images. A model that may only guess is not a candidate. The test images only report.
    The champion of the result is `present` itself if it stays. It can't stay if it was evaluated on
    other test images, or if there are candidates and no stored recognizer answers as it does
    (`can_answer`).
    """
    surely_better = [
        name
        for name, labels in held_out.items()
        if gt(*compared_with_guessing(true_held_out, labels))
    ]
    candidates = {name: held_out[name] for name in surely_better}
    test_set = checksum(true_test)
    known = present if present is not None and present.test_set == test_set else None
    choice, reason = choose(
        true_held_out, candidates, losses, known.choice if known else None, margin
    )
    if known and choice is known.choice and candidates and not can_answer():
        choice, reason = choose(true_held_out, candidates, losses, None, margin)
    if choice is None:
        champion = None
    elif known and choice is known.choice:
        champion = known
    else:
        labels = np.asarray(test[choice.model])
        errors = int(np.count_nonzero(labels != true_test))
        champion = Champion(
            choice.model, accuracy(true_test, labels), errors, labels.tolist(), test_set, choice
        )
    return Election(champion, reason, list(candidates))


def choose(
    true_labels: np.ndarray,
    candidates: Mapping[str, np.ndarray],
    losses: Mapping[str, float],
    present: Choice | None,
    margin: float = MARGIN,
) -> tuple[Choice | None, str]:
    """The choice among the candidates and the present champion, None if there are neither, and the
    reason in words.

    `candidates` has the labels (n,) that each model predicts for the held-out images, `losses` its
    mean log loss on them. A present champion that was chosen on other images is replaced by any
    candidate.

    The challenger is the candidate with the fewest errors, of several the one with the lowest log
    loss, and of these the first: the table of models begins with the simplest method. Another model
    than the present champion is a challenger only if it has fewer errors, so the present model
    stays on a tie.

    The challenger becomes champion if it has at most as many errors as the best champion so far, or
    if the interval of the difference of their accuracies, 0 to 1, lies above −margin (the
    challenger is not inferior). The comparison with the best, not with the last, keeps small losses
    from adding up.
    """
    held_out, total = checksum(true_labels), len(true_labels)
    known = present if present is not None and present.held_out == held_out else None
    if not candidates:
        return (
            known,
            "no model passes its checks; "
            f"{'the present champion stays' if known else 'there is no champion'}",
        )
    wrong = {
        model: int(np.count_nonzero(labels != true_labels)) for model, labels in candidates.items()
    }
    rivals = [
        model
        for model in wrong
        if known is None or model == known.model or wrong[model] < known.errors
    ]
    if known is not None and not rivals:
        return (
            known,
            f"the present {known.model} stays, no other model has fewer than its {known.errors} "
            "errors",
        )
    name = min(rivals, key=lambda model: (wrong[model], losses[model]))
    labels, correct = candidates[name].tolist(), candidates[name] == true_labels
    challenger = Choice(name, wrong[name], labels, name, labels, held_out)
    fewest = _with_fewest_errors(name, wrong, losses, total)
    if known is None or known.best_labels == labels:
        return challenger, fewest
    of_best = np.array(known.best_labels) == true_labels
    better, worse = (
        int(np.count_nonzero(correct & ~of_best)),
        int(np.count_nonzero(~correct & of_best)),
    )
    best = f"the best champion so far, {known.best_model}, has {wrong[name] + better - worse}"
    if better > worse:
        return challenger, f"{fewest}; {best}"
    low, high = difference_interval(better, worse, total)
    interval = f"difference of accuracy {low:+.2%} to {high:+.2%}"
    shown = f"{wrong[name]} errors of {total:,}, {best}; {interval}"
    if better == worse or low > -margin:
        accepted = replace(challenger, best_model=known.best_model, best_labels=known.best_labels)
        return accepted, f"{name} is not inferior to the best: {shown}, margin {margin:.2%}"
    verdict = (
        "is worse"
        if high < 0
        else "could be worse by more than the margin, and these images are too few to decide"
    )
    return known, f"the present {known.model} stays, {name} {verdict}: {shown}, margin {margin:.2%}"


def _with_fewest_errors(
    name: str, wrong: Mapping[str, int], losses: Mapping[str, float], total: int
) -> str:
    """That a model has the fewest errors, and why it was chosen if others have as few."""
    fewest = f"the fewest errors of all models, {wrong[name]} of {total:,}"
    tied = {model: losses[model] for model in wrong if wrong[model] == wrong[name]}
    if len(tied) == 1:
        return f"{name} has {fewest}"
    is_lowest = losses[name] == min(tied.values())
    why = (
        "no other of them has a lower log loss" if is_lowest else "the present model stays on a tie"
    )
    shown = ", ".join(f"{model} {loss:.2g}" for model, loss in tied.items())
    return f"{' and '.join(tied)} have {fewest}; {name} was chosen, because {why}: {shown}"


def checksum(labels: np.ndarray) -> str:
    """The SHA-256 of integer labels."""
    return hashlib.sha256(np.asarray(labels, np.int64).tobytes()).hexdigest()


def difference_interval(
    only_first_correct: int, only_second_correct: int, total: int
) -> tuple[float, float]:
    """95% score interval of the difference of two accuracies on the same images, first minus
    second.

    Unlike an interval of the form d ± z σ, it keeps its coverage with few disagreements, also with
    none.

    References
    ----------
    T. Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17(8), 1998.
    """
    low = _lower_end(only_first_correct, only_second_correct, total)
    return low, -_lower_end(only_second_correct, only_first_correct, total)


def _lower_end(b: int, c: int, n: int) -> float:
    """The smallest difference δ whose score, (b − c − nδ) / σ(δ), is at most Z; the score falls
    with δ.
    """
    low, high = -1.0, (b - c) / n
    for _ in range(BISECTIONS):
        delta = (low + high) / 2
        if b - c - n * delta > Z * _deviation(b, c, n, delta):
            low = delta
        else:
            high = delta
    return high


def _deviation(b: int, c: int, n: int, delta: float) -> float:
    """Standard deviation of b − c if the true difference is δ, with the other probability at its
    most likely value.
    """
    linear = (2 * n - b + c) * delta - b - c
    constant = -c * delta * (1 - delta)
    only_second = (math.sqrt(max(linear**2 - 8 * n * constant, 0)) - linear) / (4 * n)
    return math.sqrt(max(n * (2 * only_second + delta * (1 - delta)), 0))
