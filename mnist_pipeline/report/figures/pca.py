"""Figures of the principal component analysis."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import FuncNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from mnist_pipeline.report.figures import style
from mnist_pipeline.report.figures.digits import image_grid
from mnist_pipeline.report.words import SUPERSCRIPTS

NUM_SCATTERED = 100  # images per class in a scatter plot: more would cover each other
MAX_SCATTERED = 1_000  # in all
COLOR_SCALE: Any = {"fraction": 0.25, "pad": 0.03, "shrink": 0.84}


def mean_image(mean: np.ndarray, side: int) -> Figure:
    """The mean of all images, as an image."""

    def draw(axes: Axes) -> None:
        drawn = axes.imshow(mean.reshape(side, side), cmap="gray_r", vmin=0)
        axes.set_title("Mean of the training images")
        axes.set_axis_off()
        axes.figure.colorbar(drawn, ax=axes, label="grey level (0–255)", **COLOR_SCALE)

    return style.side_by_side(draw, size=(3.69, 2.94), left=0.1, bottom=0.1)


def matrix(values: np.ndarray, title: str, label: str) -> Figure:
    """A symmetric matrix as an image, with zero in the middle of the colour scale, which is that of
    square roots.
    """

    def draw(axes: Axes) -> None:
        limit = np.abs(values).max() or 1.0
        norm = FuncNorm((signed_root, lambda roots: roots * np.abs(roots)), vmin=-limit, vmax=limit)
        drawn = axes.imshow(values, cmap="RdBu_r", norm=norm, interpolation="antialiased")
        axes.set(title=title, xlabel="pixel (row by row)", ylabel="pixel (row by row)")
        axes.grid(False)
        ticks = [limit * share for share in (-1, -0.25, 0, 0.25, 1)]
        axes.figure.colorbar(
            drawn, ax=axes, label=label, ticks=ticks, format="{x:,.0f}", **COLOR_SCALE
        )

    return style.side_by_side(draw, size=(6.18, 4.68), left=0.78)


def signed_root(values: np.ndarray) -> np.ndarray:
    """The square root of magnitudes, with their sign, so that small values stay visible next to
    large ones.
    """
    return np.sign(values) * np.sqrt(np.abs(values))


def eigenvalues(values: np.ndarray, shares: np.ndarray) -> Figure:
    """Eigenvalues on a linear and a logarithmic scale, and the cumulative share of the variance."""
    return style.side_by_side(
        partial(draw_eigenvalues, values=values),
        partial(draw_eigenvalues, values=values, logarithmic=True),
        partial(draw_shares, shares=shares),
    )


def draw_eigenvalues(axes: Axes, values: np.ndarray, *, logarithmic: bool = False) -> None:
    """The eigenvalues in descending order, without those that are zero up to rounding."""
    positive = values > values[0] * 1e-12
    axes.plot(np.flatnonzero(positive) + 1, values[positive])
    scale = "logarithmic" if logarithmic else "linear"
    axes.set(
        title=f"Eigenvalues, {scale} scale", xlabel="component", ylabel="variance (grey levels²)"
    )
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(
            lambda value, _: "10" + f"{np.log10(value):.0f}".translate(SUPERSCRIPTS)
        )
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter("{x:,.0f}")


def draw_shares(axes: Axes, shares: np.ndarray) -> None:
    """The share of the variance in the first k components, with 80, 90 and 95% marked."""
    axes.plot(np.arange(1, len(shares) + 1), 100 * shares)
    for share, below in (
        (0.8, 14),
        (0.9, 13),
        (0.95, 7),
    ):  # points, so that the labels do not overlap
        count = int(np.searchsorted(shares, share) + 1)
        axes.plot([count], [100 * shares[count - 1]], "o", color=style.COLORS[2], markersize=4)
        label, point = f"{share:.0%}: {count}", (count, 100 * share)
        axes.annotate(label, point, textcoords="offset points", xytext=(9, -below))
    axes.set(
        title="Variance in the first k components",
        xlabel="components k",
        ylabel="share of variance (%)",
    )
    axes.set_ylim(0, 102)


def eigenvectors(vectors: np.ndarray, side: int, shares: np.ndarray) -> Figure:
    """The leading eigenvectors (columns) as images, with the share of the variance that each
    explains.
    """
    return image_grid(
        vectors.T.reshape(-1, side, side),
        columns=10,
        captions=[f"{100 * share:.1f}%" for share in shares],
        title=f"The first {len(shares)} eigenvectors, with the share of the variance that each "
        "explains",
        signed=True,
    )


def scattered(labels: np.ndarray) -> np.ndarray:
    """The indices of the images that a scatter plot shows: the first of each class, in the order of
    the labels (n,).
    """
    per_class = min(NUM_SCATTERED, MAX_SCATTERED // (int(labels.max()) + 1))
    return np.sort(
        np.concatenate([np.flatnonzero(labels == k)[:per_class] for k in np.unique(labels)])
    )


def class_scatter(points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> Figure:
    """Points (n_points, 2) of some images of each class in the plane of the first two components.

    A point is the name of its class, or a marker in its colour if names are long. The points of
    class k are the group `class-k` of an SVG, in their order.
    """
    shown = scattered(labels)
    points, labels = points[shown], labels[shown]
    long = style.are_long(names)
    named = not long and all(
        name.isascii() and name.isalnum() for name in names
    )  # the marks are the legend
    columns = 2 if long else 10
    legend = 0.0 if named else 0.31 + 0.22 * -(-len(names) // columns)  # inches

    def draw(axes: Axes) -> None:
        look: dict[str, Any] = {"linestyle": "", "markersize": 5, "markeredgewidth": 0.4}
        for k, name in enumerate(names):
            # With another marker for each ten classes, so that a marker and a colour name a class.
            look["marker"] = (
                f"${name}$" if named else style.MARKERS[(k + k // 10) % len(style.MARKERS)]
            )
            look |= {"color": style.COLORS[k % len(style.COLORS)], "label": style.plain(name, 16)}
            axes.plot(*points[labels == k].T, gid=f"class-{k}", **look)
        axes.set_title(f"{len(points):,} images on two components")
        axes.set(xlabel="first component (grey levels)", ylabel="second component (grey levels)")
        if not named:
            below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.45, -0.15)}
            below |= {"columnspacing": 0.6, "handletextpad": 0.1, "labelspacing": 0.2}
            axes.legend(title="class", ncols=columns, **below)

    return style.side_by_side(draw, size=(style.PANEL[0], 3.5 + legend), legend=legend)


def reconstructions(
    originals: np.ndarray, images: np.ndarray, num_components: Sequence[int]
) -> Figure:
    """The first ten digits in columns, numbers of components k in rows, the originals in the first
    row.

    `originals` has shape (n_digits, height, width), `images` (n_values_of_k, n_digits, height,
    width).
    """
    rows = np.concatenate([originals[None], images])[:, : style.MAX_COLUMNS]
    columns = rows.shape[1]
    names = ["original", *(f"k = {k}" for k in num_components)]
    captions = [name if column == 0 else "" for name in names for column in range(columns)]
    title = f"{columns} images reconstructed from their first k components"
    return image_grid(rows.reshape(-1, *originals.shape[1:]), columns, captions, title)
