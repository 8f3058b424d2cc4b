"""What each model answers to the test images."""

from typing import Any

import dagster as dg
import numpy as np

from mnist_pipeline.data.records import DigitSet, Predictions
from mnist_pipeline.models import MODELS, Model
from mnist_pipeline.runtime.graph.checks import at_most, checks
from mnist_pipeline.runtime.graph.results import ROW_COUNT, STORAGE, result, stopwatch

PREDICTED = {
    "probabilities_sum_to_one": "The probabilities of an image sum to 1. Largest difference from 1."
}
CHECKS = {model.predictions_asset: PREDICTED for model in MODELS.values()}


def predictions_asset(model: Model) -> dg.AssetsDefinition:
    """The asset `NAME_predictions`: the answers of the fitted model to the test images."""

    @dg.asset(
        name=model.predictions_asset,
        io_manager_key=STORAGE,
        group_name=model.group,
        kinds={"numpy"},
        description=f"The label and the class probabilities of each test image by {model.phrase}.",
        ins={"fitted": dg.AssetIn(model.model_asset)},
        check_specs=checks(model.predictions_asset, CHECKS),
    )
    def predictions(fitted: dict[str, Any], test_digits: DigitSet):
        with stopwatch() as watch:
            answer = model.method().answer(fitted, test_digits.images)
        labels, probabilities, nearest = answer
        sums = probabilities.sum(axis=1)
        return result(
            Predictions(
                labels.astype(np.uint8),
                probabilities.astype(np.float32),
                nearest._asdict() if nearest else {},
            ),
            f"{len(labels) / watch.seconds:,.0f} images per second",
            numbers={
                ROW_COUNT: len(labels),
                "mean_confidence": float(probabilities.max(axis=1).mean()),
            },
            checks={"probabilities_sum_to_one": at_most(np.abs(sums - 1).max(), 1e-5)},
        )

    return predictions


predictions_assets = [predictions_asset(model) for model in MODELS.values()]
