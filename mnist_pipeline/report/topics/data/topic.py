"""The images: their classes, counts and means."""

import numpy as np

from mnist_pipeline.data import datasets
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

READS = ("data_set", "train_digits", "test_digits", "digit_images", "data_mean")
APPENDIX = (Part(10, "data", "The data", "data/appendix.html.j2"),)


def numbers(values: Values) -> Named:
    """Counts, and what the images are called.

    The mean grey levels are in 0–255. `never_inked` counts the pixels that are zero in every
    training image. `doubted_labels` are test images whose published label most reviewers rejected,
    for MNIST only.
    """
    splits = {name: values[f"{name}_digits"].labels for name in ("train", "test")}
    data_set, mean = values["data_set"], values["data_mean"]
    num_classes = len(data_set.class_names)
    return {
        "data": {
            **{split: len(labels) for split, labels in splits.items()},
            "held_out": len(values["train_digits"].divided()[1]),
            "class_names": list(data_set.class_names),
            "class_counts": {
                split: np.bincount(labels, minlength=num_classes).tolist()
                for split, labels in splits.items()
            },
            "mean_grey_level": float(mean.mean()),
            "largest_mean": float(mean.max()),
            "never_inked": int(np.count_nonzero(mean == 0)),
            "doubted_labels": list(data_set.doubted_labels),
            "heading": data_set.heading,
            "noun": data_set.noun,
            "nouns": data_set.nouns,
            "handwritten": data_set.handwritten,
            "color": data_set.color,
        }
    }


def pictures(document: Document, values: Values) -> Named:
    """One image of each class, and the mean image of each class."""
    shown = values["data_set"].shown
    means = datasets.class_means(values["train_digits"])
    return {
        "digits": [drawn.picture(image) for image in shown(values["digit_images"])],
        "class_means": [drawn.picture(image) for image in shown(means)],
    }


def arrays(values: Values, images: PageImages) -> PackedArrays:
    """The images that the page contains, with their labels and indices."""
    packed: PackedArrays = {}
    for name, indices in (("test", images.test), ("train", images.train)):
        digits = values[f"{name}_digits"]
        packed[f"{name}.images"] = Packed(digits.images[indices])
        packed[f"{name}.labels"] = Packed(digits.labels[indices].astype(np.uint8))
        packed[f"{name}.indices"] = Packed(indices.astype(np.int32))
    return packed
