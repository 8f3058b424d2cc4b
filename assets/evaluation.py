"""How accurate each model is, which model is best, and how well they classify disturbed images."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from mnist_pipeline.data.values import DataSet, DigitSet, Predictions
from mnist_pipeline.evaluation import robustness as disturbed
from mnist_pipeline.evaluation import scores
from mnist_pipeline.methods.table import MODELS, Model, by_model
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.checks import blocking_checks, same_inputs
from mnist_pipeline.runtime.graph.configs import Config
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch
from mnist_pipeline.utils.printable import count, shortened

from .models import DIGITS, SAME_INPUTS, of_all_models

GROUP = "evaluation"
MAX_LETTERS = 20  # of a class name in a line


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"pandas"}, ins=of_all_models("model"))
def held_out_labels(train_digits: DigitSet, **by_asset: Any):
    """The labels and log losses of each model on the training images held out of its training.

    The champion is chosen on them. k-nearest neighbours does not count an image as its own
    neighbour. The temperature of a network is fitted on the same images.
    """
    images, labels = train_digits
    with stopwatch():
        _, held_out = train_digits.divided()
        true, columns = labels[held_out], {}
        for name, fitted in by_model(by_asset, "model").items():
            method = MODELS[name].method()
            answer = method.held_out_answer(fitted, images[held_out], held_out)
            columns[name] = answer.labels
            columns[f"{name}_loss"] = scores.log_losses(true, answer.probabilities)
    return result(
        pd.DataFrame({"index": held_out, "label": true, **columns}),
        f"{len(MODELS)} models on {len(true):,} images",
        numbers={name: scores.accuracy(true, columns[name]) for name in MODELS},
    )


def _evaluation_asset(model: Model) -> dg.AssetsDefinition:
    @dg.asset(
        io_manager_key=STORAGE,
        name=model.evaluation_asset,
        group_name=GROUP,
        kinds={"numpy"},
        description=f"How well {model.phrase} classifies the test images. Accuracy (correct ÷ "
        "total) with Wilson's 95% interval; precision, recall and F1 of each class; confusion "
        "matrix.",
        ins={"predictions": dg.AssetIn(model.predictions_asset)},
    )
    def evaluation(predictions: Predictions, test_digits: DigitSet, data_set: DataSet):
        true, names = test_digits.labels, data_set.class_names
        with stopwatch():
            evaluated = scores.evaluate(true, predictions.labels, predictions.probabilities)
        counts = np.array(evaluated.confusion_matrix)
        *pair, confused = scores.most_confused(counts)
        first, second = (shortened(names[label], MAX_LETTERS) for label in pair)
        most = f", {confused:,} of them between {first} and {second}" if confused else ""
        low, high = evaluated.interval
        measures = ("precision", "recall", "f1")
        by_class = {"class": names, **{name: getattr(evaluated, name) for name in measures}}
        return result(
            evaluated,
            f"{evaluated.accuracy:.2%}, {count(evaluated.errors, 'error')}{most}",
            numbers={
                "accuracy": evaluated.accuracy,
                "errors": evaluated.errors,
                "interval_low": low,
                "interval_high": high,
            },
            tables={"classes": pd.DataFrame(by_class)},
            figures={
                "confusion": figures.confusion_matrix(counts, f"{model.title}: confusion", names),
                "reliability": figures.reliability(evaluated.calibration, model.title),
            },
        )

    return evaluation


evaluation_assets = [_evaluation_asset(model) for model in MODELS.values()]


@dg.asset(
    io_manager_key=STORAGE,
    group_name=GROUP,
    kinds={"scipy"},
    ins=of_all_models("predictions", "evaluation"),
    check_specs=blocking_checks("model_comparison", SAME_INPUTS),
)
def model_comparison(test_digits: DigitSet, **by_asset: Any):
    """The models side by side, with the exact McNemar test for each pair, and the images that all
    miss.
    """
    predictions = by_model(by_asset, "predictions")
    evaluations = by_model(by_asset, "evaluation")
    with stopwatch():
        labels = {name: answer.labels for name, answer in predictions.items()}
        comparison = scores.compare(test_digits.labels, labels, evaluations)
    rows = [
        (name, score.accuracy, *score.interval, score.errors)
        for name, score in comparison.models.items()
    ]
    columns = ["model", "accuracy", "interval_low", "interval_high", "errors"]
    return result(
        comparison,
        f"highest accuracy {rows[0][1]:.2%}; all miss "
        + count(len(comparison.missed_by_all), "image"),
        tables={
            "models": pd.DataFrame(rows, columns=columns),
            "pairs": pd.DataFrame(comparison.pairs),
        },
        figures={"accuracies": figures.accuracies(comparison.models)},
        checks={"same_inputs": same_inputs(*DIGITS)},
    )


class RobustnessConfig(Config):
    """How many images are disturbed."""

    num_images: int = Field(
        100, ge=1, le=10_000, description="Number of test images to disturb, drawn at random."
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numba"}, ins=of_all_models("model"))
def robustness(test_digits: DigitSet, config: RobustnessConfig, **by_asset: Any):
    """Accuracy of each model on test images that are shifted, rotated, resized, thickened or
    blurred.
    """
    drawn = disturbed.sample(len(test_digits.labels), config.num_images)
    images, labels = test_digits.images[drawn], test_digits.labels[drawn]
    with stopwatch():
        measured = disturbed.measure(by_model(by_asset, "model"), images, labels)
    curves = disturbed.curves(measured)
    best = disturbed.best(curves)
    summary = disturbed.summary(curves, best)
    small, error = summary["small_mean"], summary["corruption_error"]
    means = measured.groupby("model", sort=False)["accuracy"].agg(["mean", "min"]).reset_index()
    return result(
        measured,
        f"{MODELS[best].short_title} {small:.1%} under small disturbances",
        numbers={"small_disturbances": small, "corruption_error": error},
        tables={"models": means},
        figures={"robustness": figures.robustness(curves, len(labels), best)},
        config=config,
    )
