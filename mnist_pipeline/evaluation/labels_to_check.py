"""Labels to check: the images whose label is contradicted by models that have not seen them.

References
----------
C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident learning: estimating uncertainty in dataset
labels", Journal of Artificial Intelligence Research 70, 2021.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from mnist_pipeline.data.values import DataSet, DigitSet, ImageKind, RawData
from mnist_pipeline.methods import gradients, ridge_regression
from mnist_pipeline.methods.networks.recipes import MOST_POINTS, ONE_PASS
from mnist_pipeline.methods.softmax.method import softmax
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.utils.stored_types import stored_type

MODEL = "cnn"  # the other models hardly learn some pictures, and the mean with them finds fewer
FOLDS = 5
ROUNDS = 2  # of folds; the mean of two networks errs less than one
MANY_IMAGES = 30_000  # a short training makes as many updates with fewer images as with so many
# Where people always find the latest table: a directory of the storage, and a file in it.
ADDRESS, FILE = "labels", "labels_to_check.csv"
TEXTS = dict.fromkeys(("file", "label", "suggestion"), str)  # names such as `007` stay texts


@stored_type
class LabelsToCheck(NamedTuple):
    """The images whose label the models contradict, the most doubtful first."""

    # `file`, the path of the image in the data set, empty if it is not a file of its own; `split`
    # and `index`, its position; then the columns of `contradicted`, with the names of the classes.
    table: pd.DataFrame

    @property
    def address(self) -> str:
        """The directory of the storage for the latest table."""
        return ADDRESS

    def to_files(self) -> dict[str, bytes]:
        """The table as a CSV file."""
        return {FILE: self.table.to_csv(index=False).encode()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> LabelsToCheck:
        """The inverse of `to_files`."""
        return cls(pd.read_csv(io.BytesIO(files[FILE]), dtype=TEXTS, keep_default_na=False))


def find(
    raw: RawData, data_set: DataSet, splits: Mapping[str, DigitSet], seed: int
) -> LabelsToCheck:
    """Let models answer each image of all splits without having seen it, and compare."""
    images, labels = (np.concatenate(arrays) for arrays in zip(*splits.values()))
    probabilities = unseen_probabilities(images, labels, seed, data_set.kind)
    table = contradicted(probabilities, labels)
    for column in ("label", "suggestion"):
        table[column] = [data_set.class_names[label] for label in table[column]]
    rows = [(split, i) for split, digits in splits.items() for i in range(len(digits.labels))]
    shown = pd.DataFrame([rows[row] for row in table.index], columns=["split", "index"])
    shown.insert(0, "file", [raw.path_of(split, i) for split, i in shown.to_numpy()])
    return LabelsToCheck(shown.join(table.reset_index(drop=True)))


def unseen_probabilities(
    images: np.ndarray, labels: np.ndarray, seed: int, kind: ImageKind
) -> np.ndarray:
    """Class probabilities (n, n_classes) of each image by models that have not seen it.

    For few pictures, the models are kernel regressions on all other images: they find no fewer
    wrong labels than networks, in a hundredth of the time. Otherwise they are networks, and the
    probabilities are means over `ROUNDS` divisions into folds. The trainings on handwriting and on
    large sets are short; other pictures have their own recipe, which takes longer.
    """
    if not kind.handwritten and len(images) <= MOST_POINTS:
        rows, num_classes = gradients.histograms_of(images), int(labels.max()) + 1
        return softmax(ridge_regression.left_out_scores(rows, labels, num_classes))
    method, digits = MODELS[MODEL].method(), DigitSet(images, labels)
    is_short = kind.handwritten or len(images) > MANY_IMAGES
    total = np.zeros((len(labels), int(labels.max()) + 1))
    for seed_of_round in range(seed, seed + ROUNDS):
        fold_of = folds(labels, seed_of_round)
        for fold in np.unique(fold_of):
            asked = fold_of == fold
            known = digits.part(~asked)
            fitted = method.fit(
                known,
                {"recipe": ONE_PASS if is_short else "default"},
                seed=seed_of_round,
                kind=kind,
                repeats=max(1.0, MANY_IMAGES / len(known.labels)) if is_short else 1.0,
            )
            probabilities = method.answer(fitted, images[asked]).probabilities
            # The last classes have no column if none of their images is known.
            total[asked, : probabilities.shape[1]] += probabilities
    return total / ROUNDS


def folds(labels: np.ndarray, seed: int) -> np.ndarray:
    """The fold of each image, at random; the images of a class are spread evenly.

    Two images of a class are in different folds.
    """
    by_class = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels))
    fold_of = np.empty(len(labels), np.int64)
    fold_of[by_class] = np.arange(len(labels)) % FOLDS
    return fold_of


def contradicted(probabilities: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """The images of which another class than the label is the most probable, by their numbers.

    The order is that of the normalized margin p(label) − p(suggestion). In confident rows,
    p(suggestion) is at least the mean probability of this class over the images with its label:
    confident learning counts these labels as wrong. An image that is the only one of its class is
    left out, because the models that have not seen it do not know the class.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.1, 0.9]])
    >>> contradicted(probabilities, np.array([0, 1, 1, 0]))[["suggestion", "confident"]]
       suggestion  confident
    3           1       True
    1           0       True
    """
    table = pd.DataFrame({"label": labels, "suggestion": probabilities.argmax(axis=1)})
    table["label_probability"] = probabilities[table.index, labels].round(4)
    table["suggestion_probability"] = probabilities.max(axis=1).round(4)
    by_class = table.groupby("label")["label_probability"]
    thresholds = table["suggestion"].map(by_class.mean())
    table["confident"] = table["suggestion_probability"] >= thresholds
    margins = table["label_probability"] - table["suggestion_probability"]
    is_listed = (table["label"] != table["suggestion"]) & (by_class.transform("size") > 1)
    return table.loc[margins[is_listed].sort_values(kind="stable").index]
