"""Which images are for training, and which for testing.

Files, folders and arrays may say it in their names. Otherwise it follows from the content: of each
class, the images with the smallest checksums are for testing, and the next ones for choosing. The
images of a group share the checksum of the group's name, so they stay together. An image
that is added, removed or renamed moves no other image or group, but for the rounding of a class by
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


def split_word(name: str) -> str | None:
    """The split that a name contains: train, val or test, as in `Training` or `x_val`."""
    found = re.search(r"(?<![a-z])(train|val|test)(ing|id|idation)?(?![a-z])", name.lower())
    return found and found[1]


def by_split(names: Collection[str]) -> dict[Split, Names]:
    """Names by the split that they say. If they say one split or none, they are `train`.

    Validation images are training images, because the project draws the images that choose a model
    from these.
    """
    train = tuple(name for name in names if split_word(name) in ("train", "val"))
    test = tuple(name for name in names if split_word(name) == "test")
    if train and test:
        return {"train": train, "test": test}
    return {"train": train or test or tuple(names)}


def drawn_for_testing(keys: NDArray[Any], labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which images are for testing, see `_smallest_keys`."""
    return _smallest_keys(keys, labels, np.maximum(1, np.rint(TEST_SHARE * np.bincount(labels))))


def drawn_for_choosing(keys: NDArray[Any], labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which training images are held out to choose the model, see `_smallest_keys`."""
    _, held_out = held_out_split(labels)
    return _smallest_keys(
        keys, labels, np.bincount(labels[held_out], minlength=int(labels.max()) + 1)
    )


def _smallest_keys(
    keys: NDArray[Any], labels: NDArray[np.uint8], counts: NDArray[Any]
) -> NDArray[np.bool_]:
    """Draw about `counts` images of each class: the images with the smallest keys, bool (n,).

    Images with the same key are a group. A group is drawn as a whole, if this brings the numbers of
    images closer to `counts`. Each class with several groups gives and keeps at least one.
    """
    _, group_of = np.unique(keys, return_inverse=True)  # in the order of the keys
    sizes = np.zeros((group_of.max() + 1, len(counts)))  # (n_groups, n_classes)
    np.add.at(sizes, (group_of, labels), 1)
    is_drawn = np.zeros(len(sizes), bool)
    missing, kept = counts.copy(), sizes.sum(axis=0)
    for gives_none in (False, True):
        for group in np.flatnonzero(~is_drawn):
            size = sizes[group]
            is_useful = np.abs(missing - size).sum() < np.abs(missing).sum()
            if gives_none:
                is_useful = (size[missing == counts] > 0).any()
            if is_useful and (kept > size)[size > 0].all():
                is_drawn[group] = True
                missing, kept = missing - size, kept - size
    return is_drawn[group_of]
