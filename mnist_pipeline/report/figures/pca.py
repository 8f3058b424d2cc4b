"""Figures of the principal component analysis."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import FuncNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from mnist_pipeline.report.figures.digits import image_grid
from mnist_pipeline.report.figures.style import (
    COLORS,
    MANY_CLASSES,
    MARKERS,
    MAX_COLUMNS,
    PANEL,
    RIGHT,
    STYLE,
    TOP,
    are_long,
    panel,
    plain,
    side_by_side,
)
from mnist_pipeline.report.words import SUPERSCRIPTS

NUM_LAYERS = 12
COLOR_SCALE: Any = {"fraction": 0.25, "pad": 0.03, "shrink": 0.84}
ENLARGED = 3 / STYLE["figure.dpi"]  # inches per pixel of an image that is drawn three times as large


def mean_image(mean: np.ndarray, side: int) -> Figure:
    """The mean of all images, as an image."""

    def draw(axes: Axes) -> None:
        drawn = axes.imshow(mean.reshape(side, side), cmap="gray_r", vmin=0)
        axes.set_title("Mean of the training images")
        axes.set_axis_off()
        axes.figure.colorbar(drawn, ax=axes, label="grey level (0–255)", **COLOR_SCALE)

    return side_by_side(draw, size=(3.69, 2.94), left=0.1, bottom=0.1)


def matrix(values: np.ndarray, title: str, label: str) -> Figure:
    """A symmetric matrix as an image, with zero in the middle of the colour scale, which is that of square roots."""

    def draw(axes: Axes) -> None:
        limit = np.abs(values).max() or 1.0
        norm = FuncNorm((signed_root, lambda roots: roots * np.abs(roots)), vmin=-limit, vmax=limit)
        drawn = axes.imshow(values, cmap="RdBu_r", norm=norm, interpolation="antialiased")
        axes.set(title=title, xlabel="pixel (row by row)", ylabel="pixel (row by row)")
        ticks = [limit * share for share in (-1, -0.25, 0, 0.25, 1)]
        axes.figure.colorbar(drawn, ax=axes, label=label, ticks=ticks, format="{x:,.0f}", **COLOR_SCALE)

    return side_by_side(draw, size=(6.18, 4.68), left=0.78)


def signed_root(values: np.ndarray) -> np.ndarray:
    """The square root of magnitudes, with their sign, so that small values stay visible next to large ones."""
    return np.sign(values) * np.sqrt(np.abs(values))


def eigenvalues(values: np.ndarray, shares: np.ndarray) -> Figure:
    """Eigenvalues on a linear and a logarithmic scale, and the cumulative share of the variance."""
    return side_by_side(eigenvalue_panel(values), eigenvalue_panel(values, logarithmic=True), share_panel(shares))


@panel
def eigenvalue_panel(axes: Axes, values: np.ndarray, *, logarithmic: bool = False) -> None:
    """The eigenvalues in descending order, without those that are zero up to rounding."""
    positive = values > values[0] * 1e-12
    axes.plot(np.flatnonzero(positive) + 1, values[positive])
    scale = "logarithmic" if logarithmic else "linear"
    axes.set(title=f"Eigenvalues, {scale} scale", xlabel="component", ylabel="variance (grey levels²)")
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(lambda value, _: "10" + f"{np.log10(value):.0f}".translate(SUPERSCRIPTS))
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.6)


@panel
def share_panel(axes: Axes, shares: np.ndarray) -> None:
    """The share of the variance in the first k components, with 80, 90 and 95% marked."""
    axes.plot(np.arange(1, len(shares) + 1), 100 * shares)
    for share, below in ((0.8, 14), (0.9, 13), (0.95, 7)):  # points, so that the labels do not overlap
        count = int(np.searchsorted(shares, share) + 1)
        axes.plot([count], [100 * shares[count - 1]], "o", color=COLORS[2], markersize=4)
        label, point = f"{share:.0%}: {count}", (count, 100 * share)
        axes.annotate(label, point, textcoords="offset points", xytext=(9, -below))
    axes.set(title="Variance in the first k components", xlabel="components k", ylabel="share of variance (%)")
    axes.set_ylim(0, 102)
    axes.grid(alpha=0.6)


def eigenvectors(vectors: np.ndarray, side: int, shares: np.ndarray) -> Figure:
    """The leading eigenvectors (columns) as images, with the share of the variance that each explains."""
    return image_grid(
        vectors.T.reshape(-1, side, side),
        columns=10,
        captions=[f"{100 * share:.1f}%" for share in shares],
        title=f"The first {len(shares)} eigenvectors, with the share of the variance that each explains",
        signed=True,
    )


def class_scatter(
    points: np.ndarray, labels: np.ndarray, names: Sequence[str], *, glyphs: bool = False, seed: int = 0
) -> Figure:
    """Points (n_points, 2) in the plane of the first two components, one colour per class.

    With `glyphs`, each point is the name of its class, or a marker if names are long, and the points of class k are
    the group `class-k` of an SVG, in their order. Dots are drawn in a random order, so that no class covers the others.
    """
    long = are_long(names) or not all(name.isascii() and name.isalnum() for name in names)
    layers = np.array_split(np.random.default_rng(seed).permutation(len(points)), NUM_LAYERS)
    style: dict[str, Any] = {
        "markersize": np.sqrt(14 if len(points) < 5_000 else 3),
        "markeredgewidth": 0,
        "alpha": 0.55,
    }
    if glyphs:
        layers = [np.arange(len(points))]
        style = {"markersize": 5, "markeredgewidth": 0.4}
    colors = [COLORS[k % len(COLORS)] for k in range(len(names))]
    # With another marker for each ten classes, so that a marker and a colour name a class.
    shapes = [MARKERS[(k + k // 10) % len(MARKERS)] if glyphs and long else "o" for k in range(len(names))]
    marks = [f"${name}$" for name in names] if glyphs and not long else shapes
    size = (PANEL[0], 3.5) if glyphs else (5.6, 4.84)
    columns = min(len(names), 10 if not long else 2 if glyphs else 4)
    row = 0.22 if len(names) <= MANY_CLASSES else 0.17  # inches
    named = glyphs and not long  # the marks are the legend
    legend = 0.0 if named else 0.31 + row * -(-len(names) // columns)

    def draw(axes: Axes) -> None:
        for layer in layers:  # of all classes: points of one colour are fast to draw together
            for k, (color, mark) in enumerate(zip(colors, marks)):
                x, y = points[layer[labels[layer] == k]].T
                axes.plot(x, y, linestyle="", color=color, marker=mark, gid=f"class-{k}", **style)
        axes.set_title(f"{len(points):,} images on two components")
        axes.set(xlabel="first component (grey levels)", ylabel="second component (grey levels)")
        axes.grid(alpha=0.4)
        if named:
            return
        place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.45, -0.15)}
        handles = [
            Line2D([], [], linestyle="", color=color, marker=mark, label=plain(name, 16))
            for name, color, mark in zip(names, colors, shapes)
        ]
        place |= {"columnspacing": 0.6, "handletextpad": 0.1, "labelspacing": 0.2}
        axes.legend(handles=handles, title="class", ncols=columns, **place)

    return side_by_side(draw, size=(size[0], size[1] + legend), legend=legend)


def reconstructions(originals: np.ndarray, images: np.ndarray, num_components: Sequence[int]) -> Figure:
    """The first ten digits in columns, numbers of components k in rows, the originals in the first row.

    `originals` has shape (n_digits, height, width), `images` (n_values_of_k, n_digits, height, width).
    """
    rows = np.concatenate([originals[None].astype(float), np.clip(images, 0, 255)])[:, :MAX_COLUMNS]
    num_rows, num_digits, height, width = rows.shape

    def draw(axes: Axes) -> None:
        mosaic = rows.transpose(0, 2, 1, 3).reshape(num_rows * height, num_digits * width)
        axes.imshow(mosaic, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(f"{num_digits} images reconstructed from their first k components")
        names = ["original", *(f"k = {k}" for k in num_components)]
        axes.set_yticks(height * (np.arange(num_rows) + 0.5), names)
        axes.set_xticks([])
        axes.spines[:].set_visible(False)

    left, bottom = 0.8, 0.1
    size = left + num_digits * width * ENLARGED + RIGHT, bottom + num_rows * height * ENLARGED + TOP
    return side_by_side(draw, size=size, left=left, bottom=bottom)
