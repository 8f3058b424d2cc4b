"""A fitted network as it is stored."""

from typing import Any, NamedTuple

import numpy as np

from mnist_pipeline.utils.stored_types import stored_type

Weights = dict[str, np.ndarray]  # by the name of the parameter in torch; float32


@stored_type
class FittedNetwork(NamedTuple):
    """The weights of a network, and how it was trained.

    The measurements and the temperature come from the training without the held-out images.
    """

    weights: Weights
    # Those of the training without the held-out images, if the network was then trained again on
    # all images; else `weights` are of that training.
    held_out_weights: Weights | None
    # Means over the training images of each epoch, float64 (n_epochs,); each image is scored just
    # before its batch's update.
    loss: np.ndarray
    accuracy: np.ndarray
    validation_accuracy: np.ndarray  # on the held-out images; NaN if there are none
    losses: tuple[tuple[float, ...], ...]  # like `loss`, over parts of each epoch
    temperature: float  # divides the logits, which calibrates the probabilities
    precision: str  # of the training: "float32" or "bfloat16"
    device: str  # that trained: "cpu" or "cuda"
    recipe: dict[str, Any]  # the fields of the `Recipe`
