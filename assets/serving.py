"""The model in service, and what it needs to recognize the digits of users."""

from collections.abc import Mapping
from textwrap import shorten
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from mnist_pipeline import evaluation, models, promotion
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.models import MODELS
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.promotion import Champion
from mnist_pipeline.recognition import contact_sheet, tables
from mnist_pipeline.recognition import recognizer as recognition
from mnist_pipeline.recognition.recognizer import Classes, Recognizer
from mnist_pipeline.runtime.graph.checks import at_least, at_most, checks
from mnist_pipeline.runtime.graph.resources import DataSetResource, Seed, StoredResults
from mnist_pipeline.runtime.inbox import InboxResource
from mnist_pipeline.runtime.graph.results import MAX_TABLE_ROWS, result, stopwatch
from mnist_pipeline.versions import DIGITS

from .evaluation import inputs

GROUP = "serving"
INBOX = "inbox"  # a group of its own, so that "Materialize all" of the others does not ask for a partition
PICTURES = dg.DynamicPartitionsDefinition(name="inbox")
NUM_CHECKED = 200
MAX_HEADLINE = 80  # characters of what is written in a picture
CHECKS = {
    "champion": {"candidates": "The champion is chosen among the models above their floors. Number of such models."},
    "recognizer": {
        "agrees_with_predictions": "The model in service must be the one that was evaluated. Share of test digits with "
        "the same answer.",
    },
}


class ChampionConfig(dg.Config):
    """When the present champion stays."""

    margin: float = Field(
        promotion.MARGIN,
        ge=0,
        le=1,
        description="Largest acceptable loss of accuracy compared with the best champion so far. A challenger with "
        "more errors replaces the champion if the 95% interval of the difference lies above −margin.",
    )


@dg.asset(
    group_name=GROUP,
    kinds={"scipy"},
    ins=inputs("predictions_asset"),
    check_specs=checks("champion", CHECKS, "candidates"),
)
def champion(
    held_out_labels: pd.DataFrame,
    test_digits: DigitSet,
    data_set: DataSetResource,
    stored_results: StoredResults,
    config: ChampionConfig,
    **of_models: Any,
):
    """The model in service, chosen on digits held out of training: it is not inferior to the best champion so far."""
    with stopwatch():
        true = held_out_labels["label"].to_numpy()
        candidates = {
            name: held_out_labels[name].to_numpy()
            for name in MODELS
            if name in held_out_labels and _is_candidate(name, true, held_out_labels[name].to_numpy(), data_set)
        }
        present: Champion | None = stored_results.previous("champion")
        same_test = present is not None and present.test_set == promotion.checksum(test_digits.labels)
        before = present.choice if present and same_test else None
        choice, reason = promotion.choose(true, candidates, before, config.margin)
        stays = candidates and present is not None and choice is before
        # Its challengers are worse, so only the stored recognizer can answer as it does.
        if stays and stored_results.previous("recognizer") is None:
            choice, reason = promotion.choose(true, candidates, None, config.margin)
    if choice is None:
        raise dg.Failure(f"no champion: {reason}", allow_retries=False)
    links: dict[str, dg.MetadataValue[Any]] = {}
    if present and choice is before:
        chosen = present
    else:
        origin = stored_results.origins([MODELS[choice.model].version_asset])[MODELS[choice.model].version_asset]
        chosen = _champion(choice, of_models, test_digits.labels, origin.get("data_version") or "")
        if origin.get("run_id"):
            links["trained_by"] = dg.MetadataValue.dagster_run(origin["run_id"])
        if present and present.model_version != chosen.model_version:
            links["replaces"] = dg.MetadataValue.text(present.model_version)
    return result(
        chosen,
        f"{chosen.model}, {chosen.accuracy:.2%}",
        numbers={
            "model": chosen.model,
            "accuracy": chosen.accuracy,
            "errors": chosen.errors,
            "held_out_errors": choice.errors,
            "version": chosen.model_version,
            **links,
            "reason": reason,
            "candidates": ", ".join(candidates) or "none",
        },
        config=config,
        checks={"candidates": at_least(len(candidates), 1)},
    )


