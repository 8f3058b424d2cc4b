"""The model in service."""

from typing import Any

import dagster as dg
import numpy as np
from pydantic import Field

from assets import storage
from assets.checks import at_least, checks
from assets.evaluation import MODELS, above_floor
from assets.records import Neighbors, Predictions
from assets.results import result, stopwatch
from assets.storage import StorageError
from mnist_pipeline import evaluation
from mnist_pipeline.datasets import DigitSet
from mnist_pipeline.evaluation import Champion, Evaluation

GROUP = "serving"
CHECKS = {
    "champion": {"candidates": "A champion is chosen among models above their floors; how many there are."},
}


class ChampionConfig(dg.Config):
    """When the present champion is kept."""

    significance: float = Field(
        0.05, gt=0, lt=1, description="Level of the McNemar test below which a worse challenger is refused."
    )


@dg.asset(group_name=GROUP, kinds={"scipy"}, check_specs=checks("champion", CHECKS["champion"], ("candidates",)))
def champion(
    knn_evaluation: Evaluation,
    softmax_evaluation: Evaluation,
    mlp_evaluation: Evaluation,
    cnn_evaluation: Evaluation,
    knn_predictions: Neighbors,
    softmax_predictions: Predictions,
    mlp_predictions: Predictions,
    cnn_predictions: Predictions,
    test_digits: DigitSet,
    config: ChampionConfig,
):
    """The best model that is above its floor and not significantly worse than the present champion."""
    evaluations = (knn_evaluation, softmax_evaluation, mlp_evaluation, cnn_evaluation)
    predictions: tuple[Any, ...] = (knn_predictions, softmax_predictions, mlp_predictions, cnn_predictions)
    with stopwatch() as watch:
        candidates = {
            model: np.asarray(predicted.labels)
            for model, found, predicted in zip(MODELS, evaluations, predictions, strict=True)
            if above_floor(model, found).passed
        }
        chosen, reason = evaluation.promote(test_digits.labels, candidates, _present(), config.significance)
    if chosen is None:
        raise dg.Failure(f"no champion: {reason}", allow_retries=False)
    return result(
        chosen,
        f"{chosen.model}, {chosen.accuracy:.2%}",
        seconds=watch.seconds,
        numbers={
            "model": chosen.model,
            "accuracy": chosen.accuracy,
            "errors": chosen.errors,
            "reason": reason,
            "candidates": ", ".join(candidates) or "none",
        },
        config=config,
        checks={"candidates": at_least(len(candidates), 1)},
    )


def _present() -> Champion | None:
    """The champion that is stored now."""
    try:
        stored: Champion = storage.current().read("champion")
    except StorageError:
        return None
    return stored
