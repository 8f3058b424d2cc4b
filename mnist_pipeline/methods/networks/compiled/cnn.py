"""Read the plain twin of this module, `modules.CNN`: it computes the same function.

`CompiledCNN` has the same parameters, and compiled convolutions for training and prediction on a
CPU. The first convolution, with pooling and rectifying, is one pass over the image
(`convolution`). The second is Winograd's (`winograd`).

The threads share the images: each takes a group of them through the whole network, forward and
backward, while their values are in the cache of its core. Gradients are summed per group, and then
over the groups in their order, so results do not depend on the number of threads.

The maximum commutes with any increasing function, so relu(pool(x)) equals pool(relu(x)), with a
quarter of the values to rectify.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mnist_pipeline.methods.networks.compiled import convolution, winograd
from mnist_pipeline.methods.networks.layers import layer_difference
from mnist_pipeline.utils.blocks import in_blocks

SIDE = 28
IMAGES_PER_GROUP = 64
_POOLED_SIDE = (SIDE - convolution.SIDE + 1) // 2
_NO_KERNELS = np.empty((0, 0, 0), np.float32)

Array = NDArray[np.float32]
Argmax = NDArray[np.uint8]  # where in its window each maximum was
Pooled = tuple[Array, Argmax]  # with channels innermost


class CompiledCNN(nn.Module):
    """The network `modules.CNN` with compiled convolutions.

    It shares the layers, so training one trains both. Parameters and images are float32, on the
    CPU; a ValueError names others, and layers that the kernels are not compiled for. Autograd is
    not used: `backpropagate` computes the gradients.
    """

    def __init__(self, conv1: nn.Conv2d, conv2: nn.Conv2d, linear: nn.Linear) -> None:
        super().__init__()
        self.conv1, self.conv2, self.linear = conv1, conv2, linear

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, num_classes) of images (N, 28, 28), (N, 1, 28, 28) or (N, 784)."""
        images, parameters = _pixels(x), _Parameters(self)
        scores = np.empty((len(images), len(parameters.classes)), np.float32)

        def compute(group: slice) -> None:
            scores[group] = _forward(images[group], parameters)[-1].numpy()

        in_blocks(compute, len(images), IMAGES_PER_GROUP)
        return torch.from_numpy(scores)

    @torch.no_grad()
    def backpropagate(
        self, x: Tensor, targets: Tensor, label_smoothing: float = 0.0, least: float = 0.0
    ) -> Tensor:
        """Set the gradients of the mean cross-entropy with `targets` (N,); return the logits.

        An image is left out if each of its probabilities is closer than `least` to its target,
        because its gradients are small. A first layer that requires no gradient gets none.

        Raises a ValueError unless there is a target per image, int64 in [0, num_classes).
        """
        images, parameters = _pixels(x), _Parameters(self)
        num_classes = len(parameters.classes)
        scores = np.empty((len(images), num_classes), np.float32)
        _check_targets(targets, len(images), num_classes)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing is {label_smoothing}; expected a number from 0 to 1")
        expected = F.one_hot(targets, num_classes) * (1 - label_smoothing)
        expected = expected + label_smoothing / num_classes
        sums: dict[int, list[Array]] = {}

        def compute(group: slice) -> None:
            first, second, logits = _forward(images[group], parameters)
            scores[group] = logits.numpy()
            gradient = logits.softmax(dim=1) - expected[group]
            kept = (gradient.abs().amax(dim=1) >= least).numpy()
            arrays: list[Any] = [
                array[kept] if least else array for array in (images[group], *first, *second)
            ]
            sums[group.start] = _backward(gradient[kept] / len(images), parameters, *arrays)

        in_blocks(compute, len(images), IMAGES_PER_GROUP)
        groups = [sums[start] for start in sorted(sums)]
        parameters.set_gradients(
            *(torch.from_numpy(sum(parts[1:], parts[0])) for parts in zip(*groups, strict=True))
        )
        return torch.from_numpy(scores)


