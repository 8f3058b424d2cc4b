"""The kernels of the convolutional network, and the images that it misclassifies."""

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline.data.values import DataSet, DigitSet, Predictions, RawData
from mnist_pipeline.evaluation import scores
from mnist_pipeline.methods.gradients import of_inputs
from mnist_pipeline.methods.networks.fitted import FittedNetwork
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

GROUP = "networks"
NUM_ERRORS_SHOWN = 60


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def cnn_kernels(cnn_model: FittedNetwork):
    """The 32 first-layer kernels of the convolutional network, float32 (32, 5, 5) or, for images in
    colour, (32, 5, 5, 3): of a network that also sees gradients, the weights of the levels.
    """
    with stopwatch():
        weights = cnn_model.weights["conv1.weight"]
        channels, _ = of_inputs(weights.shape[1])
        kernels = weights[:, :channels].transpose(0, 2, 3, 1)
        if kernels.shape[3] == 1:
            kernels = kernels[..., 0]
    title = f"{len(kernels)} first-layer kernels"
    return result(
        kernels,
        f"{len(kernels)} kernels, largest weight {np.abs(kernels).max():.2f}",
        figures={"kernels": figures.image_grid(kernels, 8, title=title, signed=True)},
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"pandas"})
def cnn_errors(
    cnn_predictions: Predictions, test_digits: DigitSet, raw_mnist: RawData, data_set: DataSet
):
    """Every test image that the convolutional network misclassifies, the most confident error
    first.
    """
    (images, labels), names = test_digits, data_set.class_names
    with stopwatch():
        rows = scores.misclassified(labels, cnn_predictions.labels, cnn_predictions.probabilities)
        errors = pd.DataFrame({**rows, **raw_mnist.files_of("test", rows["index"])})
    shown = errors.head(NUM_ERRORS_SHOWN)
    pairs = zip(shown["true_label"], shown["predicted_label"])
    captions = [f"{names[true]} → {names[predicted]}" for true, predicted in pairs]
    drawn = {}
    if captions:
        title = "The most confident errors: true → predicted"
        drawn["errors"] = figures.image_grid(
            data_set.shown(images[shown["index"]]), 10, captions, title
        )
    return result(
        errors,
        f"errors: {len(errors)} of {len(labels):,}",
        tables={"worst": errors},
        figures=drawn,
    )
