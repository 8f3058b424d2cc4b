"""Confusion matrices as exact counts: the counts of the shards add up to the counts of the whole set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from mnist_pipeline.data.datasets import NUM_CLASSES, DigitSet
from mnist_pipeline.evaluation import confusion_matrix, wilson_interval

BLOCK = 5_000  # images per call of a model: 31 MB in double precision

Counts = dict[str, np.ndarray]
Scores = Callable[[np.ndarray], np.ndarray]  # images (n, 28, 28) → scores (n, n_classes)


def confusions(digits: DigitSet, models: Mapping[str, Scores]) -> Counts:
    """Counts of (true class, predicted class) of each model, int64 (n_classes, n_classes)."""
    starts = range(0, len(digits.labels), BLOCK)
    return {
        model: confusion_matrix(
            digits.labels,
            np.concatenate([scores(digits.images[i : i + BLOCK]).argmax(axis=1) for i in starts]),
            NUM_CLASSES,
        )
        for model, scores in models.items()
    }


def total(parts: Iterable[Counts]) -> Counts:
    """Add the counts of all parts; only one part is in memory at a time."""
    whole: Counts = {}
    for part in parts:
        whole = {model: matrix + whole.get(model, 0) for model, matrix in part.items()}
    return whole


def num_images(counts: Counts) -> int:
    """Number of images counted for each model."""
    return int(next(iter(counts.values())).sum())


def rows(digits: str, counts: Counts) -> list[dict[str, Any]]:
    """One row per model: the digits, their number, the errors, the accuracy and its 95% Wilson interval."""
    table = []
    for model, matrix in counts.items():
        size, correct = int(matrix.sum()), int(np.trace(matrix))
        low, high = wilson_interval(correct, size)
        table.append(
            {
                "digits": digits, "model": model, "total": size, "errors": size - correct,
                "accuracy": correct / size, "lowest": low, "highest": high,
            }
        )  # fmt: skip
    return table
