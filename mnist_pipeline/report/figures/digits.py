"""Images of digits and of what a model has learned, in rows and grids with captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mnist_pipeline.report.figures.style import TOP, are_long, styled


@styled
def digit_row(images: np.ndarray, captions: Sequence[str], title: str) -> Figure:
    """Images side by side, a caption under each.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
    captions : sequence of n_images str
    """
    return image_grid(images, columns=len(images), captions=captions, title=title)


@styled
def image_grid(
    images: np.ndarray,
    columns: int,
    captions: Sequence[str] = (),
    title: str = "",
    cmap: str = "gray_r",
    symmetric: bool = False,
) -> Figure:
    """Images in rows of `columns`, a caption under each.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
    columns : int
    captions : sequence of str, optional
        One an image.
    title : str
    cmap : str
    symmetric : bool
        Scale each image by its largest magnitude, so that zero is the middle of a diverging map.
    """
    if symmetric:
        images = images / np.maximum(np.abs(images).max(axis=(1, 2), keepdims=True), 1e-30)
    rows = -(-len(images) // columns)
    height, width = images.shape[1:]
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    gap = 12 / 28 * height * lines if captions else height / 14
    step_y, step_x = height + round(gap), width + max(1, width // 14)
    mosaic = np.full((rows * step_y, columns * step_x), np.nan)
    for place, image in enumerate(images):
        top, left = step_y * (place // columns), step_x * (place % columns)
        mosaic[top : top + height, left : left + width] = image
    limits = (-1.0, 1.0) if symmetric else (0.0, 255.0)
    inches = min(11.0, max(5.0, 1.0 * columns))
    picture, room = inches * mosaic.shape[0] / mosaic.shape[1], TOP if title else 0.0
    figure = Figure(figsize=(inches, picture + room))
    axes = figure.add_axes((0, 0, 1, picture / (picture + room)))
    axes.imshow(mosaic, cmap=cmap, vmin=limits[0], vmax=limits[1], interpolation="nearest")
    axes.set_axis_off()
    if title:
        axes.set_title(title)
    for place, caption in enumerate(captions):
        x = step_x * (place % columns) + (width - 1) / 2
        y = step_y * (place // columns) + height + gap * 0.45
        axes.text(x, y, caption, ha="center", va="center", fontsize=min(10.0, 9.0 * inches / columns))
    return figure


@styled
def neighbor_errors(
    images: np.ndarray,
    captions: Sequence[str],
    neighbors: np.ndarray,
    neighbor_captions: Sequence[Sequence[str]],
) -> Figure:
    """Misread images on top, their nearest training images below, a caption under each.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
    captions : sequence of n_images str
    neighbors : ndarray of shape (n_images, n_neighbors, height, width)
    neighbor_captions : sequence of n_images sequences of n_neighbors str
    """
    rows = np.concatenate([images[:, None], neighbors], axis=1)  # (n_images, 1 + n_neighbors, height, width)
    texts = [[caption, *near] for caption, near in zip(captions, neighbor_captions, strict=True)]
    return image_grid(
        rows.swapaxes(0, 1).reshape(-1, *images.shape[1:]),
        columns=len(images),
        captions=[text for row in zip(*texts, strict=True) for text in row],
        title="Misread test images (true → predicted), and below each its nearest training images",
    )


@styled
def templates(weights: np.ndarray, deviations: np.ndarray, side: int, names: Sequence[str]) -> Figure:
    """The weights of each class as an image: red speaks for the class, blue against it.

    Parameters
    ----------
    weights : ndarray of shape (n_classes, n_pixels)
    deviations : ndarray of shape (n_pixels,)
        Standard deviation of each pixel. The influence of a weight is proportional to it: a
        pixel that is always blank keeps its initial weight and has no influence.
    side : int
    names : sequence of n_classes str
    """
    return image_grid(
        (weights * deviations).reshape(len(weights), side, side),
        columns=min(5, len(weights)),
        captions=list(names) if are_long(names) else [f"class {name}" for name in names],
        title="Weights, each times its pixel's deviation",
        cmap="RdBu_r",
        symmetric=True,
    )


@styled
def kernels(weights: np.ndarray) -> Figure:
    """The first-layer kernels (n_kernels, 5, 5) as a grid of eight columns."""
    return image_grid(
        weights,
        columns=8,
        title=f"The {len(weights)} first-layer kernels: red adds, blue subtracts",
        cmap="RdBu_r",
        symmetric=True,
    )


def misread(names: Sequence[str], true: int, predicted: int, remark: str = "") -> str:
    """A caption with the true and the predicted class of an image, on separate lines if names are long."""
    if are_long(names):
        return "\n".join(filter(None, (names[true], f"→ {names[predicted]}", remark)))
    return ", ".join(filter(None, (f"{names[true]} → {names[predicted]}", remark)))
