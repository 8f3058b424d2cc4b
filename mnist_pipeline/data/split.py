"""Which images are for training, and which for testing.

Files, folders and arrays may say it in their names. Otherwise it follows from the content: of each
class, the images with the smallest checksums are for testing, and the next ones for choosing. So an
image that is added, removed or renamed moves no other image, but for the rounding of a class by
one.
"""

import re
from collections.abc import Collection
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.held_out import split as held_out_split

Split = Literal["train", "test"]
Names = tuple[str, ...]
SPLITS: tuple[Split, Split] = ("train", "test")
TEST_SHARE = 0.2  # of each class, if there is no test set


def part_of(name: str) -> str | None:
    """The part that a word in a name says, such as `Training`, `mnist_test.csv` or `x_val`."""
    found = re.search(r"(?<![a-z])(train|val|test)(ing|id|idation)?(?![a-z])", name.lower())
    return found and found[1]


def by_split(names: Collection[str]) -> dict[Split, Names]:
    """Names by the split that they say. If they say one split or none, they are `train`.

    Validation images are training images, because the project draws the images that choose a model
    from these.
    """
    train = tuple(name for name in names if part_of(name) in ("train", "val"))
    test = tuple(name for name in names if part_of(name) == "test")
    if train and test:
        return {"train": train, "test": test}
    return {"train": train or test or tuple(names)}


def drawn_for_testing(
    digests: NDArray[Any], labels: NDArray[np.uint8]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows of images for training and for testing, each in the order of their checksums."""
    order = np.argsort(digests, kind="stable")
    is_for_test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        is_for_test[rows[: max(1, round(TEST_SHARE * len(rows)))]] = True
    return order[~is_for_test[order]], order[is_for_test[order]]


def arranged(order: NDArray[np.intp], labels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The rows of training images, arranged so that the smallest checksums of each class choose.

    `held_out.split` chooses by place, so the first rows of each class get the places that it
    chooses. `order` has the rows in the order of their checksums, and `labels` the labels of all
    images.
    """
    own = labels[order]
    places = np.concatenate(held_out_split(own)[::-1])  # those held out come first
    rows = np.empty_like(order)
    for label in np.unique(own):
        rows[places[own[places] == label]] = order[own == label]
    return rows
