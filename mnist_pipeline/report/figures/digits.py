"""Images of digits and of learned weights, in grids with captions."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_pipeline.data.values import DataSet, DigitSet
from mnist_pipeline.report.figures import style

FAINT = 0.03  # share of the longest arrow; shorter arrows are left out
MOST_DOUBTFUL = 40  # images, of those with a label to check


@mpl.rc_context(style.STYLE)
def image_grid(
    images: np.ndarray,
    columns: int,
    captions: Sequence[str] = (),
    title: str = "",
    *,
    signed: bool = False,
) -> Figure:
    """Images (n_images, height, width), with a last axis of 3 in colour, in rows of `columns`, with
    a caption under each.

    Values are levels in 0–255. Grey ones are drawn as ink on paper, so photos come as
    `DataSet.shown` returns them. If `signed`, they have any scale, and each image is scaled by its
    largest magnitude: positive values are drawn red and negative values blue, and in colour zero is
    drawn grey.
    """
    height, width, *channels = images.shape[1:]
    if signed:
        magnitudes = np.abs(images.reshape(len(images), -1)).max(axis=1)
        images = (images.T / np.maximum(magnitudes, 1e-30)).T
    if signed and channels:
        images = 127.5 * (1 + images)
    rows = -(-len(images) // columns)
    lines = max((caption.count("\n") + 1 for caption in captions), default=0)
    gap = (4 + 8 * lines) / 28 * height if captions else height / 14
    step_y, step_x = height + round(gap), width + max(1, width // 14)
    mosaic = np.full((rows * step_y, columns * step_x, *channels), np.nan)
    for index, image in enumerate(images):
        top, left = step_y * (index // columns), step_x * (index % columns)
        mosaic[top : top + height, left : left + width] = image
    inches = min(11.0, max(5.0, columns))
    size = inches, inches * mosaic.shape[0] / mosaic.shape[1] + style.TITLE
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    cmap, low, high = ("RdBu_r", -1.0, 1.0) if signed else ("gray_r", 0.0, 255.0)
    if channels:
        mosaic = np.clip(np.nan_to_num(mosaic, nan=255) / 255, 0, 1)
    axes.imshow(mosaic, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    style.hide_axis(axes)
    axes.set_title(title)
    font_size = min(10.0, 9.0 * inches / columns)
    length = max(8, round(11 * inches / columns))
    for index, caption in enumerate(captions):
        if not caption:
            continue
        x = step_x * (index % columns) + (width - 1) / 2
        y = step_y * (index // columns) + height + gap * 0.45
        text = "\n".join(style.plain(line, length) for line in caption.split("\n"))
        axes.text(x, y, text, fontsize=font_size, **style.INSIDE)
    return figure


def labels_to_check(
    table: pd.DataFrame, splits: Mapping[str, DigitSet], data_set: DataSet
) -> Figure:
    """The first images of a `LabelsToCheck`: label, suggestion, and file or number."""
    rows = table.head(MOST_DOUBTFUL).to_dict("records")
    sources = [PurePosixPath(row["file"]).name or f"{row['split']} {row['index']}" for row in rows]
    images = np.stack([splits[row["split"]].images[row["index"]] for row in rows])
    return image_grid(
        data_set.shown(images),
        10,
        [f"{row['label']}\n→ {row['suggestion']}\n{source}" for row, source in zip(rows, sources)],
        "The most doubtful labels: label → suggestion",
    )


def templates(
    weights: np.ndarray, deviations: np.ndarray, shape: tuple[int, ...], names: Sequence[str]
) -> Figure:
    """The weights (n_classes, n_pixels) of a class as an image of this shape: red for it, blue
    against it; or in colour.

    The influence of a weight is proportional to the standard deviation of its pixel, `deviations`
    (n_pixels,): a pixel that is blank in every image keeps its initial weight and does not matter.
    """
    columns = 5 if len(weights) <= style.MANY_CLASSES else 10
    return image_grid(
        (weights * deviations).reshape(len(weights), *shape),
        columns=min(columns, len(weights)),
        captions=list(names) if style.are_long(names) else [f"class {name}" for name in names],
        title="Weights times the standard deviation of their pixel",
        signed=True,
    )


@mpl.rc_context(style.STYLE)
def arrows(votes: np.ndarray, names: Sequence[str]) -> Figure:
    """What the directions of cells add to the scores of classes, (n_classes, rows, columns,
    n_directions): red arrows for the class, blue ones against it.

    The directions turn from the right downwards. Of many classes, the first ten are drawn.
    """
    votes = votes[: style.MAX_COLUMNS]
    num_classes, num_rows, num_columns, num_directions = votes.shape
    step_x, step_y = num_columns + 1, num_rows + 2
    columns = min(5, num_classes)
    largest = np.abs(votes).max(axis=(1, 2, 3), keepdims=True)
    shares = votes / np.maximum(largest, 1e-30)
    seen = np.nonzero(np.abs(shares) > FAINT)
    label, row, column, direction = seen
    x, y = column + step_x * (label % columns), row + step_y * (label // columns)
    turns = 2 * np.pi * direction / num_directions
    lengths = shares[seen]
    height = step_y * -(-num_classes // columns)
    size = 1.6 * columns, 1.6 * height / step_x + style.TITLE
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.quiver(
        x,
        y,
        np.abs(lengths) * np.cos(turns),
        np.abs(lengths) * np.sin(turns),
        lengths,
        cmap="RdBu_r",
        clim=(-1, 1),
        angles="xy",
        scale_units="xy",
        scale=0.8,
        width=0.003,
    )
    for index, name in enumerate(names[:num_classes]):
        left, top = step_x * (index % columns), step_y * (index // columns)
        text = style.plain(name, 12)
        axes.text(left + (num_columns - 1) / 2, top + num_rows, text, fontsize=9, **style.INSIDE)
    axes.set(xlim=(-1, step_x * columns - 1), ylim=(height - 0.5, -1), aspect="equal")
    style.hide_axis(axes)
    axes.set_title("What the gradients of each cell add on average")
    return figure
