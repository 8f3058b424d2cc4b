"""The model in service, and what it needs to recognize the digits of users."""

from collections.abc import Mapping
from textwrap import shorten
from typing import Any, NamedTuple

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline.data.catalogue import RawData
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.records import Predictions
from mnist_pipeline.evaluation.champion import Champion, elect
from mnist_pipeline.evaluation.scores import accuracy_interval
from mnist_pipeline.handwriting import contact_sheet, pictures, tables
from mnist_pipeline.handwriting import recognizer as recognition
from mnist_pipeline.handwriting.pictures import ImageError
from mnist_pipeline.handwriting.recognizer import Classes, Recognizer
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.runtime.graph.checks import at_least, checks, exactly, warning
from mnist_pipeline.runtime.graph.resources import StoredResults
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch
from mnist_pipeline.runtime.inbox import InboxResource
from mnist_pipeline.runtime.storage.storage import Storage, StorageError, version_of

from .models import by_model, of_all_models

GROUP = "serving"
# a group of its own, so that "Materialize all" of the others does not ask for a partition
INBOX = "inbox"
PICTURES = dg.DynamicPartitionsDefinition(name="inbox")
NUM_CHECKED = 200
MAX_HEADLINE = 80  # characters of what is written in a picture
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
    "inbox_predictions": {
        "is_a_picture": "A file that is not a picture has no digits. 1 for a picture, 0 for "
        "another file."
    },
}


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
    **by_asset: Any,
):
    """The model in service: it has the fewest errors on the held-out digits.

    Of several models, the one with the lowest log loss is chosen. The present champion takes part
    with the results that it was chosen for.
    """
    predictions = by_model(by_asset).predictions
    with stopwatch():
        present = in_service(stored_results.storage)
        elected, reason, candidates = elect(
            held_out_labels,
            {name: answer.labels for name, answer in predictions.items()},
            test_digits.labels,
            {name: version_of(answer) for name, answer in predictions.items()},
            present and present.champion,
        )
    if elected is None:
        raise dg.Failure(f"no champion: {reason}", allow_retries=False)
    true_held_out = held_out_labels["label"].to_numpy()
    overlap = min(
        accuracy_interval(test_digits.labels, answer.labels)[1]
        - accuracy_interval(true_held_out, held_out_labels[name].to_numpy())[0]
        for name, answer in predictions.items()
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
            "candidates": ", ".join(candidates) or "none",
        },
        checks={
            "candidates": at_least(len(candidates), 1),
            "test_as_held_out": warning(at_least(overlap, 0)),
        },
    )


@dg.asset(
    io_manager_key=STORAGE,
    group_name=GROUP,
    kinds={"scipy"},
    ins=of_all_models("fitted", "predictions"),
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

    If a later training does not replace the champion, the recognizer keeps the models that it has.
    """
    fitted, predictions, _ = by_model(by_asset)
    known = raw_mnist.data_set
    classes = Classes(known.class_names, known.noun, known.whole_pictures)
    with stopwatch():
        present = kept(champion, predictions, stored_results.storage)
        models = (
            present.recognizer
            if present
            else recognition.assemble(
                champion.model,
                fitted,
                mean=data_mean,
                eigenvectors=eigendecomposition.eigenvectors,
            )
        )
        models = models.of(classes)
    answers = [
        recognized.digit for recognized in models.recognize(test_digits.images[:NUM_CHECKED])
    ]
    agreement = np.mean(np.array(answers) == champion.labels[:NUM_CHECKED])
    return result(
        models,
        f"{champion.model} answers, {champion.accuracy:.2%}" + (", as before" if present else ""),
        numbers={"champion": champion.model, "kept": present is not None},
        checks={"agrees_with_predictions": at_least(agreement, 0.995)},
    )


@dg.asset(
    io_manager_key=STORAGE,
    group_name=INBOX,
    kinds={"scipy"},
    partitions_def=PICTURES,
    check_specs=checks("inbox_predictions", CHECKS),
)
def inbox_predictions(
    context: dg.AssetExecutionContext, recognizer: Recognizer, inbox: InboxResource
):
    """Predictions for one inbox picture, one row per digit, with a contact sheet.

    Each picture is a partition, which the sensor `inbox` adds. The predictions are those of the
    models that were in service then. Later models do not predict it again unless a user asks for
    it: the button *Materialize all* of the page *Lineage* predicts every picture again, and the job
    `everything` predicts none.
    """
    key = context.partition_key
    path = inbox.picture(key)
    try:
        page = pictures.page(path)
    except ImageError as error:
        is_picture = exactly(0, 1)._replace(reason=str(error))
        return result(
            tables.of_digits([], recognizer.model_names),
            "not a picture",
            checks={"is_a_picture": is_picture},
        )
    with stopwatch():
        (readings,) = recognizer.read_pages([page])
        sheet = contact_sheet.draw(
            [contact_sheet.Page(path.name, page.picture, readings)], recognizer
        )
    table = tables.of_digits(readings, recognizer.model_names)
    strange = int((~table["looks_like_digit"].astype(bool)).sum())
    return result(
        table,
        shorten(recognition.headline(readings, recognizer.known), MAX_HEADLINE, placeholder=" …"),
        numbers={
            "file": dg.MetadataValue.path(str(path)),
            "digits": len(table),
            "unlike_any_digit": strange,
        },
        tables={"predictions": table},
        figures={"contact_sheet": sheet},
        checks={"is_a_picture": exactly(1, 1)},
    )
