"""Accuracy by number of training images, of the models that a moment is enough to fit."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mnist_pipeline.data.held_out import split, stratified_order
from mnist_pipeline.data.records import DigitSet, Fitted
from mnist_pipeline.evaluation.experiments import DEFAULTS, Curve, curves
from mnist_pipeline.evaluation.scores import Evaluation, accuracy
from mnist_pipeline.methods import softmax
from mnist_pipeline.methods.knn import KNNClassifier

SIZES = (100, 1_000, 10_000)
# Updates × learning rate of softmax regression per training image: 20 passes with 0.001. Small
# steps lead to the same weights if this product is the same.
LENGTH = 0.02


def measure(
    train: DigitSet,
    test: DigitSet,
    index: Fitted,
    evaluations: Mapping[str, Evaluation],
    seed: int,
) -> pd.DataFrame:
    """The accuracy on the test images: a row per model and number of training images.

    k-NN and softmax regression are fitted to the parts of the training images that a trial of a
    sweep takes (`experiments.run`). A smaller part is contained in a larger one. With all images,
    every model has the accuracy of the run. `index` is the k-NN of the run: its components save
    their computation.
    """
    kept = split(train.labels)[0]
    order = kept[stratified_order(train.labels[kept], seed)]
    algorithm = "pca" if "components" in index else "brute"
    rows = []
    for size in SIZES:
        if size >= len(kept):
            break
        chosen = np.sort(order[:size])
        images, labels = train.images[chosen], train.labels[chosen]
        nearest = KNNClassifier(algorithm=algorithm)
        nearest.fit(images, labels, index.get("mean"), index.get("components"))
        # At the rate 1 ÷ ‖x‖², an update changes the scores of its own image by the error.
        rate = 100 / max(100, np.square(images[:100] / 255).sum())
        W, b = softmax.sgd(
            images,
            labels,
            num_classes=train.num_classes,
            learning_rate=rate,
            epochs=max(1, round(LENGTH * len(train.labels) / size / rate)),
            seed=seed,
        )
        most_probable = softmax.predict_probabilities(W, b, test.images).argmax(axis=1)
        rows.append(("knn", size, accuracy(test.labels, nearest.predict(test.images))))
        rows.append(("softmax", size, accuracy(test.labels, most_probable)))
    for name, evaluation in evaluations.items():
        # The first two answer with all images; the others keep those held out to choose.
        size = len(train.labels if name in ("knn", "softmax") else kept)
        rows.append((name, size, evaluation.accuracy))
    table = pd.DataFrame(rows, columns=["model", "size", "test_accuracy"])
    return table.assign(settings=DEFAULTS, seed=seed)


def all_curves(table: pd.DataFrame, sweep: pd.DataFrame | None = None) -> list[Curve]:
    """A curve per model from the result of `measure`, and from the summary of a sweep if there is
    one; a model with one size is a curve of one point.
    """
    if sweep is not None:
        tried = sweep.loc[sweep["settings"] == DEFAULTS, table.columns]
        table = pd.concat([table, tried]).drop_duplicates(["model", "size", "seed"])
    return curves(table, least=1)
