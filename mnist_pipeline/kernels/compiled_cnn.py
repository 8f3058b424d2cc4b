"""The convolutional network with compiled convolutions, for training and prediction on a CPU.

`CompiledCNN` computes the function of `mnist_pipeline.networks.CNN`, which is its plain reference, with the same
parameters. The first convolution, with pooling and rectifying, is one pass over the image (`kernels.convolution`). The
second is Winograd's (`kernels.winograd`).

The maximum commutes with any increasing function, so relu(pool(x)) equals pool(relu(x)), with a quarter of the values
to rectify. Gradients are summed per group of 32 images, and then over the groups, so results do not depend on the
number of threads.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mnist_pipeline.kernels import convolution, winograd
from mnist_pipeline.utils.blocks import in_blocks

SIDE = 28
IMAGES_PER_GROUP = 32
_NO_KERNELS = np.empty((0, 0, 0), np.float32)


class CompiledCNN(nn.Module):
    """The network of `networks.CNN` with compiled convolutions; it shares the layers, so training changes both.

    Parameters and images are float32, on the CPU. Images get no gradient.
    """

    def __init__(self, conv1: nn.Conv2d, conv2: nn.Conv2d, linear: nn.Linear) -> None:
        super().__init__()
        self.conv1, self.conv2, self.linear = conv1, conv2, linear

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, num_classes) of images (N, 28, 28), (N, 1, 28, 28) or (N, 784)."""
        x = x.reshape(len(x), SIDE, SIDE)  # (N, 28, 28)
        x = first_layer(x, self.conv1)  # (N, 32, 12, 12)
        x = second_layer(x, self.conv2)  # (N, 64, 4, 4)
        return self.linear(x.flatten(1))  # (N, 10)


def first_layer(images: Tensor, layer: nn.Conv2d) -> Tensor:
    """relu(pool(conv(images))) of images (N, 28, 28), as (N, 32, 12, 12) with channels innermost."""
    return _FirstLayer.apply(images.detach().contiguous(), layer.weight, layer.bias)  # type: ignore[no-untyped-call]


def second_layer(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """relu(pool(conv(x))) of what `first_layer` returns, as (N, 64, 4, 4) with channels innermost."""
    return _SecondLayer.apply(x, layer.weight, layer.bias)  # type: ignore[no-untyped-call]


class _FirstLayer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        rows, columns = ((length - kernel + 1) // 2 for length, kernel in zip(images.shape[1:], weight.shape[2:]))
        output = np.empty((len(images), rows, columns, len(weight)), np.float32)
        argmax = np.empty(output.shape, np.uint8)
        pixels, offsets = images.numpy(), bias.detach().numpy()
        taps = weight.detach().reshape(len(weight), -1).t().contiguous().numpy()  # (25, 32)

        _in_groups(convolution.convolve_and_pool, [pixels, output, argmax], taps, offsets)
        ctx.images, ctx.output, ctx.argmax, ctx.weight_shape = pixels, output, argmax, weight.shape
        return torch.from_numpy(output).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, Tensor]:
        gradient = gradients[0].permute(0, 2, 3, 1).contiguous().numpy()
        num_kernels, num_taps = ctx.weight_shape[0], ctx.weight_shape[1:].numel()
        arrays = [ctx.images, gradient, ctx.output, ctx.argmax]
        (sums,) = _in_groups(convolution.add_gradients, arrays, sums=[(num_taps + 1, num_kernels)])
        total = torch.from_numpy(sums)
        return None, total[:-1].t().reshape(ctx.weight_shape), total[-1]


class _SecondLayer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        images, offsets = x.detach().permute(0, 2, 3, 1).contiguous().numpy(), bias.detach().numpy()
        kernels = _kernel_factors(weight.detach().permute(2, 3, 1, 0))
        output = np.empty((len(images), winograd.STEP, winograd.STEP, winograd.CHANNELS_OUT), np.float32)
        argmax = np.empty(output.shape, np.uint8)

        _in_groups(winograd.convolve_and_pool, [images, output, argmax], kernels, offsets)
        ctx.images, ctx.weight, ctx.output, ctx.argmax = images, weight.detach(), output, argmax
        return torch.from_numpy(output).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        gradient = gradients[0].permute(0, 2, 3, 1).contiguous().numpy()
        num_kernels, num_channels, *taps = ctx.weight.shape
        needs_images = ctx.needs_input_grad[0]
        kernels = _kernel_factors(ctx.weight.permute(2, 3, 0, 1)) if needs_images else _NO_KERNELS
        image_gradient = np.empty_like(ctx.images if needs_images else ctx.images[:0])
        arrays = [gradient, ctx.images, ctx.output, ctx.argmax, image_gradient]
        shapes = [(winograd.PLACES, num_channels, num_kernels), (num_kernels,)]
        of_factors, of_bias = _in_groups(winograd.add_gradients, arrays, kernels, sums=shapes)
        of_taps = torch.from_numpy(winograd.KERNEL_FACTORS).t() @ torch.from_numpy(of_factors).flatten(1)
        by_kernel = of_taps.reshape(-1, num_kernels).t().contiguous()  # the layout of weights with channels innermost
        of_weight = by_kernel.reshape(num_kernels, *taps, num_channels).permute(0, 3, 1, 2)
        of_images = torch.from_numpy(image_gradient).permute(0, 3, 1, 2) if needs_images else None
        return of_images, of_weight, torch.from_numpy(of_bias)


def _in_groups(
    kernel: Callable[..., None],
    images: Sequence[NDArray[Any]],
    *shared: NDArray[Any],
    sums: Sequence[tuple[int, ...]] = (),
) -> list[NDArray[np.float32]]:
    """Call a kernel for each group of images; return the totals of the sums, of these shapes, that it adds to."""
    count = len(images[0])
    arrays = [np.zeros((-(-count // IMAGES_PER_GROUP), *shape), np.float32) for shape in sums]

    def compute(group: slice) -> None:
        sums_of_group = (array[group.start // IMAGES_PER_GROUP] for array in arrays)
        kernel(*(array[group] for array in images), *shared, *sums_of_group)

    in_blocks(compute, count, IMAGES_PER_GROUP)
    return [array.sum(axis=0) for array in arrays]


def _kernel_factors(taps: Tensor) -> NDArray[np.float32]:
    """Winograd's factors (64, channels, channels) of kernels whose rows and columns come first."""
    factors = torch.from_numpy(winograd.KERNEL_FACTORS) @ taps.flatten(0, 1).flatten(1)
    return factors.reshape(-1, *taps.shape[2:]).numpy()
