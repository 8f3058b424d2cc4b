"""The model in service, and what it needs to recognize the digits of users."""

import dataclasses
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from mnist_pipeline.data.records import DigitSet, RawData
from mnist_pipeline.evaluation.champion import MARGIN, Champion, elect
from mnist_pipeline.evaluation.scores import accuracy_interval
from mnist_pipeline.evaluation.versions import DIGITS
from mnist_pipeline.handwriting import recognizer as recognition
from mnist_pipeline.handwriting.recognizer import Classes, Recognizer
from mnist_pipeline.models import MODELS
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.runtime.graph.checks import at_least, checks, warning
from mnist_pipeline.runtime.graph.resources import StoredResults
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

from .models import by_model, of_all_models

GROUP = "serving"
NUM_CHECKED = 200
CHECKS = {
    "champion": {
        "candidates": "The champion is chosen among the models that do more than guess. Number of "
        "such models.",
        "test_as_held_out": "If a model reads the test digits worse than the held-out ones, they "
        "are of another kind, "
        "or it has seen the latter. Least overlap of the 95% intervals of the two accuracies of a "
        "model.",
    },
    "recognizer": {
        "agrees_with_predictions": "The model in service must be the one that was evaluated. Share "
        "of test digits with "
        "the same answer.",
    },
}


class ChampionConfig(dg.Config):
    """When the present champion stays."""

    margin: float = Field(
        MARGIN,
        ge=0,
        le=1,
        description="Largest acceptable loss of accuracy compared with the best champion so far. A "
        "challenger with "
        "more errors replaces the champion if the 95% interval of the difference lies above "
        "−margin.",
    )


@dg.asset(
    io_manager_key=STORAGE,
    group_name=GROUP,
    kinds={"numpy"},
    ins=of_all_models("predictions"),
    check_specs=checks("champion", CHECKS, "candidates"),
)
def champion(
    held_out_labels: pd.DataFrame,
    test_digits: DigitSet,
    stored_results: dg.ResourceParam[StoredResults],
    config: ChampionConfig,
    **by_asset: Any,
):
    """The model in service: chosen on held-out digits, and not inferior to the best champion so
    far.
    """
    predictions = by_model(by_asset, "predictions")
    with stopwatch():
        present: Champion | None = stored_results.previous("champion")
        held_out = {name: held_out_labels[name].to_numpy() for name in predictions}
        true = held_out_labels["label"].to_numpy()
        found, reason, candidates = elect(
            held_out,
            {name: float(held_out_labels[f"{name}_loss"].mean()) for name in predictions},
            true,
            {name: made.labels for name, made in predictions.items()},
            test_digits.labels,
            present,
            config.margin,
            can_answer=lambda: stored_results.previous("recognizer") is not None,
        )
    if found is None:
        raise dg.Failure(f"no champion: {reason}", allow_retries=False)
    if found is not present:
        version = stored_results.origin(MODELS[found.model].predictions_asset)["data_version"]
        found = dataclasses.replace(found, model_version=version or "")
    overlap = min(
        accuracy_interval(test_digits.labels, predictions[name].labels)[1]
        - accuracy_interval(true, labels)[0]
        for name, labels in held_out.items()
    )
    return result(
        found,
        f"{found.model}, {found.accuracy:.2%}",
        numbers={
            "model": found.model,
            "accuracy": found.accuracy,
            "errors": found.errors,
            "held_out_errors": found.choice.errors,
            "version": found.model_version,
            "reason": reason,
            "candidates": ", ".join(candidates) or "none",
        },
        config=config,
        checks={
            "candidates": at_least(len(candidates), 1),
            "test_as_held_out": warning(at_least(overlap, 0)),
        },
    )


@dg.asset(
    io_manager_key=STORAGE,
    group_name=GROUP,
    kinds={"scipy"},
    ins=of_all_models("model", "predictions"),
    check_specs=checks("recognizer", CHECKS),
)
def recognizer(
    champion: Champion,
    data_mean: np.ndarray,
    eigendecomposition: Eigendecomposition,
    test_digits: DigitSet,
    raw_mnist: RawData,
    stored_results: dg.ResourceParam[StoredResults],
    **by_asset: Any,
):
    """All models with their calibration, as they answer users.

    It changes only with the champion. If the present champion stays because its challengers are
    worse, the recognizer keeps the models that it has, although retraining has replaced them
    elsewhere.
    """
    fitted = by_model(by_asset, "model")
    predictions = by_model(by_asset, "predictions")
    known = raw_mnist.data_set
    classes = Classes(known.class_names, known.noun, known.whole_pictures)
    with stopwatch():
        is_new = np.array_equal(champion.labels, predictions[champion.model].labels)
        present = None if is_new else stored_results.previous("recognizer", of="champion")
        if not is_new and present is None:
            raise dg.Failure(
                f"the champion {champion.model} has been retrained, and no stored recognizer can "
                "answer in its place; "
                f"put it back: mnist-pipeline restore {champion.model_version[:DIGITS]}, or choose "
                "again: "
                "mnist-pipeline run --select 'key:champion or key:recognizer'",
                allow_retries=False,
            )
        assembled: Recognizer = present or recognition.assemble(
            champion.model,
            fitted,
            mean=data_mean,
            eigenvectors=eigendecomposition.eigenvectors,
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
        },
        checks={"agrees_with_predictions": at_least(agreement, 0.995)},
    )