def _is_candidate(name: str, true: np.ndarray, labels: np.ndarray, data_set: DataSetResource) -> bool:
    """Whether held-out images show no sign that a model is below its floor."""
    right = int(np.count_nonzero(labels == true))
    low, high = evaluation.wilson_interval(right, len(true))
    frequent = int(np.bincount(true).max()) / len(true)
    return high >= MODELS[name].mnist_floor if data_set.canonical else low > frequent


def _champion(choice: promotion.Choice, of_models: Mapping[str, Any], true: np.ndarray, version: str) -> Champion:
    """A chosen model with its result on the test images."""
    labels = np.asarray(of_models[MODELS[choice.model].predictions_asset].labels)
    return Champion(
        model=choice.model,
        accuracy=evaluation.accuracy(true, labels),
        errors=int(np.count_nonzero(labels != true)),
        labels=labels.tolist(),
        test_set=promotion.checksum(true),
        choice=choice,
        model_version=version,
    )


@dg.asset(
    group_name=GROUP,
    kinds={"numpy"},
    ins=inputs("model_asset", "predictions_asset"),
    deps=["raw_mnist"],  # the names of the classes follow from the files
    check_specs=checks("recognizer", CHECKS),
)
def recognizer(
    champion: Champion,
    data_mean: np.ndarray,
    eigendecomposition: Eigendecomposition,
    test_digits: DigitSet,
    data_set: DataSetResource,
    stored_results: StoredResults,
    seed: Seed,
    **of_models: Any,
):
    """All models with their calibration, as they answer users.

    It changes only with the champion. If the present champion stays because its challengers are worse, the recognizer
    keeps the models that it has, although retraining has replaced them elsewhere.
    """
    labels = {name: np.asarray(of_models[model.predictions_asset].labels) for name, model in MODELS.items()}
    known = data_set.described
    classes = Classes(known.class_names, known.noun, known.whole_pictures)
    with stopwatch():
        is_new = np.array_equal(champion.labels, labels[champion.model])
        present = None if is_new else stored_results.previous("recognizer", of="champion")
        if not is_new and present is None:
            raise dg.Failure(
                f"the champion {champion.model} has been retrained, and no stored recognizer can answer in its place; "
                f"put it back: mnist-pipeline restore {champion.model_version[:DIGITS]}, or choose again: "
                "mnist-pipeline run --select 'key:champion or key:recognizer'",
                allow_retries=False,
            )
        assembled: Recognizer = present or recognition.assemble(
            champion.model,
            {
                name: models.state(model, of_models[model.model_asset], of_models[model.predictions_asset], seed.value)
                for name, model in MODELS.items()
            },
            mean=data_mean,
            eigenvectors=eigendecomposition.eigenvectors,
            reference=test_digits.images,
        )
        found = assembled.of(classes)
    sample = slice(0, NUM_CHECKED)
    answers = [recognized.digit for recognized in found.recognize(test_digits.images[sample])]
    return result(
        found,
        f"{champion.model} answers, {champion.accuracy:.2%}" + (", as before" if present else ""),
        numbers={
            "champion": champion.model,
            "kept": present is not None,
            "smoothing": float(found.states["knn.smoothing"]),
        },
        seed=seed,
        checks={"agrees_with_predictions": at_least(np.mean(np.array(answers) == champion.labels[sample]), 0.995)},
    )


@dg.asset(group_name=INBOX, kinds={"numpy"}, partitions_def=PICTURES)
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
    table = tables.of_digits(readings, recognizer.model_names)
    strange = int((~table["looks_like_digit"].astype(bool)).sum())
    return result(
        table,
        shorten(recognition.headline(readings, recognizer.known), MAX_HEADLINE, placeholder=" …"),
        numbers={"digits": len(table), "unlike_any_digit": strange},
        tables={"predictions": table},
        figures={"contact_sheet": sheet},
    )
