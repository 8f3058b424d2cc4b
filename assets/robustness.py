"""How well the models read disturbed digits."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from mnist_pipeline import evaluation, models
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.checks import Measured, at_most, checks
from mnist_pipeline.runtime.graph.resources import DataSetResource
from mnist_pipeline.runtime.graph.results import result, stopwatch

from .evaluation import GROUP, held_to_floor, inputs

CHECKS = {
    "robustness": {
        "undisturbed_as_evaluated": "Without a disturbance, the accuracy of a model must be that of its predictions. "
        "Largest difference.",
        "small_disturbances": "Every hand moves and turns digits a little, and the network must still read them. "
        "Lowest accuracy of the convolutional network under small disturbances.",
    },
}
# Five seeds reached 98.5% and more on MNIST.
MNIST_FLOOR = 0.95


class RobustnessConfig(dg.Config):
    """How many digits are disturbed."""

    num_images: int = Field(200, ge=1, le=10_000, description="Number of test images to disturb, drawn at random.")


@dg.asset(
    group_name=GROUP,
    kinds={"numba"},
    ins=inputs("model_asset", "predictions_asset"),
    check_specs=checks("robustness", CHECKS),
)
def robustness(test_digits: DigitSet, data_set: DataSetResource, config: RobustnessConfig, **of_models: Any):
    """Accuracy of each model on test images that are shifted, rotated, resized, distorted or badly photographed."""
    from mnist_pipeline import robustness

    drawn = robustness.sample(len(test_digits.labels), config.num_images)
    digits = DigitSet(*(array[drawn] for array in test_digits))
    predictions = {name: of_models[model.predictions_asset] for name, model in MODELS.items()}
    evaluated = {name: evaluation.accuracy(digits.labels, made.labels[drawn]) for name, made in predictions.items()}
    with stopwatch():
        readers = {
            name: models.label_reader(model, of_models[model.model_asset], predictions[name])
            for name, model in MODELS.items()
        }
        measured = robustness.measure(readers, digits.images, digits.labels)
    found, curves = pd.DataFrame(measured), robustness.curves(measured)
    small = found[[robustness.is_small(*row) for row in zip(found["disturbance"], found["amount"], strict=True)]]
    summary = found.groupby("model", sort=False)["accuracy"].agg(["mean", "min"])
    mean_error = float(np.mean(list(robustness.corruption_errors(measured, "cnn").values())))
    least = float(small.loc[small["model"] == "cnn", "accuracy"].min())
    return result(
        found,
        f"CNN at least {least:.1%} under small disturbances of {len(digits.labels)} images, "
        f"mean error {mean_error:.1%} under MNIST-C",
        numbers={"images": len(digits.labels), "small_disturbances": least, "corruption_error": mean_error},
        tables={"models": summary.reset_index()},
        figures={
            "robustness": figures.robustness(curves, len(digits.labels)),
            "corruptions": figures.corruptions(curves, len(digits.labels)),
        },
        config=config,
        checks={
            "undisturbed_as_evaluated": at_most(robustness.largest_difference(measured, evaluated), 0),
            "small_disturbances": above_floor(least, digits, data_set),
        },
    )


def above_floor(accuracy: float, digits: DigitSet, data_set: DataSetResource) -> Measured:
    """Compare the lowest accuracy with its floor."""
    total = len(digits.labels)
    low, _ = evaluation.wilson_interval(round(accuracy * total), total)
    return held_to_floor(accuracy, low, MNIST_FLOOR, np.bincount(digits.labels).max() / total, data_set)
