"""The model in service, and what it needs to recognize the digits of users."""

import dataclasses
import functools
from textwrap import shorten
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.evaluation.champion import MARGIN, Champion, elect
from mnist_pipeline.models import MODELS
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.recognition import contact_sheet, tables
from mnist_pipeline.recognition import recognizer as recognition
from mnist_pipeline.recognition.recognizer import Classes, Recognizer
from mnist_pipeline.runtime.graph.checks import at_least, at_most, checks
from mnist_pipeline.runtime.graph.resources import DataSetResource, InboxResource, Seed, StoredResults
from mnist_pipeline.runtime.graph.results import MAX_TABLE_ROWS, result, stopwatch
from mnist_pipeline.runtime.graph.shards import MADE_FROM, Shards
from mnist_pipeline.runtime.graph.staleness import STORED_RESULT
from mnist_pipeline.versions import DIGITS

from .models import ByModel, asset_of_all_models

GROUP = "serving"
CHAMPION, RECOGNIZER = dg.AssetKey("champion"), dg.AssetKey("recognizer")
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
    "inbox_drift": {
        "familiar": "Digits unlike any other are often misread. Their share in the latest days, at least.",
        "balanced": "A class that prevails shows another source of pictures. Its share in the latest days, at least.",
    },
}


class ChampionConfig(dg.Config):
    """When the present champion stays."""

    margin: float = Field(
        MARGIN,
        ge=0,
        le=1,
        description="Largest acceptable loss of accuracy compared with the best champion so far. A challenger with "
        "more errors replaces the champion if the 95% interval of the difference lies above −margin.",
    )


@asset_of_all_models(
    group_name=GROUP,
    kinds={"scipy"},
    metadata={STORED_RESULT: "recognizer"},
    check_specs=checks("champion", CHECKS, "candidates"),
)
def champion(
    held_out_labels: pd.DataFrame,
    test_digits: DigitSet,
    predictions: ByModel,
    data_set: DataSetResource,
    stored_results: StoredResults,
    config: ChampionConfig,
):
    """The model in service, chosen on digits held out of training: it is not inferior to the best champion so far."""
    with stopwatch():
        present: Champion | None = stored_results.previous(CHAMPION)
        choose = functools.partial(
            elect,
            {name: held_out_labels[name].to_numpy() for name in MODELS},
            held_out_labels["label"].to_numpy(),
            {name: made.labels for name, made in predictions.items()},
            test_digits.labels,
            {name: model.floor(data_set.canonical) for name, model in MODELS.items()},
            margin=config.margin,
        )
        found, reason, candidates = choose(present=present)
        if present and found is present and candidates and stored_results.previous(RECOGNIZER) is None:
            found, reason, candidates = choose(present=None)  # no stored recognizer answers as it does
    if found is None:
        raise dg.Failure(f"no champion: {reason}", allow_retries=False)
    links: dict[str, dg.MetadataValue[Any]] = {}
    if found is not present:
        origin = stored_results.origin(dg.AssetKey(MODELS[found.model].version_asset))
        found = dataclasses.replace(found, model_version=origin.get("data_version") or "")
        if origin.get("run_id"):
            links["trained_by"] = dg.MetadataValue.dagster_run(origin["run_id"])
        if present and present.model_version != found.model_version:
            links["replaces"] = dg.MetadataValue.text(present.model_version)
    return result(
        found,
        f"{found.model}, {found.accuracy:.2%}",
        numbers={
            "model": found.model,
            "accuracy": found.accuracy,
            "errors": found.errors,
            "held_out_errors": found.choice.errors,
            "version": found.model_version,
            **links,
            "reason": reason,
            "candidates": ", ".join(candidates) or "none",
        },
        config=config,
        checks={"candidates": at_least(len(candidates), 1)},
    )


@asset_of_all_models(
    group_name=GROUP,
    kinds={"numpy"},
    deps=["raw_mnist"],  # the names of the classes follow from the files
    check_specs=checks("recognizer", CHECKS),
)
def recognizer(
    champion: Champion,
    fitted: ByModel,
    predictions: ByModel,
    data_mean: np.ndarray,
    eigendecomposition: Eigendecomposition,
    test_digits: DigitSet,
    data_set: DataSetResource,
    stored_results: StoredResults,
    seed: Seed,
):
    """All models with their calibration, as they answer users.

    It changes only with the champion. If the present champion stays because its challengers are worse, the recognizer
    keeps the models that it has, although retraining has replaced them elsewhere.
    """
    known = data_set.described
    classes = Classes(known.class_names, known.noun, known.whole_pictures)
    with stopwatch():
        is_new = np.array_equal(champion.labels, predictions[champion.model].labels)
        present = None if is_new else stored_results.previous(RECOGNIZER, of=CHAMPION)
        if not is_new and present is None:
            raise dg.Failure(
                f"the champion {champion.model} has been retrained, and no stored recognizer can answer in its place; "
                f"put it back: mnist-pipeline restore {champion.model_version[:DIGITS]}, or choose again: "
                "mnist-pipeline run --select 'key:champion or key:recognizer'",
                allow_retries=False,
            )
        assembled: Recognizer = present or recognition.assemble(
            champion.model,
            {name: model.method().state(fitted[name], predictions[name], seed.value) for name, model in MODELS.items()},
            mean=data_mean,
            eigenvectors=eigendecomposition.eigenvectors,
            reference=test_digits.images,
        )
        found = assembled.of(classes)
    answers = [recognized.digit for recognized in found.recognize(test_digits.images[:NUM_CHECKED])]
    agreement = np.mean(np.array(answers) == champion.labels[:NUM_CHECKED])
    return result(
        found,
        f"{champion.model} answers, {champion.accuracy:.2%}" + (", as before" if present else ""),
        numbers={
            "champion": champion.model,
            "kept": present is not None,
            "smoothing": float(found.states["knn.smoothing"]),
        },
        seed=seed,
        checks={"agrees_with_predictions": at_least(agreement, 0.995)},
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


@dg.asset(group_name=INBOX, kinds={"pandas"}, check_specs=checks("inbox_drift", CHECKS))
def inbox_drift(recognizer: Recognizer, inbox_predictions: Shards, stored_results: StoredResults):
    """What came through the inbox by day: pictures, digits, the share of digits unlike any other, and of each class."""
    times = stored_results.times_of_partitions(dg.AssetKey("inbox_predictions"))
    with stopwatch():
        read = {name: inbox_predictions[i] for i, name in enumerate(inbox_predictions.names) if name in times}
        days = tables.by_day(read, times, recognizer.known.names)
        latest = tables.latest(days, recognizer.known.names)
    return result(
        days,
        f"{latest.unfamiliar:.1%} of {latest.digits} digits are unlike any other",
        numbers={
            "pictures": int(days["pictures"].sum()),
            "unfamiliar": latest.unfamiliar,
            "class_shares": dg.MetadataValue.json(latest.shares),
            MADE_FROM: inbox_predictions.digest,
        },
        tables={"days": days.tail(MAX_TABLE_ROWS)},
        checks={
            "familiar": at_most(latest.least_unfamiliar, tables.MAX_UNFAMILIAR),
            "balanced": at_most(latest.least_of_largest, tables.max_share(len(recognizer.known.names))),
        },
    )
