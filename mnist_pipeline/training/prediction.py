"""Probabilities from a trained network, its weights as arrays, and images as tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mnist_pipeline.networks import of_weights
from mnist_pipeline.records import Network
from mnist_pipeline.training.hardware import autocast, choose_precision, device_of, placed
from mnist_pipeline.training.recipes import PRECISIONS, require

Model = TypeVar("Model", bound=nn.Module)
BATCH_SIZE = 250  # the activations of so many images fit the cache, which halves the time


def predict_probabilities(
    model: nn.Module,
    images: NDArray[Any],
    *,
    temperature: float = 1.0,
    batch_size: int = BATCH_SIZE,
    precision: str = "float32",
    device: str | None = None,
) -> NDArray[np.float32]:
    """Class probabilities of each image.

    Parameters
    ----------
    model : Module
        From pixels in [0, 1] to logits.
    images : ndarray of shape (num_samples, rows, columns) or (num_samples, num_features)
        Images, uint8 or floating in [0, 1].
    temperature : float, default=1.0
        Divisor of the logits; `History.temperature` calibrates the probabilities.
    batch_size : int, default=250
        Images per batch.
    precision : {"float32", "bfloat16", "auto"}, default="float32"
        Arithmetic of the matrix products.
    device : str, optional
        Where to compute. By default where the model is.

    Returns
    -------
    ndarray of shape (num_samples, num_classes), float32
        Each row sums to one.
    """
    is_positive = math.isfinite(temperature) and temperature > 0
    require(is_positive, "temperature", temperature, "a positive finite number")
    require(batch_size >= 1, "batch_size", batch_size, "at least 1")
    require(precision in PRECISIONS, "precision", precision, f"one of {PRECISIONS}")
    pixels = pixel_tensor(images)
    place = torch.device(device) if device else device_of(model)
    resolved = choose_precision(model, place, precision)
    with placed(model, place, resolved, channels_last=True) as network:
        scores = logits(network, pixels.to(place), resolved, batch_size)
    probabilities: NDArray[np.float32] = (scores / temperature).softmax(dim=1).cpu().numpy()
    return probabilities


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
    """Load arrays from `weights` into a network of the same architecture; return it in evaluation mode."""
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    given = {name: tuple(array.shape) for name, array in arrays.items()}
    if given != expected:
        raise ValueError(f"arrays has shapes {given}; the model {type(model).__name__} needs {expected}.")
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
    return model.eval()


def reader(network: Network, predictions: object) -> Callable[[NDArray[Any]], NDArray[np.int64]]:
    """A function from many images to labels, by a stored network."""
    model = load_weights(of_weights(network.weights), network.weights)
    return lambda images: predict_probabilities(model, images).argmax(axis=1)


def logits(model: nn.Module, pixels: Tensor, precision: str, batch_size: int = BATCH_SIZE) -> Tensor:
    """Logits of all images, float32, one batch at a time, without gradients."""
    model.eval()
    with torch.inference_mode(), autocast(pixels.device, precision):
        return torch.cat([model(scaled(batch)).float() for batch in torch.split(pixels, batch_size)])


def scaled(pixels: Tensor) -> Tensor:
    """Bytes divided by 255; floating values unchanged."""
    return pixels.float().div_(255) if pixels.dtype == torch.uint8 else pixels


def pixel_tensor(images: NDArray[Any]) -> Tensor:
    """Images as a tensor, uint8 or float32, checked.

    torch needs writable arrays, so a read-only memory map is copied into memory here.
    """
    array = checked_images(images)
    dtype = np.uint8 if array.dtype == np.uint8 else np.float32
    return torch.from_numpy(np.require(array, dtype=dtype, requirements=("C", "W")))


def checked_images(images: NDArray[Any]) -> NDArray[Any]:
    """Images as an array of uint8 or finite floating values; raise a ValueError for anything else."""
    array = np.asarray(images)
    if array.ndim < 2 or array.size == 0:
        raise ValueError(f"images has shape {array.shape}; expected (N, rows, columns) or (N, features), N at least 1.")
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise ValueError(f"images has type {array.dtype}; expected uint8, or floating pixels in [0, 1].")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("images contains NaN or infinite values; remove or replace them first.")
    return array
