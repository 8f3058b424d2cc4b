"""Figures of Harris corners and of the gradients around a pixel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_pipeline.harris import Place
from mnist_pipeline.report.figures.style import COLORS, TOP, Panel, styled


@styled
def harris_corners(images: np.ndarray, responses: np.ndarray, corners: np.ndarray) -> Figure:
    """Digits with their corners marked, above the Harris response that found them.

    Parameters
    ----------
    images, responses : ndarrays of shape (n_digits, height, width)
    corners : ndarray of shape (n_digits, height, width), bool
    """
    height, width = images.shape[1:]
    across, upwards = 10.0, 10.0 * height / (width * len(images))  # inches, of a row
    figure = Figure(figsize=(across, 2 * (upwards + TOP)))
    share = upwards / (2 * (upwards + TOP))
    top, bottom = figure.add_axes((0, 0.5, 1, share)), figure.add_axes((0, 0, 1, share))
    top.imshow(images.transpose(1, 0, 2).reshape(height, -1), cmap="gray_r")
    digit, y, x = np.nonzero(corners)
    top.plot(x + digit * width, y, "o", color=COLORS[2], markersize=4, fillstyle="none")
    top.set_title("Harris corners of one digit of each class")
    scale = np.abs(responses).max(axis=(1, 2), keepdims=True)
    scaled = np.cbrt(responses / np.where(scale == 0, 1, scale))
    bottom.imshow(scaled.transpose(1, 0, 2).reshape(height, -1), cmap="PuOr_r", vmin=-1, vmax=1)
    bottom.set_title("Response (cube root): dark orange at corners, purple along edges", fontsize=10)
    for axes in (top, bottom):
        axes.set_axis_off()
    return figure


def gradients(places: Mapping[str, Place]) -> dict[str, Panel]:
    """A panel of `gradients_panel` for each place, with the same axes."""
    limit = 1.1 * max(float(np.abs(place.gradients).max()) for place in places.values()) or 1.0
    return {name: gradients_panel(place, f"Gradients: {name}", limit) for name, place in places.items()}


def gradients_panel(place: Place, title: str, limit: float) -> Panel:
    """The nine gradients around a pixel, and the ellipse of their principal components.

    Parameters
    ----------
    place : Place
    title : str
    limit : float
        End of both axes, in grey levels per pixel, so that panels can be compared.
    """

    def draw(axes: Axes) -> None:
        angle = np.linspace(0, 2 * np.pi, 73)
        # Semi-axes are root mean squares along the eigenvectors: √(λ/9).
        semi_axes = np.sqrt(place.eigenvalues / len(place.gradients))
        ellipse = place.eigenvectors @ (semi_axes[:, None] * np.stack([np.cos(angle), np.sin(angle)]))
        axes.plot(*ellipse, color=COLORS[0])
        for semi_axis, direction in zip(semi_axes, place.eigenvectors.T):
            axes.plot(*np.outer(direction * semi_axis, [-1, 1]), color=COLORS[0], linewidth=1)
        axes.plot(*place.gradients.T, "o", color=COLORS[2], markersize=4, alpha=0.8)
        axes.set(title=title, xlabel="I_x (grey levels a pixel)", ylabel="I_y (grey levels a pixel)")
        axes.set(xlim=(-limit, limit), ylim=(limit, -limit), aspect="equal")  # downwards, as rows are counted
        axes.grid(alpha=0.6)

    return draw
