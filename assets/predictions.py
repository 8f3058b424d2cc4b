"""The answers of each model to the test images."""

from typing import Any

import dagster as dg
import numpy as np

from mnist_pipeline.data.values import Predictions
from mnist_pipeline.methods.table import MODELS, Model
from mnist_pipeline.runtime.graph.results import ROW_COUNT, STORAGE, result, stopwatch


def predictions_asset(model: Model) -> dg.AssetsDefinition:
    """The asset `NAME_predictions`: the answers of the fitted model to the test images."""

    @dg.asset(
        name=model.predictions_asset,
        io_manager_key=STORAGE,
        group_name=model.group,
        kinds={"numpy"},
        description=f"The label and the class probabilities of each test image by {model.phrase}.",
        ins={"fitted": dg.AssetIn(model.model_asset)},
    )
    def predictions(fitted: Any, test_images: np.ndarray):
        with stopwatch():
            answer = model.method().answer(fitted, test_images)
        labels, probabilities, nearest = answer
        return result(
            Predictions(labels.astype(np.uint8), probabilities.astype(np.float32), nearest),
            f"{len(labels):,} images",
            numbers={ROW_COUNT: len(labels)},
        )

    return predictions


predictions_assets = [predictions_asset(model) for model in MODELS.values()]
