"""The model in service, and what it needs to recognize the digits of users."""

from collections.abc import Sequence
from textwrap import shorten
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from assets.evaluation import above_floor, inputs
from mnist_pipeline import evaluation, models
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.evaluation import Champion
from mnist_pipeline.models import MODELS
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.recognition import contact_sheet
from mnist_pipeline.recognition import recognizer as recognition
from mnist_pipeline.recognition.recognizer import NUM_NEIGHBORS_SHOWN, Reading, Recognizer
from mnist_pipeline.runtime.graph.checks import at_least, checks
from mnist_pipeline.runtime.graph.resources import DataSetResource, InboxResource, Seed, StoredResults
from mnist_pipeline.runtime.graph.results import result, stopwatch
from mnist_pipeline.runtime.graph.staleness import STORED_RESULT

GROUP = "serving"
PICTURES = dg.DynamicPartitionsDefinition(name="inbox")
NUM_CHECKED = 200
MAX_DIGITS = 60  # characters of the digits of a picture in its headline
CHECKS = {
    "champion": {"candidates": "The champion is chosen among the models above their floors. Number of such models."},
    "recognizer": {
        "agrees_with_predictions": "The model in service must be the one that was evaluated. Share of test digits with "
        "the same answer.",
    },
}


class ChampionConfig(dg.Config):
    """When the present champion stays."""

    significance: float = Field(
        0.05, gt=0, lt=1, description="Significance level of the McNemar test that refuses a worse challenger."
    )


@dg.asset(
    group_name=GROUP,
    kinds={"scipy"},
    metadata={STORED_RESULT: "recognizer"},
    ins=inputs("evaluation_asset", "predictions_asset"),
    check_specs=checks("champion", CHECKS, "candidates"),
)
def champion(
    test_digits: DigitSet,
    data_set: DataSetResource,
    stored_results: StoredResults,
    config: ChampionConfig,
    **of_models: Any,
):
    """The best model that is above its floor and not significantly worse than the present champion."""
    with stopwatch():
        candidates = {
            name: np.asarray(of_models[model.predictions_asset].labels)
            for name, model in MODELS.items()
            if above_floor(name, of_models[model.evaluation_asset], data_set).passed
        }
        key = data_set.located.key("champion")
        present = stored_results.previous(key)
        chosen, reason = evaluation.promote(test_digits.labels, candidates, present, config.significance)
        stays = candidates and present is not None and chosen is present and key == dg.AssetKey("champion")
        # Its challengers are worse, so only the stored recognizer can answer as it does.
        if stays and stored_results.previous(dg.AssetKey("recognizer")) is None:
            chosen, reason = evaluation.promote(test_digits.labels, candidates, None, config.significance)
    if chosen is None:
        raise dg.Failure(f"no champion: {reason}", allow_retries=False)
    return result(
        chosen,
        f"{chosen.model}, {chosen.accuracy:.2%}",
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


@dg.asset(
    group_name=GROUP,
    kinds={"numpy"},
    ins=inputs("model_asset", "predictions_asset"),
    check_specs=checks("recognizer", CHECKS),
)
def recognizer(
    champion: Champion,
    data_mean: np.ndarray,
    eigendecomposition: Eigendecomposition,
    test_digits: DigitSet,
    stored_results: StoredResults,
    seed: Seed,
    **of_models: Any,
):
    """All models with their calibration, as they answer users.

    It changes only with the champion. If the present champion stays because its challengers are worse, the recognizer
    keeps the models that it has, although retraining has replaced them elsewhere.
    """
    labels = {name: np.asarray(of_models[model.predictions_asset].labels) for name, model in MODELS.items()}
    with stopwatch():
        is_new = np.array_equal(champion.labels, labels[champion.model])
        present = None if is_new else stored_results.previous(dg.AssetKey("recognizer"))
        if not is_new and present is None:
            raise dg.Failure(
                f"the champion {champion.model} has been retrained, and no stored recognizer can answer in its place; "
                "choose a champion again: mnist-pipeline run --select 'key:champion or key:recognizer'",
                allow_retries=False,
            )
        found: Recognizer = present or recognition.assemble(
            champion.model,
            {
                name: models.state(model, of_models[model.model_asset], of_models[model.predictions_asset], seed.value)
                for name, model in MODELS.items()
            },
            mean=data_mean,
            eigenvectors=eigendecomposition.eigenvectors,
            reference=test_digits.images,
        )
    sample = slice(0, NUM_CHECKED)
    answers = [recognized.digit for recognized in found.recognize(test_digits.images[sample])]
    return result(
        found,
        f"{champion.model} answers" + (", as before" if present else ""),
        numbers={
            "champion": champion.model,
            "kept": present is not None,
            "smoothing": float(found.states["knn.smoothing"]),
        },
        seed=seed,
        checks={"agrees_with_predictions": at_least(np.mean(np.array(answers) == champion.labels[sample]), 0.995)},
    )


@dg.asset(group_name=GROUP, kinds={"numpy"}, partitions_def=PICTURES)
def inbox_predictions(context: dg.AssetExecutionContext, recognizer: Recognizer, inbox: InboxResource):
    """Predictions for one inbox picture, one row per digit, with a contact sheet.

    Each picture is a partition, which the sensor `inbox` adds. The predictions are those of the models that were in
    service then. Later models do not predict it again unless a user asks for it.
    """
    key = context.partition_key
    with stopwatch():
        page = inbox.read(key)
        (readings,) = recognizer.read_pages([page])
        sheet = contact_sheet.draw([contact_sheet.Page(key, page.picture, readings)], recognizer)
    table = _digit_table(readings, recognizer.model_names)
    strange = int((~table["looks_like_digit"].astype(bool)).sum())
    digits = shorten(" ".join(map(str, table["digit"])), MAX_DIGITS, placeholder=" …") or "no digit"
    return result(
        table,
        f"{digits} ({strange} unlike any digit)" if strange else digits,
        numbers={"digits": len(table), "unlike_any_digit": strange},
        tables={"predictions": table},
        figures={"contact_sheet": sheet},
    )


def _digit_table(readings: list[Reading], models: Sequence[str]) -> pd.DataFrame:
    """One row per digit, in reading order."""
    columns = ["number", "digit", "probability", "x", "y", "width", "height", *models]
    columns += [f"nearest_{i}" for i in range(1, NUM_NEIGHBORS_SHOWN + 1)] + ["unusual", "looks_like_digit"]
    rows = [
        (
            number,
            answer.digit,
            answer.probability,
            *box,
            *(answer.digits[model] for model in models),
            *(near.index for near in answer.neighbors),
            answer.unusual,
            answer.looks_like_digit,
        )
        for number, (box, _, answer) in enumerate(readings, 1)
    ]
    return pd.DataFrame(rows, columns=columns)
