"""What answers users until another model becomes the champion."""

from typing import Any

import dagster as dg

from mnist_pipeline.data.records import Predictions
from mnist_pipeline.evaluation.champion import Champion
from mnist_pipeline.runtime.storage.storage import Storage, StorageError, version_of


def champion_in_service(storage: Storage) -> Champion | None:
    """The champion that the stored recognizer was made for; None without recognizer or card."""
    if storage.fault("recognizer") or storage.fault("model_card"):
        return None
    version = storage.origin("recognizer").get("inputs", {}).get("champion")
    try:
        present: Champion = storage.read("champion", version)
    except StorageError:
        return None
    return present


def kept(asset: str, champion: Champion, predictions: Predictions, storage: Storage) -> Any:
    """The value of an asset that stays in service because a later training of the champion's model
    did not replace it; None if the stored model, which makes `predictions`, is the champion.
    """
    if version_of(predictions) == champion.model_version:
        return None
    if champion_in_service(storage) != champion:
        raise dg.Failure(
            f"the {champion.model} has been retrained, and no stored recognizer answers as the "
            "champion does; choose again: mnist-pipeline run --select key:champion+",
            allow_retries=False,
        )
    return storage.read(asset)
