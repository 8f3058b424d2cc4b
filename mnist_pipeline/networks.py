"""The two networks: a multi-layer perceptron and a convolutional network for 28×28 digits.

Both take pixels in [0, 1] and return logits; the softmax is in the loss and in
`mnist_pipeline.training.predict_probabilities`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mnist_pipeline.utils.blocks import in_blocks, slices

SIDE = 28  # a digit is 28×28 pixels
IMAGES_PER_GROUP = 32  # that a thread takes at a time, and whose gradients are added up together
_NO_KERNELS = np.empty((0, 0, 0), np.float32)


class MLP(nn.Module):
    """One hidden layer of rectified units between the pixels and the classes.

    Parameters
    ----------
    input_size : int, default=784
        Number of pixels of an image.
    hidden_size : int, default=1024
        Number of hidden units.
    num_classes : int, default=10
        Number of classes.

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
        """Logits of shape (N, num_classes) for images (N, 28, 28), (N, 1, 28, 28) or (N, 784)."""
        x = _as_rows(x, self.hidden.in_features)  # (N, 784)
        x = self.relu(self.hidden(x))  # (N, 1024)
        logits: Tensor = self.output(x)  # (N, 10)
        return logits


class CNN(nn.Module):
    """Two convolutions, each rectified and pooled, and a linear classifier.

    The maximum commutes with any increasing function, so ``relu(pool(x))`` is ``pool(relu(x))``,
    with a quarter of the values to rectify. On a CPU each convolution, with what follows it, is compiled code: the
    first one pass over the image, the second Winograd's, except in bfloat16.

    Parameters
    ----------
    num_classes : int, default=10
        Number of classes.

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
        """Logits of shape (N, num_classes) for images (N, 28, 28), (N, 1, 28, 28) or (N, 784)."""
        x = _as_rows(x, SIDE * SIDE).view(-1, 1, SIDE, SIDE)  # (N, 1, 28, 28)
        is_compiled = _is_compiled(x, self.conv1)
        if is_compiled:
            x = _first_layer(x, self.conv1)  # (N, 32, 12, 12)
        else:
            x = self.conv1(x)  # (N, 32, 24, 24)
            x = self.relu(self.pool(x))  # (N, 32, 12, 12)
        if is_compiled and x.dtype == torch.float32:
            x = _second_layer(x, self.conv2)  # (N, 64, 4, 4)
        else:
            x = self.conv2(x)  # (N, 64, 8, 8)
            x = self.relu(self.pool(x))  # (N, 64, 4, 4)
        logits: Tensor = self.linear(self.flatten(x))  # (N, 10)
        return logits

    def gains_from_bfloat16(self, device: torch.device) -> bool:
        """Whether a device that multiplies bfloat16 is faster so than by the compiled layers in float32.

        Of processors, those with AMX are.
        """
        return device.type != "cpu" or has_amx()

    def has_own_threads(self, device: torch.device, precision: str) -> bool:
        """Whether compiled code, which brings its threads, does all that takes long."""
        return device.type == "cpu" and precision == "float32"


def has_amx() -> bool:
    """Whether the processor multiplies matrices of bfloat16 in tiles."""
    if not hasattr(torch.cpu, "get_capabilities"):  # torch before 2.10
        return bool(torch.cpu._is_amx_tile_supported())
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def _is_compiled(x: Tensor, layer: nn.Conv2d) -> bool:
    """Whether compiled code does the first layer: on a CPU, in float32, of images that nobody asks a gradient of."""
    wants_gradient = torch.is_grad_enabled() and x.requires_grad
    return x.device.type == "cpu" and x.dtype == layer.weight.dtype == torch.float32 and not wants_gradient


def _first_layer(x: Tensor, layer: nn.Conv2d) -> Tensor:
    return _applied(_FirstLayer, x.detach().reshape(-1, SIDE, SIDE).contiguous(), layer)


class _FirstLayer(torch.autograd.Function):
    """``relu(pool(conv(x)))`` for images (N, rows, columns), in the type that products are made of.

    The result lies with channels innermost. Gradients are added up by groups of images, in one order however many
    threads there are.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        from mnist_pipeline.kernels.convolution import convolve_and_pool

        half = torch.is_autocast_enabled("cpu")
        rows, columns = ((length - kernel + 1) // 2 for length, kernel in zip(images.shape[1:], weight.shape[2:]))
        output = np.empty((len(images), rows, columns, len(weight)), np.uint16 if half else np.float32)
        places = np.empty(output.shape, np.uint8)
        pixels, offsets = images.numpy(), bias.detach().numpy()
        kernels = weight.detach().reshape(len(weight), -1).t().contiguous().numpy()

        def convolve(group: slice) -> None:
            convolve_and_pool(pixels[group], kernels, offsets, output[group], places[group])

        in_blocks(convolve, len(images), IMAGES_PER_GROUP)
        ctx.images, ctx.output, ctx.places, ctx.weight_shape = pixels, output, places, weight.shape
        found = torch.from_numpy(output).permute(0, 3, 1, 2)
        return found.view(torch.bfloat16) if half else found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, Tensor]:
        from mnist_pipeline.kernels.convolution import add_gradients

        given = gradients[0].permute(0, 2, 3, 1).contiguous()
        gradient = given.view(torch.uint16).numpy() if given.dtype == torch.bfloat16 else given.numpy()
        num_kernels, num_taps = ctx.weight_shape[0], ctx.weight_shape[1:].numel()
        groups = slices(len(gradient), IMAGES_PER_GROUP)
        sums = np.zeros((len(groups), num_taps + 1, num_kernels), np.float32)

        def add(group: slice) -> None:
            total = sums[group.start // IMAGES_PER_GROUP]
            add_gradients(ctx.images[group], gradient[group], ctx.output[group], ctx.places[group], total)

        in_blocks(add, len(gradient), IMAGES_PER_GROUP)
        total = torch.from_numpy(sums.sum(axis=0))
        return None, total[:-1].t().reshape(ctx.weight_shape), total[-1]


def _second_layer(x: Tensor, layer: nn.Conv2d) -> Tensor:
    return _applied(_SecondLayer, x, layer)


def _applied(function: Any, x: Tensor, layer: nn.Conv2d) -> Tensor:
    """What a function gives, with the layer's weights; torch gives `apply` no type."""
    found: Tensor = function.apply(x, layer.weight, layer.bias)
    return found


class _SecondLayer(torch.autograd.Function):
    """``relu(pool(conv(x)))`` for what the first layer gives, (N, 32, 12, 12), in float32.

    Lies, and adds up gradients, as the first layer does.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        from mnist_pipeline.kernels.winograd import CHANNELS_OUT, STEP, convolve_and_pool

        images, offsets = x.detach().permute(0, 2, 3, 1).contiguous().numpy(), bias.detach().numpy()
        kernels = _kernel_factors(weight.detach().permute(2, 3, 1, 0))
        output = np.empty((len(images), STEP, STEP, CHANNELS_OUT), np.float32)
        places = np.empty(output.shape, np.uint8)

        def convolve(group: slice) -> None:
            convolve_and_pool(images[group], kernels, offsets, output[group], places[group])

        in_blocks(convolve, len(images), IMAGES_PER_GROUP)
        ctx.images, ctx.weight, ctx.output, ctx.places = images, weight.detach(), output, places
        return torch.from_numpy(output).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        from mnist_pipeline.kernels.winograd import KERNEL_FACTORS, add_gradients

        gradient = gradients[0].permute(0, 2, 3, 1).contiguous().numpy()
        num_kernels, num_channels, *taps = ctx.weight.shape
        is_asked = ctx.needs_input_grad[0]
        kernels = _kernel_factors(ctx.weight.permute(2, 3, 0, 1)) if is_asked else _NO_KERNELS
        groups = slices(len(gradient), IMAGES_PER_GROUP)
        kernel_sums = np.zeros((len(groups), len(KERNEL_FACTORS), num_channels, num_kernels), np.float32)
        bias_sums = np.zeros((len(groups), num_kernels), np.float32)
        image_gradient = np.empty_like(ctx.images if is_asked else ctx.images[:0])

        def add(group: slice) -> None:
            number = group.start // IMAGES_PER_GROUP
            add_gradients(
                gradient[group], ctx.images[group], ctx.output[group], ctx.places[group], kernels,
                kernel_sums[number], bias_sums[number], image_gradient[group],
            )  # fmt: skip

        in_blocks(add, len(gradient), IMAGES_PER_GROUP)
        of_factors = torch.from_numpy(kernel_sums.sum(axis=0)).flatten(1)
        of_taps = torch.from_numpy(KERNEL_FACTORS).t() @ of_factors
        by_kernel = of_taps.reshape(-1, num_kernels).t().contiguous()  # as weights lie that have channels innermost
        of_weight = by_kernel.reshape(num_kernels, *taps, num_channels).permute(0, 3, 1, 2)
        of_images = torch.from_numpy(image_gradient).permute(0, 3, 1, 2) if is_asked else None
        return of_images, of_weight, torch.from_numpy(bias_sums.sum(axis=0))


def _kernel_factors(taps: Tensor) -> NDArray[np.float32]:
    """The factors of kernels whose rows and columns come first: (64, channels, channels)."""
    from mnist_pipeline.kernels.winograd import KERNEL_FACTORS

    factors = torch.from_numpy(KERNEL_FACTORS) @ taps.flatten(0, 1).flatten(1)
    found: NDArray[np.float32] = factors.reshape(-1, *taps.shape[2:]).numpy()
    return found


@dataclass(frozen=True)
class Layer:
    """One step of a network: what it is, what it gives for one image, how many numbers it learns."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    num_parameters: int


def layers(model: nn.Module, input_shape: tuple[int, ...] = (SIDE, SIDE)) -> list[Layer]:
    """List the layers of a network in the order in which they run.

    Parameters
    ----------
    model : Module
        Any network whose layers are modules.
    input_shape : tuple of int, default=(28, 28)
        Shape of one image.

    Returns
    -------
    list of Layer
        One entry for every call of a layer, its output shape without the batch dimension.

    Examples
    --------
    >>> [layer.output_shape for layer in layers(CNN()) if layer.num_parameters]
    [(32, 24, 24), (64, 8, 8), (10,)]
    """
    rows: list[Layer] = []

    def record(name: str, module: nn.Module, output: Tensor) -> None:
        rows.append(Layer(name, type(module).__name__, tuple(output.shape[1:]), num_parameters(module)))

    shapes = copy.deepcopy(model).to("cpu", torch.float64)  # in which no layer is passed over
    for name, module in shapes.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, _, output, name=name: record(name, module, output))
    parameter = next(shapes.parameters())
    with torch.inference_mode():
        shapes(torch.zeros(1, *input_shape, dtype=parameter.dtype, device=parameter.device))
    return rows


