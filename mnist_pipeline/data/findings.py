"""What a data set contains, and what about it would harm the models, before anything is computed
from it.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnist_pipeline.data import datasets
from mnist_pipeline.data.datasets import Split, reader_of
from mnist_pipeline.data.reader import SPLITS
from mnist_pipeline.data.records import DigitSet


@dataclass(frozen=True)
class Findings:
    """What was found in a data set. `problems` are those with which a run would fail."""

    layout: str
    class_names: tuple[str, ...]
    counts: dict[Split, list[int]]  # images of each class
    kinds: dict[str, int]  # images by their original size and colours, the most frequent first
    warnings: list[str]
    problems: list[str]

    def document(self) -> dict[str, Any]:
        """All findings as plain JSON values."""
        return asdict(self)


def inspect(root: Path) -> tuple[Findings, dict[Split, DigitSet]]:
    """Read a data set, and find out what is in it. Raises a DatasetError if it can't be read."""
    reader = reader_of(root)
    names = reader.class_names
    sets, kinds = {}, Counter[str]()
    for split in SPLITS:
        part = reader.read(split)
        sets[split] = DigitSet(part.images, part.labels)
        kinds += part.kinds
    counts: dict[Split, list[int]] = {
        split: np.bincount(digits.labels, minlength=len(names)).tolist()
        for split, digits in sets.items()
    }
    found = Findings(reader.title, names, counts, dict(kinds.most_common()), [], [])
    for split, digits in sets.items():
        _judge(split, digits, counts[split], found)
    if shared := datasets.num_shared_images(sets["train"].images, sets["test"].images):
        found.warnings.append(
            f"{shared:,} test images are training images too; accuracy would be too optimistic"
        )
    return found, sets


def _judge(split: Split, digits: DigitSet, counts: list[int], found: Findings) -> None:
    """Add what is wrong with a split."""
    images, labels = digits
    if absent := [name for name, count in zip(found.class_names, counts, strict=True) if not count]:
        found.problems.append(
            f"{split} has no image of class {', '.join(absent[:5])}; add some, or remove the class"
        )
    if (lightest := int(images.max())) < 128:
        found.problems.append(
            f"the lightest pixel of {split} has grey level {lightest} of 255; save grey levels up "
            "to 255"
        )
    if min(counts) < max(counts) / 2:
        found.warnings.append(
            f"the smallest class of {split} has {min(counts):,} images, and the largest "
            f"{max(counts):,}"
        )
    repeated, ambiguous = datasets.repetitions(digits)
    if repeated:
        found.warnings.append(f"{repeated:,} images of {split} equal an earlier one")
    if ambiguous:
        found.warnings.append(
            f"{ambiguous:,} different images of {split} occur with more than one label"
        )
    if empty := datasets.num_nearly_empty(images):
        found.warnings.append(
            f"{empty:,} images of {split} are nearly empty: they have almost no contrast"
        )
    if datasets.is_sorted_by_class(labels):
        found.warnings.append(
            f"the images of {split} are sorted by class; softmax regression learns little from "
            "them so"
        )
