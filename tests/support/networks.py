"""Fitted networks of given weights."""

from typing import Any

import numpy as np

from mnist_pipeline.methods.networks.fitted import FittedNetwork


def fitted_network(weights: dict[str, np.ndarray], **changes: Any) -> FittedNetwork:
    """A network with these weights, which says nothing of its training."""
    nothing = np.array([])
    fitted = FittedNetwork(
        weights, None, nothing, nothing, nothing, (), 1.0, "float32", "cpu", recipe={}
    )
    return fitted._replace(**changes)
