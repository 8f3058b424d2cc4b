"""Of at most 600 images, 5% get a wrong label at random. Of the list of labels to check, at most
twice as many rows are read. The known wrong labels of MNIST are the 15 test labels that most of
five reviewers rejected (C. G. Northcutt, A. Athalye, J. Mueller, 2021).
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import packages
from benchmarks.bench import DATA, Bench
from benchmarks.table import Table, seconds, share
from benchmarks.timing import timed
from mnist_pipeline.data import catalogue
from mnist_pipeline.data.datasets import DigitSet, load_digits
from mnist_pipeline.data.values import ImageKind
from mnist_pipeline.evaluation import labels_to_check as checking

NAMES = ("stamps",)
NUM_IMAGES = 600
WRONG_SHARE = 0.05
SEED = 2_026


def measure(bench: Bench) -> Table:
    """A row per set, and a note on MNIST."""
    header = ("", "wrong labels", "found", "of these rows wrong", "listed", "confident", "time")
    table = Table("Labels to check", header)
    examples = {"MNIST": bench.train}
    with tempfile.TemporaryDirectory() as directory:
        for name in NAMES:
            root = packages.write(name, Path(directory))
            examples[name] = _joined(load_digits(root, "train"), load_digits(root, "test"))
    for name, digits in examples.items():
        table.rows.append(_row(name, *digits))
        bench.say(f"  {' | '.join(table.rows[-1])}")
    table.notes.append(_known(bench))
    return table


def _joined(*parts: DigitSet) -> DigitSet:
    return DigitSet(*map(np.concatenate, zip(*parts)))


def _row(name: str, images: np.ndarray, true: np.ndarray) -> tuple[str, ...]:
    chosen = np.random.default_rng(SEED).permutation(len(true))[:NUM_IMAGES]
    images, true = images[chosen], true[chosen].astype(int)
    num_classes, num_wrong = true.max() + 1, round(WRONG_SHARE * len(true))
    rng = np.random.default_rng(SEED)
    wrong = rng.permutation(len(true))[:num_wrong]
    labels = true.copy()
    labels[wrong] = (true[wrong] + rng.integers(1, num_classes, num_wrong)) % num_classes
    kind = ImageKind(handwritten=name == "MNIST")
    answer = partial(checking.unseen_probabilities, images, labels, SEED, kind)
    wall, probabilities = timed(answer)
    table = checking.contradicted(probabilities, labels)
    read = table.index[: 2 * num_wrong]
    hits = int(read.isin(wrong).sum())
    return (
        f"{name}, {len(true)} images in {num_classes} classes",
        str(num_wrong),
        share(hits, num_wrong),
        f"{hits / len(read):.0%}",
        str(len(table)),
        str(table["confident"].sum()),
        seconds(wall),
    )


def _known(bench: Bench) -> str:
    """How many of the known wrong test labels of MNIST are found."""
    splits = {"train": bench.train, "test": bench.test}
    raw = catalogue.read_raw(DATA)
    wall, found = timed(partial(checking.find, raw, raw.data_set, splits, 0))
    table = found.table
    listed = set(zip(table["split"], table["index"]))
    num_known = sum(("test", index) in listed for index in catalogue.DOUBTED)
    return (
        f"Of MNIST's 70,000 labels, {len(table)} are listed in {seconds(wall)}, among them "
        f"{num_known} of the {len(catalogue.DOUBTED)} known wrong ones."
    )
