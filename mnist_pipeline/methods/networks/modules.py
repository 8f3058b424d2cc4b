"""The two networks: a multi-layer perceptron and a convolutional network for 28×28 pixels.

Both take pixels in [0, 1], grey or in colour, and return logits. The softmax is in the loss and in
`prediction.predict_probabilities`.
"""

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mnist_pipeline.methods import gradients
from mnist_pipeline.methods.networks.gradient_layers import KernelScores, OrientedGradients
from mnist_pipeline.methods.networks.layers import (
    compiled_layers,
    has_own_behaviour,
    layer_difference,
)
from mnist_pipeline.utils.arguments import checked

SIDE = 28  # an image is 28×28 pixels
GREY = (SIDE, SIDE)  # the shape of an image; in colour it is (28, 28, 3)
LARGEST = 2**20  # units of a layer; more do not fit into memory beside their weights


class MLP(nn.Module):
    """Multi-layer perceptron with one hidden layer.

    Raises a ValueError for a size that is not an integer from 1 to `LARGEST`.

    Examples
    --------
    >>> MLP(784, 1024, 10)(torch.zeros(3, 28, 28)).shape
    torch.Size([3, 10])
    """

    def __init__(
        self, input_size: int = SIDE * SIDE, hidden_size: int = 1024, num_classes: int = 10
    ) -> None:
        super().__init__()
        _check_sizes(input_size=input_size, hidden_size=hidden_size, num_classes=num_classes)
        self.input_size = input_size
        self.hidden = nn.Linear(input_size, hidden_size)
        self.relu = nn.ReLU()
        self.output = nn.Linear(hidden_size, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, num_classes) of images (N, 28, 28), (N, 28, 28, 3) or rows (N, input_size)."""
        x = x.flatten(1)  # (N, 784)
        x = self.relu(self.hidden(x))  # (N, 1024)
        return self.output(x)  # (N, 10)


class CNN(nn.Module):
    """Convolutional network with two convolutions and a linear classifier.

    With `sees_gradients`, the first convolution gets the six oriented gradients of an image in
    addition to its levels.

    On a CPU, training and prediction of grey images run its compiled form, which computes the same
    function with the same parameters. If you subclass the network, replace a layer, or add a hook,
    torch computes it.

    Raises a ValueError for a size that is not an integer from 1 to `LARGEST`.

    Examples
    --------
    >>> CNN(10)(torch.zeros(3, 28, 28)).shape
    torch.Size([3, 10])
    """

    def __init__(
        self, num_classes: int = 10, channels: int = 1, *, sees_gradients: bool = False
    ) -> None:
        super().__init__()
        _check_sizes(num_classes=num_classes, channels=channels)
        self.channels = channels
        self.input_size = SIDE * SIDE * channels
        self.gradients = OrientedGradients() if sees_gradients else None
        num_inputs = channels + len(gradients.DIRECTIONS) * sees_gradients
        self.conv1 = nn.Conv2d(num_inputs, 32, kernel_size=5)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=5)
        self.pool = nn.MaxPool2d(2)
        self.relu = nn.ReLU()
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(64 * 4 * 4, num_classes)
        self.kernel: KernelScores | None = None  # after training, see `training.fit`

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, num_classes) of images (N, 28, 28) or (N, 28, 28, channels), or of their rows
        (N, 784 · channels).
        """
        x = x.reshape(x.shape[0], SIDE, SIDE, self.channels)
        x = x.movedim(3, 1)  # (N, channels, 28, 28)
        pixels = x
        if self.gradients is not None:
            x = self.gradients(x)  # (N, channels + 6, 28, 28)
        x = self.relu(self.conv1(x))  # (N, 32, 24, 24)
        x = self.pool(x)  # (N, 32, 12, 12)
        x = self.relu(self.conv2(x))  # (N, 64, 8, 8)
        x = self.pool(x)  # (N, 64, 4, 4)
        x = self.flatten(x)  # (N, 1024)
        x = self.linear(x)  # (N, 10)
        return x if self.kernel is None else x + self.kernel(pixels)

    @property
    def has_compiled_form(self) -> bool:
        """Whether `compiled` computes this network."""
        return not self._difference()

    def compiled(self) -> nn.Module:
        """The compiled form of this network, for grey images on a CPU.

        It shares the layers, so training one trains both. Raises a ValueError for a network that it
        would not compute: in colour, with gradients, with batch normalization, or with anything
        else that differs from the layers that this class constructs for digits.
        """
        if difference := self._difference():
            raise ValueError(f"the network has no compiled form: {difference}")
        # Imported here, because it imports Numba.
        from mnist_pipeline.methods.networks.compiled.cnn import CompiledCNN

        return CompiledCNN(self.conv1, self.conv2, self.linear)

    def _difference(self) -> str:
        """The first difference from the network that the compiled form computes, or no text."""
        if type(self) is not CNN:
            return f"it is of class {type(self).__name__}; expected CNN"
        if has_own_behaviour(self):
            return "it has hooks, or another function in place of its forward"
        if self.channels != 1:
            return f"it is for images of {self.channels} channels; expected 1"
        layers = dict(self.named_modules())
        layers.pop("")
        if layers.keys() != compiled_layers().keys():
            return f"its layers are {[*layers]}; expected {[*compiled_layers()]}"
        differences = (layer_difference(name, layer) for name, layer in layers.items())
        return next(filter(None, differences), "")


