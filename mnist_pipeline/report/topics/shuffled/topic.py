"""Shuffled pixels: the network that is trained on them, and what convolution assumes."""

import numpy as np

from mnist_pipeline.evaluation.scores import wilson_interval
from mnist_pipeline.methods.shuffling import shuffle
from mnist_pipeline.report import pictures as drawn
from mnist_pipeline.report.content import (
    Document,
    Named,
    Packed,
    PackedArrays,
    PageImages,
    Part,
    Values,
)

READS = ("data_set", "shuffled_cnn", "digit_images", "test_digits")
STORY = Part(45, "shuffled", "", "shuffled/story.html.j2")
NUM_SHOWN = 10  # images


def numbers(values: Values) -> Named:
    """The accuracy of the training without the shuffle, and then of that on shuffled images, with
    95% intervals.
    """
    trained, labels = values["shuffled_cnn"], values["test_digits"].labels
    correct, total = (trained.answers == labels).sum(axis=1).tolist(), len(labels)
    return {
        "shuffled": {
            "trained_on": trained.trained_on,
            "accuracies": [count / total for count in correct],
            "intervals": [list(wilson_interval(count, total)) for count in correct],
        }
    }


def pictures(document: Document, values: Values) -> Named:
    """An image of each class, or of some, and the same images with shuffled pixels."""
    images = values["data_set"].shown(values["digit_images"][:NUM_SHOWN])
    shuffled = shuffle(images, values["shuffled_cnn"].permutation)
    return {"shuffled": [drawn.strip(images), drawn.strip(shuffled)]}


def arrays(values: Values, images: PageImages) -> PackedArrays:
    """The permutation."""
    permutation = values["shuffled_cnn"].permutation
    return {"shuffled.permutation": Packed(permutation.astype(np.int16))}