def build(name: str) -> nn.Module:
    """The network of that name, "mlp" or "cnn", with fresh parameters."""
    return MLP() if name == "mlp" else CNN()


def of_weights(weights: Mapping[str, NDArray[Any]]) -> nn.Module:
    """A network with fresh parameters, of the kind that has parameters of these shapes."""
    return build("cnn" if any(array.ndim == 4 for array in weights.values()) else "mlp")


def layer_rows(model: nn.Module) -> list[dict[str, Any]]:
    """Rows of a table of the layers: `layer`, its `output` for one image, and how many `parameters` it learns."""
    return [
        {
            "layer": layer.kind,
            "output": " × ".join(map(str, layer.output_shape)),
            "parameters": layer.num_parameters,
        }
        for layer in layers(model)
    ]


def num_parameters(model: nn.Module) -> int:
    """Count the numbers that a network learns."""
    return sum(parameter.numel() for parameter in model.parameters())


def _as_rows(x: Tensor, num_pixels: int) -> Tensor:
    """View a batch of images as a matrix with an image a row."""
    if x.ndim < 2 or math.prod(x.shape[1:]) != num_pixels:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; expected a batch of images with {num_pixels} pixels each, "
            f"such as (N, {num_pixels}) or (N, {SIDE}, {SIDE}). Add a batch dimension to a single image."
        )
    return x.reshape(x.shape[0], num_pixels)


def _require_positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}; expected a positive integer.")
