"""Pictures of users, put into a directory, which a sensor looks at."""

from collections.abc import Sequence
from textwrap import shorten

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline.data.errors import ImageError
from mnist_pipeline.handwriting import recognizer as recognition
from mnist_pipeline.handwriting.recognizer import Reading, Recognizer
from mnist_pipeline.methods.knn.method import NUM_NEIGHBORS_SHOWN
from mnist_pipeline.runtime.graph.checks import checks, exactly
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch
from mnist_pipeline.runtime.inbox import InboxResource

# A group of its own, so that "Materialize all" of the others does not ask for a partition.
GROUP = "inbox"
PICTURES = dg.DynamicPartitionsDefinition(name="inbox")
MAX_HEADLINE = 160  # characters of the recognized text in a headline
CHECKS = {
    "inbox_predictions": {
        "is_a_picture": "A file that is not a picture can't be recognized. 1 for a picture, 0 for "
        "another file."
    },
}


@dg.asset(
    io_manager_key=STORAGE,
    group_name=GROUP,
    kinds={"scipy"},
    partitions_def=PICTURES,
    check_specs=checks("inbox_predictions", CHECKS),
)
def inbox_predictions(
    context: dg.AssetExecutionContext,
    recognizer: Recognizer,
    inbox: dg.ResourceParam[InboxResource],
):
    """Predictions for one inbox picture, one row per digit or photo.

    Each picture is a partition, which the sensor `inbox` adds. It is predicted once, by the models
    that are in service at that moment. Later models predict it again only if a user asks for it:
    the button *Materialize all* of the page *Lineage* predicts every picture again, and the job
    `everything` predicts none.
    """
    key = context.partition_key
    path = inbox.picture(key)
    try:
        page = recognizer.page(path)
    except ImageError as error:
        return result(
            _table([], recognizer.model_names),
            "not a picture",
            checks={"is_a_picture": exactly(0, 1, str(error))},
        )
    with stopwatch():
        (readings,) = recognizer.read_pages([page])
    table = _table(readings, recognizer.model_names)
    strange = int((~table["looks_like_digit"].astype(bool)).sum())
    return result(
        table,
        shorten(
            recognition.headline(readings, recognizer.known, page.warnings),
            MAX_HEADLINE,
            placeholder=" …",
        ),
        numbers={
            "file": dg.MetadataValue.path(str(path)),
            "digits": len(table),
            "unlike_any_digit": strange,
        },
        tables={"predictions": table},
        checks={"is_a_picture": exactly(1, 1)},
    )


def _table(readings: Sequence[Reading], models: Sequence[str]) -> pd.DataFrame:
    """One row per digit, in reading order."""
    answers = [reading.recognition for reading in readings]
    columns: dict[str, Sequence[object]] = {
        "number": range(1, len(answers) + 1),
        "digit": [answer.digit for answer in answers],
        "class": [answer.name for answer in answers],
        "probability": [answer.probability for answer in answers],
    }
    table = pd.DataFrame(columns)
    boxes = np.reshape([reading.box for reading in readings], (-1, 4))
    table[["x", "y", "width", "height"]] = boxes.astype(int)
    for model in models:
        table[model] = [answer.digits[model] for answer in answers]
    for i in range(NUM_NEIGHBORS_SHOWN):
        table[f"nearest_{i + 1}"] = [answer.neighbors[i].index for answer in answers]
    table["looks_like_digit"] = [answer.looks_like_digit for answer in answers]
    table["models_disagree"] = [answer.models_disagree for answer in answers]
    return table
