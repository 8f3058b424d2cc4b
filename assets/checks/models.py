"""Checks of the models: they beat guessing, withstand disturbances, and serve as evaluated."""

import numpy as np
import pandas as pd

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.evaluation import robustness
from mnist_pipeline.evaluation.champion import Champion
from mnist_pipeline.evaluation.scores import (
    Comparison,
    Evaluation,
    accuracy,
    accuracy_interval,
    compared_with_guessing,
    most_frequent_share,
)
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.methods.table import MODELS, assets_of_models
from mnist_pipeline.runtime.graph.checks import check_of
from mnist_pipeline.utils.measured import Measured, at_least, warning

NUM_CHECKED = 200  # test images that the recognizer answers


@check_of("held_out_labels", name="better_than_guessing")
def held_out_better_than_guessing(value: pd.DataFrame) -> Measured:
    """A model that surely does worse on held-out images than naming the most frequent class is
    broken. Least upper end of a 95% interval of an accuracy.
    """
    true = value["label"].to_numpy()
    highest = min(accuracy_interval(true, value[name].to_numpy())[1] for name in MODELS)
    return at_least(highest, most_frequent_share(true))


@check_of(*assets_of_models("evaluation"))
def better_than_guessing(value: Evaluation, test_digits: DigitSet) -> Measured:
    """A model that may only name the most frequent class is broken, or the test images are too few
    to tell. Lower end of the 95% interval of the accuracy.
    """
    num_correct = value.total - value.errors
    return warning(
        at_least(
            *compared_with_guessing(num_correct, test_digits.labels),
            f"{num_correct:,} of {value.total:,} test images are classified correctly, which may "
            "be guessing",
        )
    )


@check_of("robustness")
def small_disturbances(value: pd.DataFrame) -> Measured:
    """Things are seldom exactly centred and upright, and a model must still recognize them. Mean
    accuracy of the model that does best; at least 90% of its accuracy without.
    """
    curves = robustness.curves(value)
    best = robustness.summary(curves, robustness.best(curves))
    return at_least(best["small_mean"], 0.9 * best["undisturbed"])


@check_of("champion", name="better_than_guessing")
def champion_better_than_guessing(value: Champion, held_out_labels: pd.DataFrame) -> Measured:
    """With few held-out images, nobody can tell whether a model is better than naming the most
    frequent class. Lower end of the 95% interval of the champion's accuracy.
    """
    true = held_out_labels["label"].to_numpy()
    return warning(
        at_least(
            *compared_with_guessing(value.num_held_out - value.held_out_errors, true),
            f"with {len(true):,} held-out images, nobody can tell whether a model is better than "
            "guessing",
        )
    )


@check_of("champion")
def test_as_held_out(held_out_labels: pd.DataFrame, model_comparison: Comparison) -> Measured:
    """If a model does worse on the test images than on the held-out images, the two sets differ, or
    it was trained on held-out images. Least overlap of the 95% intervals of the two accuracies.
    """
    true_held_out = held_out_labels["label"].to_numpy()
    overlap = min(
        score.interval[1] - accuracy_interval(true_held_out, held_out_labels[name].to_numpy())[0]
        for name, score in model_comparison.models.items()
    )
    return warning(at_least(overlap, 0))


@check_of("recognizer")
def agrees_with_predictions(
    value: Recognizer, champion: Champion, test_images: np.ndarray
) -> Measured:
    """The model in service must be the one that was evaluated. Share of test images with the same
    answer.
    """
    answers = value.recognize(test_images[:NUM_CHECKED])
    agreement = np.mean([answer.digit == label for answer, label in zip(answers, champion.labels)])
    return at_least(agreement, 0.995)


@check_of("experiment_trials", name="better_than_guessing")
def trial_better_than_guessing(value: dict[str, np.ndarray], train_digits: DigitSet) -> Measured:
    """A model that learned something beats naming the most frequent class. Accuracy on the held-out
    images.
    """
    true = train_digits.labels[train_digits.divided()[1]]
    return at_least(accuracy(true, value["held_out"]), most_frequent_share(true))