class _Parameters:
    """The parameters of a network in the layout of the compiled layers, with channels innermost."""

    def __init__(self, network: CompiledCNN) -> None:
        layers = dict(network.named_children())
        for name, layer in layers.items():
            if difference := layer_difference(name, layer):
                raise ValueError(
                    f"the compiled network does not compute these layers: {difference}"
                )
        conv1, conv2, linear = network.conv1, network.conv2, network.linear
        self.parameters: list[Any] = [
            parameter for layer in layers.values() for parameter in (layer.weight, layer.bias)
        ]
        self.trains_first = any(parameter.requires_grad for parameter in self.parameters[:2])
        self.taps = conv1.weight.flatten(1).t().contiguous().numpy()  # (25, 32)
        by_tap = conv2.weight.permute(2, 3, 1, 0).reshape(len(self.taps), -1)  # (25, 32 · 64)
        factors = torch.from_numpy(winograd.KERNEL_FACTORS) @ by_tap
        self.kernels = factors.reshape(-1, convolution.CHANNELS, winograd.CHANNELS_OUT).numpy()
        self.transposed = (
            self.kernels.transpose(0, 2, 1).copy() if self.trains_first else _NO_KERNELS
        )
        self.classes = _channels_last(linear.weight, winograd.CHANNELS_OUT, -1)  # (10, 1024)
        # Detached, because `no_grad` holds for one thread only.
        *biases, self.class_biases = [bias.detach() for bias in self.parameters[1::2]]
        self.biases = [bias.contiguous().numpy() for bias in biases]

    def set_gradients(
        self, taps: Tensor, factors: Tensor, bias: Tensor, classes: Tensor, class_biases: Tensor
    ) -> None:
        """Set the gradients of the parameters from the gradients of the compiled layers."""
        of_classes = _channels_last(classes, -1, winograd.CHANNELS_OUT)
        by_tap = torch.from_numpy(winograd.KERNEL_FACTORS).t() @ factors.flatten(1)  # (25, 32 · 64)
        by_tap = by_tap.reshape(convolution.SIDE, convolution.SIDE, *factors.shape[1:])
        of_kernels = by_tap.permute(3, 2, 0, 1)  # (64, 32, 5, 5)
        gradients = [taps[:-1].t(), taps[-1], of_kernels, bias, of_classes, class_biases]
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            if parameter.requires_grad:  # Adam takes the layout of the parameter
                parameter.grad = torch.empty_like(parameter).copy_(
                    gradient.reshape(parameter.shape)
                )


def _forward(images: Array, parameters: _Parameters) -> tuple[Pooled, Pooled, Tensor]:
    """The pooled results of both layers, (n, 12, 12, 32) and (n, 4, 4, 64), and the logits."""
    torch.set_num_threads(1)  # of this thread: the threads share the images
    first = _empty(len(images), _POOLED_SIDE, _POOLED_SIDE, convolution.CHANNELS)
    second = _empty(len(images), winograd.STEP, winograd.STEP, winograd.CHANNELS_OUT)
    convolution.convolve_and_pool(images, *first, parameters.taps, parameters.biases[0])
    winograd.convolve_and_pool(first[0], *second, parameters.kernels, parameters.biases[1])
    logits = torch.addmm(parameters.class_biases, _rows(second[0]), parameters.classes.t())
    return first, second, logits


def _backward(
    gradient: Tensor,
    parameters: _Parameters,
    images: Array,
    first: Array,
    first_argmax: Argmax,
    second: Array,
    second_argmax: Argmax,
) -> list[Array]:
    """The arguments of `set_gradients` from the gradient of the logits, (n, 10)."""
    factors = np.zeros(
        (winograd.POSITIONS, convolution.CHANNELS, winograd.CHANNELS_OUT), np.float32
    )
    taps = np.zeros((len(parameters.taps) + 1, convolution.CHANNELS), np.float32)
    bias = np.zeros(winograd.CHANNELS_OUT, np.float32)
    of_second = (gradient @ parameters.classes).numpy().reshape(second.shape)
    of_first = np.empty_like(first if parameters.trains_first else first[:0])
    winograd.add_gradients(
        of_second, first, second, second_argmax, of_first, parameters.transposed, factors, bias
    )
    if parameters.trains_first:
        convolution.add_gradients(images, of_first, first, first_argmax, taps)
    return [
        taps,
        factors,
        bias,
        (gradient.t() @ _rows(second)).numpy(),
        gradient.sum(dim=0).numpy(),
    ]


def _check_targets(targets: Tensor, num_images: int, num_classes: int) -> None:
    """Raise a ValueError unless there is a class per image, and at least one image."""
    if targets.shape != (num_images,) or targets.dtype != torch.int64 or num_images == 0:
        raise ValueError(
            f"targets has shape {tuple(targets.shape)} and type {targets.dtype}; expected int64 of "
            f"shape ({num_images},), for at least one image"
        )
    for extreme in (int(targets.min()), int(targets.max())):
        if not 0 <= extreme < num_classes:
            raise ValueError(
                f"targets has the value {extreme}; expected classes from 0 to {num_classes - 1}"
            )


def _pixels(x: Tensor) -> Array:
    if not isinstance(x, Tensor):
        raise TypeError(f"x is a {type(x).__name__}; expected a tensor")
    if x.dtype != torch.float32 or x.shape[1:].numel() != SIDE**2:
        raise ValueError(
            f"x has shape {tuple(x.shape)} and type {x.dtype}; expected float32 images of "
            f"{SIDE}×{SIDE} pixels"
        )
    return x.reshape(len(x), SIDE, SIDE).contiguous().numpy()


def _empty(*shape: int) -> Pooled:
    return np.empty(shape, np.float32), np.empty(shape, np.uint8)


def _rows(results: Array) -> Tensor:
    """The results of each image as a row of a matrix."""
    return torch.from_numpy(results).flatten(1)


def _channels_last(rows: Tensor, first: int, last: int) -> Tensor:
    """Rows (n, first · last) with these two axes exchanged: from channels outermost to channels
    innermost, or back.
    """
    return rows.reshape(len(rows), first, last).transpose(1, 2).flatten(1)
