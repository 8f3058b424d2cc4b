"""Shuffled pixels: the network that is trained on them, and what convolution assumes."""

import numpy as np

from mnist_pipeline.evaluation.scores import wilson_interval
from mnist_pipeline.methods.networks.method import TEMPERATURE, weights_of
from mnist_pipeline.methods.shuffling import shuffle
from mnist_pipeline.report import figures
from mnist_pipeline.report import pictures as drawn
from mnist_pipeline.report.content import (
    Arrays,
    Document,
    Images,
    Named,
    Packed,
    Part,
    Values,
    rounded_weights,
)

READS = ("data_set", "shuffled_cnn", "digit_images", "test_digits")
STORY = Part(45, "shuffled", "", "shuffled/story.html.j2")
NUM_SHOWN = 10  # images
LEVELS = 2**9  # of a weight, per sign: the probabilities are right to 0.5%


def numbers(values: Values) -> Named:
    """The accuracy of the training without the shuffle, and then of that on shuffled images, with
    95% intervals.
    """
    trained, labels = values["shuffled_cnn"], values["test_digits"].labels
    correct, total = (trained["answers"] == labels).sum(axis=1).tolist(), len(labels)
    return {
        "shuffled": {
            "trained_on": int(trained["trained_on"]),
            "accuracies": [count / total for count in correct],
            "intervals": [list(wilson_interval(count, total)) for count in correct],
        }
    }


def pictures(document: Document, values: Values) -> Named:
    """An image of each class, or of some, and the same images with shuffled pixels."""
    images = values["data_set"].shown(values["digit_images"][:NUM_SHOWN])
    shuffled = shuffle(images, values["shuffled_cnn"]["permutation"])
    return {"shuffled": [drawn.strip(images), drawn.strip(shuffled)]}


def arrays(values: Values, images: Images) -> Arrays:
    """The permutation and the weights, rounded; the weights for many classes would not fit."""
    trained = values["shuffled_cnn"]
    permutation = {"shuffled.permutation": Packed(trained["permutation"].astype(np.int16))}
    if len(values["data_set"].class_names) > figures.MANY_CLASSES:
        return permutation
    weights = weights_of(trained)
    for name in ("linear.weight", "linear.bias"):
        # so that the probabilities of the page are calibrated without a temperature
        weights[name] = weights[name] / trained[TEMPERATURE]
    return {
        **permutation,
        **{f"shuffled.{name}": rounded_weights(array, LEVELS) for name, array in weights.items()},
    }
