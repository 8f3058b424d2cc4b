"""k-nearest neighbours: the vote, and what misleads it."""

import numpy as np

from mnist_pipeline.methods.knn import classifier
from mnist_pipeline.methods.knn.method import NUM_NEIGHBORS_SHOWN, accuracy_by_k
from mnist_pipeline.report import figures
from mnist_pipeline.report import pictures as drawn
from mnist_pipeline.report.content import (
    Code,
    Document,
    Named,
    Packed,
    PackedArrays,
    PageImages,
    Part,
    Values,
)

READS = ("data_set", "knn_model", "knn_predictions", "train_digits", "test_digits")
STORY = Part(20, "neighbors", "Neighbours", "knn/story.html.j2")
APPENDIX = (Part(40, "knn", "Nearest neighbours", "knn/appendix.html.j2", models=("knn",)),)
NUM_MISLED_SHOWN = 12


def numbers(values: Values) -> Named:
    """k, the accuracy for other k under both rules for ties, and the neighbours of each misread
    image.
    """
    predictions, labels = values["knn_predictions"], values["test_digits"].labels
    nearest, is_wrong = predictions.nearest, predictions.labels != labels
    return {
        "knn": {
            "num_neighbors": values["knn_model"].num_neighbors,
            "accuracy_by_k": accuracy_by_k(nearest.labels, labels),
            "misled": {
                "neighbors": nearest.indices[is_wrong, :NUM_NEIGHBORS_SHOWN].tolist(),
                "neighbor_labels": nearest.labels[is_wrong, :NUM_NEIGHBORS_SHOWN].tolist(),
            },
        }
    }


def charts(document: Document, values: Values) -> Named:
    """The accuracy by the number of neighbours that vote."""
    return {"votes": figures.votes(document["knn"]["accuracy_by_k"])}


def pictures(document: Document, values: Values) -> Named:
    """The neighbours of the first misread images; and the first test image, its neighbours, and the
    size of each difference as numbers and in unsigned bytes, with the lengths of these as vectors.
    """
    images = values["train_digits"].images
    shown = values["data_set"].shown
    misled = document["knn"]["misled"]["neighbors"][:NUM_MISLED_SHOWN]
    nearest = images[values["knn_predictions"].nearest.indices[0, :NUM_NEIGHBORS_SHOWN]]
    test = values["test_digits"].images[:1].astype(np.int64)
    subtracted = (test, nearest, np.abs(test - nearest), (test - nearest) & 255)
    return {
        "misled": [drawn.strip(shown(images[neighbors])) for neighbors in misled],
        "subtracted": [
            (drawn.strip(shown(levels)), [np.linalg.norm(image) for image in levels])
            for levels in subtracted
        ],
    }


def code() -> Code:
    """The vote."""
    return {"knn": (classifier.vote,)}


def arrays(values: Values, images: PageImages) -> PackedArrays:
    """The nearest training images of the test images of the page."""
    nearest = values["knn_predictions"].nearest.indices
    return {"test.neighbors": Packed(nearest[images.test, :NUM_NEIGHBORS_SHOWN].astype(np.int32))}


def facts(values: Values) -> Named:
    """k, and the smoothing of the vote."""
    model = values["knn_model"]
    return {
        "numNeighbors": model.num_neighbors,
        "smoothing": model.smoothing,
    }
