"""Layers that show a network the gradients of pictures, in torch: `gradients` and
`ridge_regression` are the definitions.
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mnist_pipeline.methods import gradients
from mnist_pipeline.methods.ridge_regression import KernelRegression


class OrientedGradients(nn.Module):
    """`gradients.oriented` of images (N, channels, height, width), as six further channels."""

    def forward(self, x: Tensor) -> Tensor:
        """The images and their gradients, (N, channels + 6, height, width)."""
        horizontal, vertical = _differences(x)
        energy = _window_means(horizontal * horizontal + vertical * vertical, gradients.WINDOW)
        factor = (energy + gradients.LEAST_ENERGY).rsqrt()
        horizontal, vertical = horizontal * factor, vertical * factor
        rises = [horizontal * cos + vertical * sin for cos, sin in gradients.DIRECTIONS]
        return torch.cat([x, torch.cat(rises, 1).relu()], 1)


class KernelScores(nn.Module):
    """What `ridge_regression.scores` adds to the logits, from `gradients.histograms`."""

    def __init__(self, num_points: int, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("points", torch.zeros(num_points, num_features))
        self.register_buffer("coefficients", torch.zeros(num_points, num_classes))
        self.register_buffer("width", torch.ones(()))

    @classmethod
    def of(cls, fitted: KernelRegression) -> Self:
        """The scores of a fitted regression."""
        num_points, num_features = fitted.points.shape
        layer = cls(num_points, num_features, fitted.coefficients.shape[1])
        arrays = fitted._asdict().items()
        layer.load_state_dict({name: torch.from_numpy(array) for name, array in arrays})
        return layer.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, num_classes) of images (N, channels, 28, 28)."""
        rows = _histograms(x)
        points = self.get_buffer("points")
        lengths = (rows**2).sum(1, keepdim=True) + (points**2).sum(1)
        squares = (lengths - 2 * rows @ points.T).relu()
        return (-squares / self.get_buffer("width")).exp() @ self.get_buffer("coefficients")


def _differences(x: Tensor) -> tuple[Tensor, Tensor]:
    """The central differences (N, 1, height, width) of the mean of the channels."""
    levels = F.pad(x.mean(1)[:, None], (1, 1, 1, 1), mode="replicate")
    horizontal = (levels[:, :, 1:-1, 2:] - levels[:, :, 1:-1, :-2]) / 2
    vertical = (levels[:, :, 2:, 1:-1] - levels[:, :, :-2, 1:-1]) / 2
    return horizontal, vertical


def _window_means(x: Tensor, side: int) -> Tensor:
    """The means over the side × side pixels around each, of maps (N, 1, height, width) with zeros
    beyond the border. Sums of slices take a quarter of the time of `avg_pool2d`.
    """
    height, width = x.shape[2:]
    x = F.pad(x, [side // 2] * 4)
    starts = range(side)
    across = torch.stack([x[..., start : start + width] for start in starts]).sum(0)
    return torch.stack([across[:, :, start : start + height] for start in starts]).sum(0) / side**2


def _histograms(x: Tensor) -> Tensor:
    """`gradients.histograms` of images (N, channels, height, width)."""
    horizontal, vertical = _differences(x)
    magnitude = (horizontal**2 + vertical**2 + gradients.LEAST_SQUARE).sqrt()
    rises = [horizontal * cos + vertical * sin for cos, sin in gradients.BINS]
    amounts = magnitude * (torch.cat(rises, 1).relu() / magnitude) ** 8  # (N, 8, 28, 28)
    parts = []
    for side in gradients.CELLS:
        cells = F.avg_pool2d(amounts, side).movedim(1, 3).flatten(1)
        shares = cells / (cells.sum(1, keepdim=True) + gradients.LEAST_SHARE)
        parts.append((shares + gradients.LEAST_SHARE).sqrt())
    means = F.avg_pool2d(x, gradients.COLOR_CELL).movedim(1, 3).flatten(1)
    parts.append(gradients.COLOR_WEIGHT * means)
    if x.shape[1] == 3:
        count = gradients.LEVELS
        levels = ((255 * x).round() / (256 / count)).floor()
        colors = count**2 * levels[:, 0] + count * levels[:, 1] + levels[:, 2]  # (N, 28, 28)
        is_of_color = colors.flatten(1)[:, :, None] == torch.arange(count**3, device=x.device)
        parts.append(is_of_color.float().mean(1).sqrt())
    return torch.cat(parts, 1)