Network = MLP | CNN


def construct(
    kind: str,
    num_classes: int,
    shape: tuple[int, ...] = GREY,
    hidden_size: int | None = None,
    *,
    sees_gradients: bool = False,
) -> Network:
    """The untrained network "mlp" or "cnn" for images of this shape.

    Only a CNN sees gradients. By default, the hidden layer of the MLP has 1024 units for grey
    images, and a third of them for images in colour, which is the same number of weights.
    """
    if kind == "cnn":
        channels = math.prod(shape[2:])
        return CNN(num_classes, channels, sees_gradients=sees_gradients)
    input_size = math.prod(shape)
    return MLP(input_size, hidden_size or 1024 * SIDE * SIDE // input_size, num_classes)


def layer_rows(model: Network) -> list[dict[str, Any]]:
    """Rows of a table of the layers, in the order in which they run.

    A row is one call of a layer: its class, the size of its kernel or an empty text, the shape of
    its output for one image, and its number of parameters. The network is not changed.

    Raises a TypeError unless the model is an `MLP` or a `CNN`.

    Examples
    --------
    >>> for row in layer_rows(CNN()):
    ...     print(*row.values(), sep=" | ")
    Conv2d | 5 × 5 | 32 × 24 × 24 | 832
    ReLU |  | 32 × 24 × 24 | 0
    MaxPool2d | 2 × 2 | 32 × 12 × 12 | 0
    Conv2d | 5 × 5 | 64 × 8 × 8 | 51264
    ReLU |  | 64 × 8 × 8 | 0
    MaxPool2d | 2 × 2 | 64 × 4 × 4 | 0
    Flatten |  | 1024 | 0
    Linear |  | 10 | 10250
    """
    if not isinstance(model, MLP | CNN):
        raise TypeError(f"model is a {type(model).__name__}; expected an MLP or a CNN")
    rows: list[dict[str, Any]] = []

    def record(module: nn.Module, _: Any, output: Tensor) -> None:
        shape = " × ".join(map(str, output.shape[1:]))
        size: Any = getattr(module, "kernel_size", ())  # one number stands for both sides
        sides = size if isinstance(size, tuple) else (size, size)
        rows.append(
            {
                "layer": type(module).__name__,
                "kernel": " × ".join(map(str, sides)),
                "output": shape,
                "parameters": num_parameters(module),
            }
        )

    observed = copy.deepcopy(model).cpu().float().eval()
    for module in observed.modules():
        if not list(module.children()):
            module.register_forward_hook(record)
    with torch.inference_mode():
        observed(torch.zeros(1, model.input_size))
    return rows


def of_weights(kind: str, weights: Mapping[str, NDArray[Any]]) -> Network:
    """The network "mlp" or "cnn" with these weights by name, in evaluation mode.

    Examples
    --------
    >>> weights = {name: tensor.numpy() for name, tensor in MLP(784, 16, 3).state_dict().items()}
    >>> of_weights("mlp", weights).output
    Linear(in_features=16, out_features=3, bias=True)
    """
    network: Network
    if kind == "cnn":
        channels, sees_gradients = gradients.of_inputs(weights["conv1.weight"].shape[1])
        network = CNN(len(weights["linear.bias"]), channels, sees_gradients=sees_gradients)
        if "kernel.points" in weights:
            num_points, num_features = weights["kernel.points"].shape
            network.kernel = KernelScores(num_points, num_features, len(weights["linear.bias"]))
    else:
        num_hidden, num_inputs = weights["hidden.weight"].shape
        network = MLP(num_inputs, num_hidden, len(weights["output.bias"]))
    network.load_state_dict(
        {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    )
    return network.eval()


def num_parameters(model: nn.Module) -> int:
    """Number of parameters that a network learns; a TypeError if it is not a torch module.

    Examples
    --------
    >>> num_parameters(MLP(784, 1024, 10))
    814090
    """
    check_module(model)
    return sum(parameter.numel() for parameter in model.parameters())


def _check_sizes(**sizes: int) -> None:
    """Raise a ValueError for a size of a layer that is not an integer from 1 to `LARGEST`."""
    for name, size in sizes.items():
        checked(name, size, 1, LARGEST, (), "iu")


def check_module(model: nn.Module) -> None:
    """Raise a TypeError for a model that is not a torch module."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}; expected a module of torch")
