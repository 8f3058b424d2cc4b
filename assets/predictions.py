"""The result of every asset that predicts class probabilities."""

import dagster as dg
import numpy as np

from mnist_pipeline.data.records import Predictions
from mnist_pipeline.runtime.graph.checks import at_most
from mnist_pipeline.runtime.graph.results import ROW_COUNT, result

PREDICTED = {
    "probabilities_sum_to_one": "The probabilities of an image sum to 1. Largest difference from 1."
}


def predicted(
    probabilities: np.ndarray, labels: np.ndarray | None = None
) -> dg.MaterializeResult[Predictions]:
    """The result of an asset that predicts by probabilities; the label is the most probable class
    unless given.
    """
    chosen = probabilities.argmax(axis=1) if labels is None else labels
    confidence = float(probabilities.max(axis=1).mean())
    return result(
        Predictions(chosen.astype(np.uint8), probabilities.astype(np.float32)),
        f"mean confidence {confidence:.1%}",
        numbers={ROW_COUNT: len(chosen), "mean_confidence": confidence},
        checks={
            "probabilities_sum_to_one": at_most(np.abs(probabilities.sum(axis=1) - 1).max(), 1e-5)
        },
    )
