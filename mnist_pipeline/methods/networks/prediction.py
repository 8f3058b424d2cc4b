"""What a trained network predicts, and its weights as arrays."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mnist_pipeline.methods.networks.devices import arithmetic, default_device, placed
from mnist_pipeline.utils.arguments import checked_pixels

# Images predicted at a time. Their activations fit the cache, which halves the time.
BATCH_SIZE = 250


def predict_probabilities(
    model: nn.Module, images: NDArray[Any], temperature: float = 1.0
) -> NDArray[np.float32]:
    """Class probabilities (num_samples, num_classes) of images.

    They are computed in float32, on the GPU if there is a GPU. The images are (num_samples, rows,
    columns) or (num_samples, num_features), uint8 or floating in [0, 1]. `temperature` divides the
    logits; `History.temperature` calibrates the probabilities.

    Examples
    --------
    >>> from mnist_pipeline.methods.networks.modules import MLP
    >>> predict_probabilities(MLP(784, 16, 3), np.zeros((5, 28, 28), np.uint8)).shape
    (5, 3)
    """
    pixels, device = pixel_tensor(images), default_device()
    with placed(model, device, "float32") as network:
        scores = logits(network, pixels.to(device), "float32")
    return (scores / temperature).softmax(dim=1).cpu().numpy()


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


def pixel_tensor(images: NDArray[Any]) -> Tensor:
    """Images as a tensor, uint8 or float32.

    Raises a ValueError if they are neither bytes nor finite floating values. torch needs writable
    arrays, so a read-only memory map is copied into memory here.
    """
    pixels = checked_pixels("images", images, np.float32)
    return torch.from_numpy(np.require(pixels, requirements=("C", "W")))
