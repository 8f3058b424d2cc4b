"""Figures of the principal component analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_pipeline.report.figures.digits import image_grid
from mnist_pipeline.report.figures.style import (
    COLORS,
    LEFT,
    MARKERS,
    STYLE,
    Panel,
    add_color_scale,
    are_long,
    class_handles,
    side_by_side,
    single_axes,
    styled,
    use_few_ticks,
    use_logarithmic_scale,
)

NUM_LAYERS = 12
MATRIX_PIXELS = 400  # about as many as a matrix has in its figure
ENLARGED = 3 / STYLE["figure.dpi"]  # inches of a pixel of an image that is three pixels of the figure


@styled
def mean_image(mean: np.ndarray, side: int) -> Figure:
    """The mean of all images, as an image."""
    figure, axes = single_axes((2.5, 2.5), "Mean of the training images", left=0.1, right=1.0, bottom=0.1)
    drawn = axes.imshow(mean.reshape(side, side), cmap="gray_r", vmin=0)
    axes.set_axis_off()
    add_color_scale(figure, drawn, "grey level (0–255)")
    return figure


@styled
def matrix(values: np.ndarray, title: str, label: str) -> Figure:
    """A symmetric matrix as an image, zero in the middle of the colour scale."""
    figure, axes = single_axes((3.8, 3.8), title, left=0.78, right=1.15)
    limit = np.abs(values).max() or 1.0
    extent = (-0.5, len(values) - 0.5, len(values) - 0.5, -0.5)
    drawn = axes.imshow(_coarse(values), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest", extent=extent)
    axes.set(xlabel="pixel (row by row)", ylabel="pixel (row by row)")
    use_few_ticks(axes)
    add_color_scale(figure, drawn, label)
    return figure


def _coarse(values: np.ndarray) -> np.ndarray:
    """A square matrix with means of blocks in the place of more entries than are seen."""
    block = -(-len(values) // MATRIX_PIXELS)
    side = len(values) // block
    if block == 1 or side * block != len(values):
        return values
    return np.asarray(values.reshape(side, block, side, block).mean(axis=(1, 3)))


def eigenvalues(values: np.ndarray, shares: np.ndarray) -> Figure:
    """Eigenvalues on a linear and a logarithmic scale, and the cumulative share of the variance."""
    return side_by_side(eigenvalue_panel(values), eigenvalue_panel(values, logarithmic=True), share_panel(shares))


def eigenvalue_panel(values: np.ndarray, *, logarithmic: bool = False) -> Panel:
    """The eigenvalues in their order, on a linear or a logarithmic scale."""

    def draw(axes: Axes) -> None:
        order = np.arange(1, len(values) + 1)
        positive = values > values[0] * 1e-12
        axes.plot(order[positive], values[positive])
        scale = "logarithmic" if logarithmic else "linear"
        axes.set(title=f"Eigenvalues, {scale} scale", xlabel="component", ylabel="variance (grey levels²)")
        if logarithmic:
            use_logarithmic_scale(axes)
        else:
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.6)

    return draw


def share_panel(shares: np.ndarray) -> Panel:
    """The share of the variance on the first k components, 80, 90 and 95% marked."""

    def draw(axes: Axes) -> None:
        order = np.arange(1, len(shares) + 1)
        axes.plot(order, 100 * shares)
        for share, below in ((0.8, 14), (0.9, 13), (0.95, 7)):  # points, so that the labels keep apart
            count = int(np.searchsorted(shares, share) + 1)
            axes.plot([count], [100 * shares[count - 1]], "o", color=COLORS[2], markersize=4)
            label, at = f"{share:.0%}: {count}", (count, 100 * share)
            axes.annotate(label, at, textcoords="offset points", xytext=(9, -below))
        axes.set(title="Variance on the first k components", xlabel="components k", ylabel="share of variance (%)")
        axes.set_ylim(0, 102)
        axes.grid(alpha=0.6)

    return draw


@styled
def eigenvectors(vectors: np.ndarray, side: int, shares: np.ndarray) -> Figure:
    """The leading eigenvectors (as columns) as images, with the share of the variance of each."""
    return image_grid(
        vectors.T.reshape(-1, side, side),
        columns=10,
        captions=[f"{100 * share:.1f}%" for share in shares],
        title="The first 20 eigenvectors, and the share of the variance on each",
        cmap="RdBu_r",
        symmetric=True,
    )


@styled
def class_scatter(points: np.ndarray, labels: np.ndarray, names: Sequence[str], seed: int = 0) -> Figure:
    """Points in the plane of the first two components, one colour a class.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
    labels : ndarray of shape (n_points,)
    names : sequence of str
        Of the classes.
    seed : int
        Of the order of drawing, so that no class covers the others.
    """
    title = f"{len(points):,} images on the first two principal components"
    figure, axes = single_axes((4.8, 4.5), title, left=LEFT, right=0.4 + 0.1 * max(map(len, [*names, "class"])))
    size = np.sqrt(14 if len(points) < 5_000 else 3)  # points across
    order = np.random.default_rng(seed).permutation(len(points))
    # In layers of all classes, so that none covers the others; markers of one colour at once are drawn fast.
    for layer in np.array_split(order, NUM_LAYERS):
        for k in range(len(names)):
            x, y = points[layer[labels[layer] == k]].T
            axes.plot(x, y, "o", color=COLORS[k % len(COLORS)], markersize=size, markeredgewidth=0, alpha=0.55)
    axes.legend(handles=class_handles(names), title="class", loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set(xlabel="first component (grey levels)", ylabel="second component (grey levels)")
    axes.grid(alpha=0.4)
    use_few_ticks(axes)
    return figure


def glyph_scatter_panel(points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> Panel:
    """Points in the plane of the first two components, each drawn as the name of its class in its colour.

    Where names are too long for that, each class has a marker.

    The points of class k are the group `class-k` of an SVG, in their order.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
    labels : ndarray of shape (n_points,)
    names : sequence of str
        Of the classes.
    """

    long = are_long(names)
    marks = [MARKERS[k % len(MARKERS)] if long else f"${name}$" for k, name in enumerate(names)]

    def draw(axes: Axes) -> None:
        for k in range(len(names)):
            of_class = points[labels == k]
            style: dict[str, Any] = {
                "s": 30,
                "color": COLORS[k % len(COLORS)],
                "marker": marks[k],
                "linewidths": 0.4,
            }
            axes.scatter(of_class[:, 0], of_class[:, 1], gid=f"class-{k}", **style)
        axes.set(title=f"{len(points):,} images on the first two components")
        axes.set(xlabel="first component (grey levels)", ylabel="second component (grey levels)")
        place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14)}
        place["ncols"] = min(4 if long else 10, len(names))
        handles = class_handles(names, marks if long else "o")
        axes.legend(handles=handles, title="class", columnspacing=0.8, handletextpad=0.1, **place)
        axes.grid(alpha=0.4)

    return draw


@styled
def reconstructions(originals: np.ndarray, images: np.ndarray, num_components: Sequence[int]) -> Figure:
    """Digits in columns, numbers of components in rows, the originals on top.

    Parameters
    ----------
    originals : ndarray of shape (n_digits, height, width)
    images : ndarray of shape (n_values_of_k, n_digits, height, width)
    num_components : sequence of n_values_of_k int
    """
    rows = np.concatenate([originals[None].astype(float), np.clip(images, 0, 255)])
    num_rows, num_digits, height, width = rows.shape
    mosaic = rows.transpose(0, 2, 1, 3).reshape(num_rows * height, num_digits * width)
    size = (mosaic.shape[1] * ENLARGED, mosaic.shape[0] * ENLARGED)
    figure, axes = single_axes(size, "Ten digits from their first k components", left=0.8, bottom=0.1)
    axes.imshow(mosaic, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks(
        [height * (row + 0.5) for row in range(num_rows)], ["original", *(f"k = {k}" for k in num_components)]
    )
    axes.spines[:].set_visible(False)
    return figure
