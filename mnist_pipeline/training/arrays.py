"""Trained networks as arrays: their weights, and the record that is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mnist_pipeline.networks import of_weights
from mnist_pipeline.records import Network
from mnist_pipeline.training.loop import History
from mnist_pipeline.training.prediction import predict_probabilities

Model = TypeVar("Model", bound=nn.Module)


def weights(model: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Parameters and buffers of a network by name, as C-contiguous float32 copies.

    The names are those of `state_dict()`: "hidden.weight", "hidden.bias", "output.weight", "output.bias" for the MLP,
    and the same two of "conv1", "conv2" and "linear" for the CNN.
    """
    return {
        name: np.array(value.detach().cpu().float().numpy(), order="C", copy=True)
        for name, value in model.state_dict().items()
    }


def load_weights(model: Model, arrays: Mapping[str, NDArray[Any]]) -> Model:
    """Load arrays from `weights` into a network of the same architecture.

    Parameters
    ----------
    model : Module
        The network, changed in place.
    arrays : mapping of str to ndarray
        One array per parameter.

    Returns
    -------
    Module
        The same network, in evaluation mode.
    """
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    given = {name: tuple(array.shape) for name, array in arrays.items()}
    if given != expected:
        raise ValueError(f"arrays hold {given}; the model {type(model).__name__} needs {expected}.")
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
    return model.eval()


def stored(model: nn.Module, history: History) -> Network:
    """A trained network as it is stored, with the measurements of each epoch."""
    held_out = [record.validation_accuracy for record in history.epochs]
    return Network(
        weights(model),
        np.array([record.loss for record in history.epochs]),
        np.array([record.accuracy for record in history.epochs]),
        np.array([np.nan if accuracy is None else accuracy for accuracy in held_out]),
        np.array(history.temperature),
    )


def reader(network: Network, predictions: object) -> Callable[[NDArray[Any]], NDArray[np.int64]]:
    """A function from many images to labels, by a stored network."""
    model = load_weights(of_weights(network.weights), network.weights)
    return lambda images: predict_probabilities(model, images).argmax(axis=1)
