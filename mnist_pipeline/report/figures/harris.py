"""Figures of Harris corners and of the gradients around a pixel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_pipeline.harris import Place
from mnist_pipeline.report.figures.style import COLORS, RIGHT, TOP, Panel, panel, side_by_side


def harris_corners(images: np.ndarray, responses: np.ndarray, corners: np.ndarray) -> Figure:
    """Digits with their corners marked, and below them the Harris response.

    Parameters
    ----------
    images, responses : ndarrays of shape (n_digits, height, width)
    corners : ndarray of shape (n_digits, height, width), bool
    """
    height, width = images.shape[1:]

    def draw_digits(axes: Axes) -> None:
        axes.imshow(images.transpose(1, 0, 2).reshape(height, -1), cmap="gray_r")
        digit, y, x = np.nonzero(corners)
        axes.plot(x + digit * width, y, "o", color=COLORS[2], markersize=4, fillstyle="none")
        axes.set_title("Harris corners of one image of each class")
        axes.set_axis_off()

    def draw_responses(axes: Axes) -> None:
        scale = np.abs(responses).max(axis=(1, 2), keepdims=True)
        scaled = np.cbrt(responses / np.where(scale == 0, 1, scale))
        axes.imshow(scaled.transpose(1, 0, 2).reshape(height, -1), cmap="PuOr_r", vmin=-1, vmax=1)
        axes.set_title("Harris response (cube root): orange is positive, purple is negative")
        axes.set_axis_off()

    size = 10.0 + 2 * RIGHT, 10.0 * height / (width * len(images)) + TOP
    return side_by_side(draw_digits, draw_responses, size=size, left=RIGHT, bottom=0.0, columns=1)


def gradients(places: Mapping[str, Place]) -> dict[str, Panel]:
    """The gradients around each place, on equal axes."""
    limit = 1.1 * max(float(np.abs(place.gradients).max()) for place in places.values()) or 1.0
    return {name: gradients_panel(place, f"Gradients: {name}", limit) for name, place in places.items()}


@panel
def gradients_panel(axes: Axes, place: Place, title: str, limit: float) -> None:
    """The nine gradients around a pixel, and the ellipse of their principal components.

    Parameters
    ----------
    place : Place
    title : str
    limit : float
        End of both axes, in grey levels per pixel.
    """
    angle = np.linspace(0, 2 * np.pi, 73)
    semi_axes = np.sqrt(place.eigenvalues / len(place.gradients))  # √(λ/9): root mean squares along the eigenvectors
    ellipse = place.eigenvectors @ (semi_axes[:, None] * np.stack([np.cos(angle), np.sin(angle)]))
    axes.plot(*ellipse, color=COLORS[0])
    for semi_axis, direction in zip(semi_axes, place.eigenvectors.T):
        axes.plot(*np.outer(direction * semi_axis, [-1, 1]), color=COLORS[0], linewidth=1)
    axes.plot(*place.gradients.T, "o", color=COLORS[2], markersize=4, alpha=0.8)
    axes.set(title=title, xlabel="I_x (grey levels per pixel)", ylabel="I_y (grey levels per pixel)")
    axes.set(xlim=(-limit, limit), ylim=(limit, -limit), aspect="equal")  # y downwards, as rows are counted
    axes.grid(alpha=0.6)
