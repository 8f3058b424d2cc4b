"""Images that show no member of a data set, made from its images and from random strokes.

A detector that has seen examples of what it must refuse also refuses what none of them shows:
letters, for example, of which none is used here. The idea is Outlier Exposure [1]_.

References
----------
.. [1] D. Hendrycks, M. Mazeika, T. Dietterich, "Deep anomaly detection with outlier exposure", ICLR
    2019.
"""

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.deformations import MAX_INK, Images
from mnist_pipeline.utils.blocks import in_blocks

ROWS, COLUMNS = 4, 3  # of the grid on which strokes begin and end
FEW, MANY = (2, 4), (5, 14)  # strokes per image
JOINED = 0.6  # share of the strokes that begin where another one ends
SCATTER, SLANT = 0.03, 0.12  # standard deviations, as a share of the height
ASPECTS = (0.5, 1.2)  # widths, as a share of the height
WIDTHS = (2.2, 3.4)  # of a pen, in pixels
INK_SIDE = 20  # of the square that the strokes fill, as MNIST's digits do
NUM_TURNS = 4
BLOCK_ROWS = 128  # images drawn at a time, whose values fit the cache


def strokes(count: int, generator: np.random.Generator, numbers: tuple[int, int] = FEW) -> Images:
    """Random straight strokes, many of them joined: a `FEW` as in letters and runes, or `MANY` as
    in scribbles.
    """
    least, most = numbers
    corners = np.stack(
        np.meshgrid(np.linspace(0, 1, COLUMNS), np.linspace(0, 1, ROWS)), axis=-1
    ).reshape(-1, 2)
    each = np.arange(count)
    ends = generator.integers(len(corners), size=(count, most, 2))  # indices of corners
    for stroke in range(1, most):
        joined = np.flatnonzero(generator.random(count) < JOINED)
        other, end = generator.integers(stroke, size=count), generator.integers(2, size=count)
        ends[joined, stroke, 0] = ends[each, other, end][joined]
    places = corners[ends] + generator.normal(0, SCATTER, (count, most, 2, 2))  # x, y
    left_out = np.arange(most) >= generator.integers(least, most + 1, (count, 1))
    places = np.where(left_out[:, :, None, None], places[:, :1], places)
    places[..., 0] *= generator.uniform(*ASPECTS, (count, 1, 1))
    places[..., 0] += generator.normal(0, SLANT, (count, 1, 1)) * (1 - places[..., 1])
    width = generator.uniform(*WIDTHS, (count, 1, 1, 1))
    places -= places.min(axis=(1, 2), keepdims=True)
    places *= (INK_SIDE - width) / np.maximum(places.max(axis=(1, 2, 3), keepdims=True), 0.5)
    begin, along = places[:, :, 0], places[:, :, 1] - places[:, :, 0]  # (count, strokes, 2)
    lengths = np.linalg.norm(along, axis=2, keepdims=True) * ~left_out[:, :, None] + 1e-3
    mass = ((begin + along / 2) * lengths).sum(axis=1, keepdims=True) / lengths.sum(
        axis=1, keepdims=True
    )
    return _drawn(begin - mass + (IMAGE_SIDE - 1) / 2, along, width[:, 0, 0])


def _drawn(
    begin: NDArray[np.float64], along: NDArray[np.float64], width: NDArray[np.float64]
) -> Images:
    """Strokes from `begin` to `begin + along`, (n, strokes, 2), drawn with pens of widths (n,
    1).
    """
    x, y = np.indices((IMAGE_SIDE, IMAGE_SIDE))[::-1].reshape(2, -1).astype(np.float32)
    images = np.empty((len(begin), IMAGE_SIDE, IMAGE_SIDE), np.uint8)

    def draw(block: slice) -> None:
        squared = np.full(
            (len(images[block]), len(x)), np.inf, np.float32
        )  # distance from the nearest stroke
        for start, way in zip(
            begin[block].swapaxes(0, 1), along[block].swapaxes(0, 1), strict=True
        ):
            (way_x, way_y), (from_x, from_y) = (
                way.astype(np.float32).T[..., None],
                start.astype(np.float32).T[..., None],
            )
            to_x, to_y = x - from_x, y - from_y
            share = np.clip(
                (to_x * way_x + to_y * way_y) / np.maximum(way_x**2 + way_y**2, 1e-6), 0, 1
            )
            np.minimum(
                squared, (to_x - share * way_x) ** 2 + (to_y - share * way_y) ** 2, out=squared
            )
        ink = np.clip(width[block] / 2 + 0.5 - np.sqrt(squared), 0, 1)
        images[block] = np.rint(MAX_INK * ink).reshape(-1, IMAGE_SIDE, IMAGE_SIDE)

    in_blocks(draw, len(images), BLOCK_ROWS)
    return images


def halves(
    images: Images, labels: NDArray[np.integer], count: int, generator: np.random.Generator
) -> Images:
    """Images whose left and right, or upper and lower, parts belong to images of two classes."""
    first, second = generator.integers(len(images), size=(2, count))
    differ = labels[first] != labels[second]
    first, second = first[differ], second[differ]
    cut = generator.integers(IMAGE_SIDE * 2 // 5, IMAGE_SIDE * 3 // 5 + 2, (len(first), 1))
    is_first = np.broadcast_to(
        (np.arange(IMAGE_SIDE) < cut)[:, None], (len(first), IMAGE_SIDE, IMAGE_SIDE)
    )
    is_upper = generator.random((len(first), 1, 1)) < 0.5
    return np.where(
        np.where(is_upper, is_first.swapaxes(1, 2), is_first), images[first], images[second]
    )


def turned(
    images: Images, labels: NDArray[np.integer], count: int, generator: np.random.Generator
) -> tuple[Images, NDArray[np.integer]]:
    """Images that are mirrored or turned by 90°, and the number of the class and the turn of each.

    Some of them show a member of the data set again: a mirrored 8 is an 8.
    """
    chosen, turn = (
        generator.integers(len(images), size=count),
        generator.integers(NUM_TURNS, size=count),
    )
    originals = images[chosen]
    mirrored, quarters = (
        (originals[:, :, ::-1], originals[:, ::-1]),
        (np.rot90(originals, k, (1, 2)) for k in (1, -1)),
    )
    made = np.stack([*mirrored, *quarters])[turn, np.arange(count)]
    return made, labels[chosen].astype(np.int64) * NUM_TURNS + turn
