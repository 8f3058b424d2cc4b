"""How accurate each model is, and which model is best."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline import evaluation, models
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.held_out import split
from mnist_pipeline.evaluation import Evaluation
from mnist_pipeline.models import MODELS, Model
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.checks import Measured, at_least, checks, exactly
from mnist_pipeline.runtime.graph.resources import DataSetResource
from mnist_pipeline.runtime.graph.results import result, stopwatch

GROUP = "evaluation"
EVALUATED = {
    "counts_add_up": "Every test image is in exactly one cell of the confusion matrix. Number of images counted.",
    "accuracy_above_floor": "A model below its floor is broken or badly trained, and is not promoted. Accuracy.",
}
CHECKS = {
    **{model.evaluation_asset: EVALUATED for model in MODELS.values()},
    "model_comparison": {"no_model_below_floor": "Every model must be above its floor. Number of models below."},
    "held_out_labels": {
        "better_than_guessing": "A model that reads held-out images no better than by naming the most frequent class "
        "is broken. Least accuracy."
    },
}


def inputs(*attributes: str) -> dict[str, dg.AssetIn]:
    """The inputs of an asset over all models: for each model, the assets that these attributes of its entry name."""
    return {getattr(model, name): dg.AssetIn() for model in MODELS.values() for name in attributes}


def above_floor(model: str, found: Evaluation, data_set: DataSetResource) -> Measured:
    """Compare a model's accuracy with its floor."""
    frequent = max(sum(row) for row in found.confusion_matrix) / found.total
    return held_to_floor(found.accuracy, found.interval[0], MODELS[model].mnist_floor, frequent, data_set)


def held_to_floor(accuracy: float, low: float, known: float, frequent: float, data_set: DataSetResource) -> Measured:
    """Compare an accuracy with a floor.

    On MNIST, the floor is `known`. On any other data set, the lower end `low` of the accuracy's interval must exceed
    `frequent`, the accuracy of always answering the most frequent class.
    """
    return at_least(accuracy, known) if data_set.canonical else at_least(low, frequent)


@dg.asset(
    group_name=GROUP,
    kinds={"pandas"},
    ins=inputs("model_asset", "predictions_asset"),
    check_specs=checks("held_out_labels", CHECKS),
)
def held_out_labels(train_digits: DigitSet, **of_models: Any):
    """The labels that each model gives to the training digits held out of its training; they decide on the champion.

    k-nearest neighbours does not count an image as its own neighbour. A model that was trained on all digits is absent.
    """
    with stopwatch():
        _, held_out = split(len(train_digits.images))
        true = train_digits.labels[held_out]
        found = {
            name: models.held_out_labels(
                model, of_models[model.model_asset], of_models[model.predictions_asset], train_digits.images, held_out
            )
            for name, model in MODELS.items()
        }
        labels = {name: each for name, each in found.items() if each is not None}
        accuracies = {name: evaluation.accuracy(true, each) for name, each in labels.items()}
    return result(
        pd.DataFrame({"index": held_out, "label": true, **labels}),
        f"{len(labels)} models on {len(true):,} digits",
        numbers=accuracies,
        checks={"better_than_guessing": at_least(min(accuracies.values()), np.bincount(true).max() / len(true))},
    )


def _evaluation_asset(model: Model) -> dg.AssetsDefinition:
    name, title = model.name, model.title

    @dg.asset(
        name=model.evaluation_asset,
        group_name=GROUP,
        kinds={"scipy"},
        description=f"{title} on the whole test set: accuracy (correct ÷ total) with Wilson's 95% interval; "
        "precision, recall and F1 of each class; confusion matrix.",
        ins={"predictions": dg.AssetIn(model.predictions_asset)},
        check_specs=checks(model.evaluation_asset, CHECKS),
    )
    def evaluated(predictions: Any, test_digits: DigitSet, data_set: DataSetResource):
        names = data_set.class_names
        with stopwatch():
            probabilities = getattr(predictions, "probabilities", None)
            found = evaluation.evaluate(test_digits.labels, predictions.labels, len(names), probabilities)
        counts = np.array(found.confusion_matrix)
        by_class = {"class": names, "precision": found.precision, "recall": found.recall, "f1": found.f1}
        return result(
            found,
            f"{found.accuracy:.2%}, {found.errors} errors",
            numbers={
                "accuracy": found.accuracy,
                "errors": found.errors,
                "interval_low": found.interval[0],
                "interval_high": found.interval[1],
            },
            tables={"classes": pd.DataFrame(by_class)},
            figures={
                "confusion": figures.confusion_matrix(counts, f"{title}: confusion", names),
                **({"reliability": figures.reliability(found.calibration, title)} if found.calibration else {}),
            },
            checks={
                "counts_add_up": exactly(counts.sum(), len(test_digits.labels)),
                "accuracy_above_floor": above_floor(name, found, data_set),
            },
        )

    return evaluated


evaluation_assets = [_evaluation_asset(model) for model in MODELS.values()]


@dg.asset(
    group_name=GROUP,
    kinds={"scipy"},
    ins=inputs("evaluation_asset", "predictions_asset"),
    check_specs=checks("model_comparison", CHECKS),
)
def model_comparison(test_digits: DigitSet, data_set: DataSetResource, **of_models: Any):
    """The models side by side, the exact McNemar test for each pair, and the test digits that all models miss."""
    evaluations = {name: of_models[model.evaluation_asset] for name, model in MODELS.items()}
    labels = {name: of_models[model.predictions_asset].labels for name, model in MODELS.items()}
    with stopwatch():
        comparison = evaluation.compare(test_digits.labels, labels, evaluations)
    best = next(iter(comparison.models))
    below = sum(not above_floor(name, found, data_set).passed for name, found in evaluations.items())
    scores = [(name, each.accuracy, *each.interval, each.errors) for name, each in comparison.models.items()]
    titled = {MODELS[name].title: (each.accuracy, *each.interval) for name, each in comparison.models.items()}
    return result(
        comparison,
        f"best is {best}; {len(comparison.missed_by_all)} digits missed by all",
        numbers={"best": best, "missed_by_all": len(comparison.missed_by_all)},
        tables={
            "models": pd.DataFrame(scores, columns=["model", "accuracy", "interval_low", "interval_high", "errors"]),
            "pairs": pd.DataFrame(comparison.pairs),
        },
        figures={"accuracies": figures.accuracies(titled)},
        checks={"no_model_below_floor": exactly(below, 0)},
    )
