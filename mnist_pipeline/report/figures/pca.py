"""Figures of the principal component analysis."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from mnist_pipeline.report.figures import style
from mnist_pipeline.report.figures.digits import image_grid
from mnist_pipeline.report.words import SUPERSCRIPTS

NUM_SCATTERED = 50  # images per class in a scatter plot: more would cover each other
MAX_SCATTERED = 500  # in all
NUM_EIGENVECTORS = 20
LONGEST = 32  # characters of a name in a legend


def covariance(values: np.ndarray) -> Figure:
    """The covariances as an image: signed square roots, red above zero and blue below."""

    def draw(axes: Axes) -> None:
        limit = np.abs(values).max() or 1.0
        largest: Any = {"vmin": -(limit**0.5), "vmax": limit**0.5}
        axes.imshow(signed_root(values), cmap="RdBu_r", interpolation="antialiased", **largest)
        axes.set(title=f"Covariance of the pixels, at most {limit:,.0f} grey levels²")
        axes.set(xlabel="pixel (row by row)", ylabel="pixel (row by row)")
        axes.grid(False)

    return style.side_by_side(draw, size=(5.0, 4.84))


def signed_root(values: np.ndarray) -> np.ndarray:
    """Square roots of magnitudes, with their signs: small values stay visible next to large."""
    return np.sign(values) * np.sqrt(np.abs(values))


def eigenvalue_panels(values: np.ndarray, shares: np.ndarray) -> dict[str, style.Panel]:
    """Eigenvalues on a logarithmic scale, and the cumulative share of the variance."""
    return {
        "eigenvalues": partial(draw_eigenvalues, values=values),
        "share": partial(draw_shares, shares=shares),
    }


def draw_eigenvalues(axes: Axes, values: np.ndarray) -> None:
    """The eigenvalues in descending order; zeros, up to rounding, are left out."""
    positive = values > values[0] * 1e-12
    axes.semilogy(np.flatnonzero(positive) + 1, values[positive])
    axes.set(title="Eigenvalues", xlabel="component", ylabel="variance (grey levels²)")
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(
        lambda value, _: "10" + f"{np.log10(value):.0f}".translate(SUPERSCRIPTS)
    )


def draw_shares(axes: Axes, shares: np.ndarray) -> None:
    """The share of the variance in the first k components, with 80, 90 and 95% marked."""
    axes.plot(np.arange(1, len(shares) + 1), 100 * shares)
    for share, marker in zip((0.8, 0.9, 0.95), style.MARKERS):
        count = int(np.searchsorted(shares, share) + 1)
        axes.plot([count], [100 * shares[count - 1]], marker, label=f"{share:.0%}: {count}")
    axes.set(title="Variance in the first k components", ylim=(0, 102))
    axes.set(xlabel="components k", ylabel="share of variance (%)")


def eigenvectors(values: np.ndarray, vectors: np.ndarray, side: int) -> Figure:
    """The leading eigenvectors (columns) as images, with their shares of the variance."""
    images = vectors.T[:NUM_EIGENVECTORS].reshape(-1, side, side)
    captions = [f"{100 * share:.1f}%" for share in values[:NUM_EIGENVECTORS] / values.sum()]
    title = f"The first {len(images)} eigenvectors, with their shares of the variance"
    return image_grid(images, 10, captions, title, signed=True)


def scattered(labels: np.ndarray) -> np.ndarray:
    """The indices of the images in a scatter plot, the first images of each class, in order."""
    per_class = min(NUM_SCATTERED, MAX_SCATTERED // (int(labels.max()) + 1))
    first = [np.flatnonzero(labels == k)[:per_class] for k in np.unique(labels)]
    return np.sort(np.concatenate(first))


def class_scatter(points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> Figure:
    """Points (n_points, 2) of some images of each class in the plane of the first two components.

    A point is the name of its class, or a marker in its colour if names are long. The points of
    class k are the group `class-k` of an SVG, in their order.
    """
    shown = scattered(labels)
    points, labels = points[shown], labels[shown]
    is_short = not style.are_long(names)
    are_markers = is_short and all(name.isascii() and name.isalnum() for name in names)

    def draw(axes: Axes) -> None:
        for k, name in enumerate(names):
            # Every ten classes have other markers, so that marker and colour identify a class.
            marker = style.MARKERS[(k + k // 10) % len(style.MARKERS)]
            axes.plot(
                *points[labels == k].T,
                linestyle="",
                marker=f"${name}$" if are_markers else marker,
                markersize=5,
                markeredgewidth=0.4,
                color=style.COLORS[k % len(style.COLORS)],
                label="" if are_markers else style.plain(name, LONGEST),
                gid=f"class-{k}",
            )
        axes.set_title(f"{len(points):,} images on two components")
        axes.set(xlabel="first component (grey levels)", ylabel="second component (grey levels)")

    return style.side_by_side(draw, size=(style.PANEL[0], 3.5))


def reconstructions(
    originals: np.ndarray, images: np.ndarray, num_components: Sequence[int]
) -> Figure:
    """The first ten digits in columns; the originals and numbers of components k in rows.

    `originals` has shape (n_digits, height, width), `images` (n_values_of_k, n_digits, height,
    width); of photos, both have a last axis of colours, as `DataSet.shown` returns them.
    """
    rows = np.concatenate([originals[None], images])[:, : style.MAX_COLUMNS]
    columns = rows.shape[1]
    names = ["original", *(f"k = {k}" for k in num_components)]
    captions = [caption for name in names for caption in (name, *[""] * (columns - 1))]
    title = f"{columns} images reconstructed from their first k components"
    return image_grid(rows.reshape(-1, *originals.shape[1:]), columns, captions, title)
