"""Softmax regression on histograms of gradients, and the same regression on pixels.

Both learn the same images by the same gradient descent, with the learning rate 0.5 / ‖x‖², where
‖x‖² is the mean over the images, or 1 if that is larger. So they differ in nothing but the features
x.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.held_out import stratified_order
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.methods.gradients import CELL_SHAPE, cell_histograms_of
from mnist_pipeline.methods.softmax import method
from mnist_pipeline.utils.stored_types import stored_type

# All digits of MNIST would add two seconds to a run.
MAX_IMAGES = 10_000
# Of a training; but each image is seen at most `MAX_PASSES` times.
NUM_UPDATES, MAX_PASSES = 100_000, 100
# Learning rate times ‖x‖². Of 0.1, 0.2, 0.5, 1 and 2, one of the two best for held-out digits of
# MNIST, on pixels (90.0%) and on gradients (97.4%).
STEP = 0.5
LEVELS = 127  # of a weight, per sign: the page has a byte for each weight


@stored_type
class SoftmaxOnGradients(NamedTuple):
    """The regression on gradients, and what both regressions answer to the test images."""

    levels: NDArray[np.int8]  # (n_classes, 392); the weights are these, times `step`
    step: float
    bias: NDArray[np.float64]  # (n_classes,)
    mean: NDArray[np.float64]  # features of the training images, (392,)
    trained_on: int  # images that each regression learned from
    passes: int  # over these images
    # Of the regression on pixels, and of that on gradients; uint8 (2, n_test).
    answers: NDArray[np.uint8]


def fit(train: DigitSet, test_images: NDArray[np.uint8], *, seed: int) -> SoftmaxOnGradients:
    """Fit both regressions at the same time, since one fit computes on one core."""
    chosen = stratified_order(train.labels, seed)[:MAX_IMAGES]
    labels = train.labels[chosen]
    passes = min(MAX_PASSES, math.ceil(NUM_UPDATES / len(chosen)))
    rows = cell_histograms_of(train.images[chosen])

    def fit_rows(X: NDArray[np.generic], largest: int) -> method.Parameters:
        """The weights of rows whose features are at most `largest`."""
        square = np.square(X, dtype=np.float32).sum() / len(X) / largest**2
        rate = STEP / max(float(square), 1)  # 1, since the bias is the weight of a constant 1
        return method.sgd(
            X, labels, num_classes=train.num_classes, learning_rate=rate, epochs=passes, seed=seed
        )

    with ThreadPoolExecutor(1) as threads:
        of_pixels = threads.submit(fit_rows, train.images[chosen].reshape(len(chosen), -1), 255)
        weights, bias = fit_rows(rows, 1)
        by_pixels = method.predict_probabilities(*of_pixels.result(), test_images)
    step = float(np.abs(weights).max() or 1) / LEVELS
    levels = np.rint(weights / step).astype(np.int8)
    fitted = SoftmaxOnGradients(
        levels=levels,
        step=step,
        bias=bias,
        mean=rows.mean(axis=0, dtype=np.float64),
        trained_on=len(chosen),
        passes=passes,
        answers=np.empty((2, len(test_images)), np.uint8),
    )
    fitted.answers[0] = by_pixels.argmax(axis=1)
    fitted.answers[1] = predict_probabilities(fitted, test_images).argmax(axis=1)
    return fitted


def predict_probabilities(
    fitted: SoftmaxOnGradients, images: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Class probabilities of images (n, 28, 28) or (n, 28, 28, 3) by their gradients, float64
    (n, n_classes).
    """
    weights = fitted.levels * np.float64(fitted.step)
    return method.predict_probabilities(weights, fitted.bias, cell_histograms_of(images))


def votes(fitted: SoftmaxOnGradients) -> NDArray[np.float64]:
    """Weights × mean features: what each direction of each cell adds to the score of a class on
    average, (n_classes, 7, 7, 8).
    """
    return (fitted.step * fitted.levels * fitted.mean).reshape(len(fitted.bias), *CELL_SHAPE)
