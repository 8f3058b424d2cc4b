"""What the convolutional network looks for, and what it misreads."""

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline.data.records import DigitSet, Predictions
from mnist_pipeline.evaluation import scores
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

GROUP = "networks"


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def cnn_kernels(cnn_model: dict[str, np.ndarray]):
    """The 32 first-layer kernels of the convolutional network, float32 (32, 5, 5)."""
    with stopwatch():
        kernels = cnn_model["conv1.weight"][:, 0]
    title = f"{len(kernels)} first-layer kernels"
    return result(
        kernels,
        f"{len(kernels)} kernels, largest weight {np.abs(kernels).max():.2f}",
        figures={"kernels": figures.image_grid(kernels, 8, title=title, signed=True)},
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"pandas"})
def cnn_errors(cnn_predictions: Predictions, test_digits: DigitSet):
    """Every test digit that the convolutional network misreads, the most confident error first.

    The report shows them.
    """
    labels = test_digits.labels
    with stopwatch():
        rows = scores.misclassified(labels, cnn_predictions.labels, cnn_predictions.probabilities)
        errors = pd.DataFrame(rows)
    return result(errors, f"{len(errors)} errors of {len(labels):,}", tables={"worst": errors})
