"""Which model serves users: the convolutional network, or a model that is surely better on held-out
images, with the fewest errors and then the lowest log loss.

The champion in service takes part with the results that it was chosen for, so a worse retraining
does not replace it. No model answers a held-out image that it was trained on, and the test images
are not among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.evaluation.scores import (
    SIGNIFICANCE,
    accuracy,
    mcnemar_p_value,
    only_one_correct,
)
from mnist_pipeline.utils.stored_types import format_version, stored_type

if TYPE_CHECKING:
    import pandas as pd

PREFERRED = "cnn"  # on real pictures it is nearly always the best, see docs/decisions.md


@format_version(4)
@stored_type
@dataclass(frozen=True)
class Champion:
    """A version of a model: its results on the held-out images, which choose, and on the test
    images, which only report.
    """

    model: str
    model_version: str  # the version of its predictions
    held_out_errors: int
    held_out_loss: float  # mean log loss
    num_held_out: int
    accuracy: float
    errors: int
    labels: list[int]
    # SHA-256 of the held-out and the test images with their labels: only results on the same images
    # are compared.
    images: str


def elect(
    held_out: pd.DataFrame,
    train_digits: DigitSet,
    test: Mapping[str, np.ndarray],
    test_digits: DigitSet,
    versions: Mapping[str, str],
    present: Champion | None,
) -> tuple[Champion, str]:
    """Choose the champion among the models and the champion in service, `present`; also return the
    reason in one sentence.

    A champion that was chosen on other images is not comparable and does not take part. So no
    champion that takes part has trained on a present test image, unless the image occurs twice.
    In a complete tie, the champion in service stays; otherwise the first model wins. Without the
    model `PREFERRED`, all models take part.

    Parameters
    ----------
    held_out : DataFrame
        The column `index` has the indices of the training images that were held out, `label` their
        true labels, `NAME` the labels that a model predicts, and `NAME_loss` its log losses.
    train_digits : DigitSet
    test : dict of ndarrays of shape (n_test,)
        The labels that each model predicts for the test images.
    test_digits : DigitSet
    versions : dict of str
        The version of each model.
    """
    true_held_out, true_test = held_out["label"].to_numpy(), test_digits.labels
    held_out_digits = DigitSet(*(array[held_out["index"].to_numpy()] for array in train_digits))
    # Sorted, because added images change the order of the held-out images.
    contents = [*sorted(held_out_digits.contents), *test_digits.contents]
    images = hashlib.sha256(b"".join(contents)).hexdigest()
    contestants = [
        Champion(
            model=name,
            model_version=versions[name],
            held_out_errors=int(np.count_nonzero(held_out[name] != true_held_out)),
            held_out_loss=float(held_out[f"{name}_loss"].mean()),
            num_held_out=len(true_held_out),
            accuracy=accuracy(true_test, labels),
            errors=int(np.count_nonzero(labels != true_test)),
            labels=labels.tolist(),
            images=images,
        )
        for name, labels in test.items()
    ]
    if present and present.images == images:
        contestants = [present, *contestants]
    is_right = {name: held_out[name].to_numpy() == true_held_out for name in test}
    preferred = is_right.get(PREFERRED)
    eligible = [
        contestant
        for contestant in contestants
        if contestant.model == PREFERRED
        or (contestant.model in is_right and _is_better(is_right[contestant.model], preferred))
    ]
    champion = min(
        eligible, key=lambda contestant: (contestant.held_out_errors, contestant.held_out_loss)
    )
    return champion, _reason(champion, contestants)


def _is_better(is_right: np.ndarray, preferred: np.ndarray | None) -> bool:
    """Whether a model has more right answers than the preferred model, and not by chance."""
    if preferred is None:
        return True
    more, fewer = only_one_correct(is_right, preferred)
    return more > fewer and mcnemar_p_value(more, fewer) < SIGNIFICANCE


def _reason(champion: Champion, contestants: Sequence[Champion]) -> str:
    """Why the champion was chosen, with the errors of the best other model if it has no more."""
    errors = f"{champion.held_out_errors} of {champion.num_held_out:,}"
    reason = f"{champion.model} has the fewest errors, {errors}"
    others = [contestant for contestant in contestants if contestant.model != champion.model]
    best = min(others, key=lambda other: other.held_out_errors, default=champion)
    if others and best.held_out_errors <= champion.held_out_errors:
        reason = (
            f"no model is surely better than {champion.model}, which misclassifies {errors}; "
            f"{best.model} misclassifies {best.held_out_errors}"
        )
    for contestant in contestants:
        if contestant.model == champion.model and contestant != champion:
            reason += (
                f"; another training of the {champion.model}, with {contestant.held_out_errors}, "
                "does not replace it"
            )
    return reason
