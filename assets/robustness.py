"""How well the models read disturbed digits."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from mnist_pipeline import evaluation, models
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.models import MODELS
from mnist_pipeline.records import Neighbors, Predictions
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

    num_images: int = Field(400, ge=1, le=10_000, description="Number of test images to disturb, from the first on.")


@dg.asset(
    group_name=GROUP,
    kinds={"numba"},
    ins=inputs("model_asset", "predictions_asset"),
    check_specs=checks("robustness", CHECKS),
)
def robustness(test_digits: DigitSet, data_set: DataSetResource, config: RobustnessConfig, **of_models: Any):
    """Accuracy of each model on test images that are shifted, rotated, resized, distorted or badly photographed."""
    from mnist_pipeline import robustness

    digits = DigitSet(*(array[: config.num_images] for array in test_digits))
    predictions = {name: of_models[model.predictions_asset] for name, model in MODELS.items()}
    with stopwatch():
        readers = {
            name: models.label_reader(model, of_models[model.model_asset], predictions[name])
            for name, model in MODELS.items()
        }
        measured = robustness.measure(readers, digits.images, digits.labels)
    found = pd.DataFrame(measured)
    small = found[[robustness.is_small(*row) for row in zip(found["disturbance"], found["amount"], strict=True)]]
    summary = found.groupby("model", sort=False)["accuracy"].agg(["mean", "min"])
    least = float(small.loc[small["model"] == "cnn", "accuracy"].min())
    return result(
        found,
        f"CNN at least {least:.1%} under small disturbances of {len(digits.labels)} images",
        numbers={"images": len(digits.labels), "small_disturbances": least},
        tables={"models": summary.reset_index()},
        figures={"robustness": figures.robustness(list(robustness.curves(measured).values()))},
        config=config,
        checks={
            "undisturbed_as_evaluated": at_most(_largest_difference(found, predictions, digits), 0),
            "small_disturbances": above_floor(least, digits, data_set),
        },
    )


def _largest_difference(
    found: pd.DataFrame, predictions: Mapping[str, Neighbors | Predictions], digits: DigitSet
) -> float:
    """Largest difference between an accuracy without disturbance and that of the stored predictions."""
    from mnist_pipeline.robustness import DISTURBANCES

    neutral = found["amount"] == found["disturbance"].map({name: each.neutral for name, each in DISTURBANCES.items()})
    expected = {
        model: evaluation.accuracy(digits.labels, made.labels[: len(digits.labels)])
        for model, made in predictions.items()
    }
    return float((found["accuracy"] - found["model"].map(expected))[neutral].abs().max())


def above_floor(accuracy: float, digits: DigitSet, data_set: DataSetResource) -> Measured:
    """Compare the lowest accuracy with its floor."""
    total = len(digits.labels)
    low, _ = evaluation.wilson_interval(round(accuracy * total), total)
    return held_to_floor(accuracy, low, MNIST_FLOOR, np.bincount(digits.labels).max() / total, data_set)
