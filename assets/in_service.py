"""What answers users until another model becomes the champion."""

from collections.abc import Mapping
from typing import NamedTuple

import dagster as dg

from mnist_pipeline.data.records import Predictions
from mnist_pipeline.evaluation.champion import Champion
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.runtime.storage.storage import Storage, StorageError, version_of


class InService(NamedTuple):
    """The recognizer that answers users, the champion that it was made for, and the stored card."""

    champion: Champion
    recognizer: Recognizer
    card: str


def in_service(storage: Storage) -> InService | None:
    """What is in service; None if a part of it is not stored."""
    try:
        version = storage.origin("recognizer").get("inputs", {}).get("champion")
        return InService(
            storage.read("champion", version),
            storage.read("recognizer"),
            storage.read("model_card"),
        )
    except StorageError:
        return None


def kept(
    champion: Champion, predictions: Mapping[str, Predictions], storage: Storage
) -> InService | None:
    """What stays in service because a later training of the champion's model did not replace it;
    None if the stored model is the champion.
    """
    if version_of(predictions[champion.model]) == champion.model_version:
        return None
    present = in_service(storage)
    if present is None or present.champion != champion:
        raise dg.Failure(
            f"the {champion.model} has been retrained, and no stored recognizer answers as the "
            "champion does; choose again: mnist-pipeline run --select key:champion+",
            allow_retries=False,
        )
    return present
