"""What a trained network predicts, and its weights as arrays."""

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from mnist_pipeline.methods.networks.devices import (
    arithmetic,
    default_device,
    placed,
    seeded,
)
from mnist_pipeline.methods.networks.modules import CNN, MLP, check_module
from mnist_pipeline.utils.arguments import checked_number, checked_pixels

# Images predicted at a time. Their activations fit the cache, which halves the time.
BATCH_SIZE = 250
# Of temperatures. Float32 logits of any useful network, divided by these, are finite.
COLDEST, HOTTEST = 1e-30, 1e30


def predict_probabilities(
    model: nn.Module, images: ArrayLike, temperature: float = 1.0
) -> NDArray[np.float32]:
    """Class probabilities (num_samples, num_classes) of images.

    They are computed in float32, on the GPU if there is a GPU; a network with parameters of another
    floating type is copied. The images are (num_samples, rows, columns) or (num_samples,
    num_features): bytes, which are divided by 255, or finite floating values, which the network
    gets as they are. `temperature`, from 1e-30 to 1e30, divides the logits; `History.temperature`
    calibrates the probabilities. Afterwards the network is in evaluation mode.

    Raises a ValueError for other images and temperatures, and for a network whose logits are not
    finite, as after a training that diverged.

    Examples
    --------
    >>> from mnist_pipeline.methods.networks.modules import MLP
    >>> predict_probabilities(MLP(784, 16, 3), np.zeros((5, 28, 28), np.uint8)).shape
    (5, 3)
    """
    divisor = float(checked_number("temperature", temperature, COLDEST, HOTTEST))
    network = in_float32(model)
    pixels, device = as_tensor(images_for(network, images)), default_device()
    with placed(network, device, "float32") as form:
        scores = logits(form, pixels.to(device), "float32")
    model.eval()
    probabilities = (scores / divisor).softmax(dim=1)
    if not bool(probabilities.isfinite().all()):
        raise ValueError(
            f"model returns logits from {float(scores.min())} to {float(scores.max())}; expected "
            f"finite logits, also divided by the temperature {divisor}"
        )
    return probabilities.cpu().numpy()


def in_float32(model: nn.Module) -> nn.Module:
    """The network, or a copy in float32 if a parameter or buffer has another floating type.

    Raises a TypeError for a network that is not a torch module.
    """
    check_module(model)
    tensors = [*model.parameters(), *model.buffers()]
    if all(tensor.dtype == torch.float32 or not tensor.is_floating_point() for tensor in tensors):
        return model
    return copy.deepcopy(model).float()


def weights(model: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Copies of a network's parameters and buffers by name, as C-contiguous float32 arrays.

    `modules.of_weights` is the inverse.
    """
    return {
        name: np.array(value.detach().cpu().float().numpy(), order="C")
        for name, value in model.state_dict().items()
    }


def logits(model: nn.Module, pixels: Tensor, precision: str) -> Tensor:
    """Float32 logits of all images, computed one batch at a time without gradients."""
    model.eval()
    with torch.inference_mode(), arithmetic(pixels.device, precision):
        return torch.cat(
            [model(scaled(batch)).float() for batch in torch.split(pixels, BATCH_SIZE)]
        )


def scaled(pixels: Tensor) -> Tensor:
    """Bytes divided by 255; floating values unchanged."""
    return pixels.float().div_(255) if pixels.dtype == torch.uint8 else pixels


def images_for(model: nn.Module, images: ArrayLike) -> NDArray[Any]:
    """Images that a network can compute, as an array of bytes or of float32.

    Raises a ValueError for images that are neither bytes nor finite floating values, and for images
    of a shape that the network does not take.
    """
    pixels = checked_pixels("images", images, np.float32)
    if type(model) not in (MLP, CNN):
        first_logits(model, pixels)
    elif pixels[0].size != model.input_size:
        raise ValueError(
            f"images has shape {pixels.shape}; expected images or rows of {model.input_size} values"
        )
    return pixels


@torch.no_grad()
def first_logits(model: nn.Module, pixels: NDArray[Any]) -> Tensor:
    """The logits of the first image, (1, num_classes), computed where the network is.

    Raises a ValueError if the network does not compute logits of such an image, and a TypeError if
    it returns no tensor. Random numbers are drawn as if the network had not run.
    """
    parameter = next(model.parameters(), torch.empty(0))
    image = scaled(as_tensor(pixels[:1])).to(parameter.device)
    try:
        with seeded(0):
            scores = model.eval()(image)
    except RuntimeError as error:
        raise ValueError(
            f"images has shape {pixels.shape}; the model can't compute an image of that shape in "
            f"float32: {error}"
        ) from error
    if not isinstance(scores, Tensor):
        raise TypeError(f"model returns a {type(scores).__name__}; expected a tensor")
    if scores.ndim != 2 or len(scores) != 1:
        raise ValueError(
            f"model returns logits of shape {tuple(scores.shape)} for an image; expected "
            "(1, num_classes)"
        )
    return scores


def as_tensor(pixels: NDArray[Any]) -> Tensor:
    """An array as a tensor. torch needs writable arrays, so a read-only memory map is copied into
    memory here.
    """
    return torch.from_numpy(np.require(pixels, requirements=("C", "W")))
