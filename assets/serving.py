"""The model in service, and what it needs to recognize the pictures of users."""

from datetime import timedelta
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline.data.values import DataSet, DigitSet
from mnist_pipeline.evaluation.champion import Champion, elect
from mnist_pipeline.handwriting import recognizer as recognition
from mnist_pipeline.handwriting.novelty import Novelty
from mnist_pipeline.methods.pca import Eigendecomposition
from mnist_pipeline.methods.table import MODELS, by_model
from mnist_pipeline.runtime.graph.checks import blocking_checks, same_inputs
from mnist_pipeline.runtime.graph.io_manager import StoredResults, retries
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch
from mnist_pipeline.runtime.storage.storage import (
    Storage,
    StorageError,
    UnreachableError,
    version_of,
)

from .models import DIGITS, SAME_INPUTS, of_all_models

GROUP = "serving"


@dg.asset(
    io_manager_key=STORAGE,
    group_name=GROUP,
    kinds={"numpy"},
    ins=of_all_models("predictions"),
    check_specs=blocking_checks("champion", SAME_INPUTS),
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=timedelta(days=90), warn_window=timedelta(days=30)
    ),
)
def champion(
    held_out_labels: pd.DataFrame,
    train_digits: DigitSet,
    test_digits: DigitSet,
    mnist_stored_results: StoredResults,
    **by_asset: Any,
):
    """The model in service: the convolutional network, unless another model is surely better on the
    held-out images.

    The present champion takes part with the results that it was chosen for.
    """
    predictions = by_model(by_asset, "predictions")
    with stopwatch():
        present = _champion_in_service(mnist_stored_results.stored)
        elected, reason = elect(
            held_out_labels,
            train_digits,
            {name: answer.labels for name, answer in predictions.items()},
            test_digits,
            {
                name: version_of(MODELS[name].predictions_asset, answer)
                for name, answer in predictions.items()
            },
            present,
        )
    return result(
        elected,
        f"{elected.model}, {elected.accuracy:.2%}",
        numbers={
            "model": elected.model,
            "accuracy": elected.accuracy,
            "errors": elected.errors,
            "held_out_errors": elected.held_out_errors,
            "version": elected.model_version,
            "reason": reason,
        },
        checks={"same_inputs": same_inputs(*DIGITS)},
    )


@dg.asset(
    io_manager_key=STORAGE,
    group_name=GROUP,
    kinds={"scipy"},
    ins=of_all_models("model", "predictions"),
)
def recognizer(
    champion: Champion,
    held_out_labels: pd.DataFrame,
    data_mean: np.ndarray,
    eigendecomposition: Eigendecomposition,
    novelty: Novelty,
    test_images: np.ndarray,
    data_set: DataSet,
    mnist_stored_results: StoredResults,
    **by_asset: Any,
):
    """All models with their calibration, as they answer users.

    If a later training does not replace the champion, the recognizer keeps the models that it has.
    """
    asset = MODELS[champion.model].predictions_asset
    version = version_of(asset, by_asset[asset])
    with stopwatch():
        present = _kept(champion, version, mnist_stored_results.stored)
        if present:
            models = present.of(data_set)
        else:
            models = recognition.assemble(
                champion.model,
                by_model(by_asset, "model"),
                data_set,
                mean=data_mean,
                eigenvectors=eigendecomposition.eigenvectors,
                novelty=novelty,
                held_out=held_out_labels["index"].to_numpy(),
                predicted={name: held_out_labels[name].to_numpy() for name in MODELS},
                tested=(len(champion.labels), champion.errors),
            )
    return result(
        models,
        f"{champion.model} answers, {champion.accuracy:.2%}" + (", as before" if present else ""),
    )


def _champion_in_service(storage: Storage) -> Champion | None:
    """The champion that the stored recognizer was made for; None if the champion or the recognizer
    can't be read, for example because its format is a former one.
    """
    with retries():
        if storage.fault("recognizer"):
            return None
        version = storage.origin("recognizer").get("inputs", {}).get("champion")
        try:
            storage.read("recognizer")
            present: Champion = storage.read("champion", version)
        except UnreachableError:
            raise
        except StorageError:
            return None
        return present


def _kept(champion: Champion, version: str, storage: Storage) -> Any:
    """The stored recognizer, which stays if a later training did not replace the champion.

    None if the champion is the stored model, whose predictions have this version.
    """
    if version == champion.model_version:
        return None
    if _champion_in_service(storage) != champion:
        raise dg.Failure(
            f"the {champion.model} has been retrained, and no stored recognizer answers as the "
            "champion does; choose again: mnist-pipeline run --select key:champion+",
            allow_retries=False,
        )
    return storage.read("recognizer")
