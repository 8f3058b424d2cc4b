"""Figures of Harris corners and of the gradients around a pixel."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_pipeline.report.figures import style

if TYPE_CHECKING:
    from mnist_pipeline.methods.harris import Pixel


def harris_corners(images: np.ndarray, corners: np.ndarray) -> Figure:
    """The first ten images with their corners (n, height, width).

    The images are those that `image_grid` draws, grey or in colour.
    """
    images = images[: style.MAX_COLUMNS]
    height, width = images.shape[1:3]
    image, y, x = np.nonzero(corners[: style.MAX_COLUMNS])

    def draw(axes: Axes) -> None:
        axes.imshow(np.concatenate(list(images), axis=1), cmap="gray_r", vmin=0, vmax=255)
        axes.plot(x + image * width, y, "o", color=style.COLORS[2], markersize=4, fillstyle="none")
        axes.set_title("Harris corners")
        style.hide_axis(axes)

    return style.side_by_side(
        draw, size=(10.0, 10.0 * height / (width * len(images)) + style.TITLE)
    )


def gradients(pixels: Mapping[str, Pixel]) -> dict[str, style.Panel]:
    """The nine gradients around each pixel, and the ellipse of their principal components, on equal
    axes.
    """
    limit = 1.1 * max(float(np.abs(pixel.gradients).max()) for pixel in pixels.values()) or 1.0

    def draw(axes: Axes, name: str) -> None:
        pixel = pixels[name]
        angle = np.linspace(0, 2 * np.pi, 73)
        # √(λ/9): root mean squares along the eigenvectors.
        semi_axes = np.sqrt(pixel.eigenvalues / len(pixel.gradients))
        circle = np.stack([np.cos(angle), np.sin(angle)])
        axes.plot(*pixel.eigenvectors @ (semi_axes[:, None] * circle), color=style.COLORS[0])
        for semi_axis, direction in zip(semi_axes, pixel.eigenvectors.T):
            axes.plot(*np.outer(direction * semi_axis, [-1, 1]), color=style.COLORS[0], linewidth=1)
        axes.plot(*pixel.gradients.T, "o", color=style.COLORS[2], markersize=4, alpha=0.8)
        axes.set(title=f"Gradients: {name}", aspect="equal")
        axes.set(xlabel="I_x (grey levels per pixel)", ylabel="I_y (grey levels per pixel)")
        # y downwards, like the numbers of rows
        axes.set(xlim=(-limit, limit), ylim=(limit, -limit))

    return {name: partial(draw, name=name) for name in pixels}
