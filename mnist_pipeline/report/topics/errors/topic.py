"""Which images each model misclassifies, and how all models answer them."""

import numpy as np
import pandas as pd

from mnist_pipeline.evaluation.scores import misclassified, most_confused
from mnist_pipeline.methods.table import assets_of_models, by_model
from mnist_pipeline.report.content import (
    Document,
    Named,
    Packed,
    PackedArrays,
    PageImages,
    Part,
    Values,
    rounded,
)

READS = ("raw_mnist", "test_digits", *assets_of_models("predictions"))
STORY = Part(70, "errors", "", "errors/story.html.j2")
NUM_SHOWN = 84  # in the story
MAX_SHOWN = 200  # images of each model in the appendix
NUM_CONFUSIONS_SHOWN = 30
PROBABILITY_STEP = 1e-4


def numbers(values: Values) -> Named:
    """The wrong predictions of each model, in the order of the test images: index, labels,
    probability, and the file if there is one.
    """
    raw, errors = values["raw_mnist"], {}
    for name, predictions in by_model(values, "predictions").items():
        labels = values["test_digits"].labels
        columns = misclassified(labels, predictions.labels, predictions.probabilities)
        table = pd.DataFrame({**columns, **raw.files_of("test", columns["index"])})
        errors[name] = table.sort_values("index").to_dict("records")
    return {"errors": errors}


def sprites(document: Document) -> list[int]:
    """The first misclassified images of each model."""
    return [
        error["index"] for errors in document["errors"].values() for error in errors[:MAX_SHOWN]
    ]


def context(document: Document, values: Values) -> Named:
    """The most frequent confusions of each model, the two classes that the champion takes for each
    other most often, and how many images are shown.
    """
    confusions = {
        name: _most_frequent(model["confusion_matrix"])
        for name, model in document["models"].items()
    }
    largest = [cells[0][0] for cells in confusions.values() if cells]
    matrix = document["models"][document["champion"]["model"]]["confusion_matrix"]
    first, second, number = most_confused(matrix)
    return {
        "most_confused_pair": {
            "classes": (first, second),
            "errors": number,
            "images": sum(matrix[first] + matrix[second]),
        },
        "confusions": confusions,
        "most_confused": max(largest, default=1),
        "max_shown": NUM_SHOWN,
        "max_errors": MAX_SHOWN,
    }


def _most_frequent(matrix: list[list[int]]) -> list[tuple[int, int, int]]:
    """The most frequent confusions: number of images, true class, predicted class."""
    counts = np.array(matrix)
    np.fill_diagonal(counts, 0)
    confusions = [(int(counts[i, j]), int(i), int(j)) for i, j in np.argwhere(counts)]
    return sorted(confusions, key=lambda cell: -cell[0])[:NUM_CONFUSIONS_SHOWN]


def arrays(values: Values, images: PageImages) -> PackedArrays:
    """The answers of all models to the test images of the page: (n, n_models), and a last axis of
    classes.
    """
    predictions = by_model(values, "predictions")
    probabilities = [found.probabilities[images.test] for found in predictions.values()]
    answers = [found.labels[images.test] for found in predictions.values()]
    return {
        "test.probabilities": rounded(np.stack(probabilities, axis=1), PROBABILITY_STEP),
        "test.answers": Packed(np.stack(answers, axis=1).astype(np.uint8)),
    }
