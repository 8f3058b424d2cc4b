"""Fitted networks of given weights."""

from typing import Any

import numpy as np

from mnist_pipeline.methods import gradients, ridge_regression
from mnist_pipeline.methods.networks.fitted import FittedNetwork


def fitted_network(weights: dict[str, np.ndarray], **changes: Any) -> FittedNetwork:
    """A network with these weights, which says nothing of its training."""
    nothing = np.array([])
    fitted = FittedNetwork(
        weights, None, nothing, nothing, nothing, (), 1.0, "float32", "cpu", recipe={}
    )
    return fitted._replace(**changes)


def add_kernel(network: Any, shape: tuple[int, ...], num_classes: int) -> None:
    """Add a kernel regression on a random image of this shape per class to a CNN."""
    from mnist_pipeline.methods.networks.gradient_layers import KernelScores  # it imports torch

    images = np.random.default_rng(1).random((num_classes, *shape), np.float32)
    rows = gradients.histograms(images.reshape(num_classes, 28, 28, -1))
    labels = np.arange(num_classes)
    network.kernel = KernelScores.of(ridge_regression.fit(rows, labels, num_classes))
