"""The two networks: a multi-layer perceptron and a convolutional network for 28×28 digits.

Both take pixels in [0, 1] and return logits. The softmax is in the loss and in `training.predict_probabilities`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SIDE = 28  # a digit is 28×28 pixels


class MLP(nn.Module):
    """Multi-layer perceptron with one hidden layer.

    Examples
    --------
    >>> MLP(784, 1024, 10)(torch.zeros(3, 28, 28)).shape
    torch.Size([3, 10])
    """

    def __init__(self, input_size: int = SIDE * SIDE, hidden_size: int = 1024, num_classes: int = 10) -> None:
        super().__init__()
        _require_positive(input_size=input_size, hidden_size=hidden_size, num_classes=num_classes)
        self.hidden = nn.Linear(input_size, hidden_size)
        self.relu = nn.ReLU()
        self.output = nn.Linear(hidden_size, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, num_classes) of images (N, 28, 28), (N, 1, 28, 28) or (N, 784)."""
        x = _as_batch(x, self.hidden.in_features)  # (N, 784)
        x = self.relu(self.hidden(x))  # (N, 1024)
        return self.output(x)  # (N, 10)


class CNN(nn.Module):
    """Convolutional network with two convolutions and a linear classifier.

    On a CPU, training and prediction run its compiled form, which computes the same function with the same parameters.

    Examples
    --------
    >>> CNN(10)(torch.zeros(3, 28, 28)).shape
    torch.Size([3, 10])
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        _require_positive(num_classes=num_classes)
        self.conv1 = nn.Conv2d(1, 32, kernel_size=5)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=5)
        self.pool = nn.MaxPool2d(2)
        self.relu = nn.ReLU()
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(64 * 4 * 4, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, num_classes) of images (N, 28, 28), (N, 1, 28, 28) or (N, 784)."""
        x = _as_batch(x, 1, SIDE, SIDE)  # (N, 1, 28, 28)
        x = self.relu(self.conv1(x))  # (N, 32, 24, 24)
        x = self.pool(x)  # (N, 32, 12, 12)
        x = self.relu(self.conv2(x))  # (N, 64, 8, 8)
        x = self.pool(x)  # (N, 64, 4, 4)
        x = self.flatten(x)  # (N, 1024)
        return self.linear(x)  # (N, 10)

    def compiled(self) -> nn.Module:
        """The compiled form of this network, for a CPU. It shares the layers, so training one trains both."""
        from mnist_pipeline.kernels.compiled_cnn import CompiledCNN  # here, because it imports Numba

        return CompiledCNN(self.conv1, self.conv2, self.linear)


@dataclass(frozen=True)
class Layer:
    """A layer of a network: its name, its class, the shape of its output for one image, its number of parameters."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    num_parameters: int


def layers(model: nn.Module, input_shape: tuple[int, ...] = (SIDE, SIDE)) -> list[Layer]:
    """List the layers of a network in the order in which they run.

    One entry per call of a layer. The network is not changed.

    Examples
    --------
    >>> [layer.output_shape for layer in layers(CNN()) if layer.num_parameters]
    [(32, 24, 24), (64, 8, 8), (10,)]
    """
    rows: list[Layer] = []

    def record(name: str, module: nn.Module, output: Tensor) -> None:
        rows.append(Layer(name, type(module).__name__, tuple(output.shape[1:]), num_parameters(module)))

    observed = copy.deepcopy(model).cpu()
    for name, module in observed.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, _, output, name=name: record(name, module, output))
    with torch.inference_mode():
        observed(torch.zeros(1, *input_shape))
    return rows


def of_weights(weights: Mapping[str, NDArray[Any]]) -> nn.Module:
    """A network with fresh parameters, of the kind that has parameters of these shapes."""
    return CNN() if any(array.ndim == 4 for array in weights.values()) else MLP()


def layer_rows(model: nn.Module) -> list[dict[str, Any]]:
    """Rows of a table of the layers: `layer`, its `output` for one image, and its number of `parameters`."""
    return [
        {
            "layer": layer.kind,
            "output": " × ".join(map(str, layer.output_shape)),
            "parameters": layer.num_parameters,
        }
        for layer in layers(model)
    ]


def num_parameters(model: nn.Module) -> int:
    """Number of parameters that a network learns."""
    return sum(parameter.numel() for parameter in model.parameters())


def load_by_position(model: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Copy the parameters of the same architecture under other names, such as the notebook's, into a network.

    The first tensor goes into the first parameter, the second into the second, and so on: weight before bias, layers
    in the order of their definition. For the CNN that is conv1, conv2, linear; for the MLP hidden, output.
    """
    own = model.state_dict()
    shapes, expected = ([tuple(tensor.shape) for tensor in state.values()] for state in (state_dict, own))
    if shapes != expected:
        raise ValueError(f"state_dict has shapes {shapes}; the model {type(model).__name__} needs {expected}.")
    model.load_state_dict(dict(zip(own, state_dict.values())))


def _as_batch(x: Tensor, *shape: int) -> Tensor:
    """Reshape a batch of images to (N, *shape)."""
    num_pixels = torch.Size(shape).numel()
    if x.ndim < 2 or x.shape[1:].numel() != num_pixels:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; expected a batch of images with {num_pixels} pixels each, "
            f"such as (N, {num_pixels}) or (N, {SIDE}, {SIDE}). Add a batch dimension to a single image."
        )
    return x.reshape(-1, *shape)


def _require_positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}; expected a positive integer.")
