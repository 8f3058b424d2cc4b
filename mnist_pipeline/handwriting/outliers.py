"""Images that belong to no class of a data set, made from its images and from random strokes.

Training on some outliers also helps to reject kinds never shown, such as letters, which are not
used here. The idea is Outlier Exposure [1]_.

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
    """Random straight strokes: a `FEW` as in letters and runes, or `MANY` as in scribbles."""
    least, most = numbers
    grid = np.meshgrid(np.linspace(0, 1, COLUMNS), np.linspace(0, 1, ROWS))
    corners = np.stack(grid, axis=-1).reshape(-1, 2)
    image = np.arange(count)
    ends = generator.integers(len(corners), size=(count, most, 2))  # indices of corners
    for stroke in range(1, most):
        joined = np.flatnonzero(generator.random(count) < JOINED)
        other = generator.integers(stroke, size=count)
        end = generator.integers(2, size=count)
        ends[joined, stroke, 0] = ends[image, other, end][joined]
    places = corners[ends] + generator.normal(0, SCATTER, (count, most, 2, 2))  # x, y
    left_out = np.arange(most) >= generator.integers(least, most + 1, (count, 1))
    places = np.where(left_out[:, :, None, None], places[:, :1], places)
    places[..., 0] *= generator.uniform(*ASPECTS, (count, 1, 1))
    places[..., 0] += generator.normal(0, SLANT, (count, 1, 1)) * (1 - places[..., 1])
    width = generator.uniform(*WIDTHS, (count, 1, 1, 1))
    places -= places.min(axis=(1, 2), keepdims=True)
    places *= (INK_SIDE - width) / np.maximum(places.max(axis=(1, 2, 3), keepdims=True), 0.5)
    begin = places[:, :, 0]  # (count, strokes, 2)
    along = places[:, :, 1] - begin
    lengths = np.linalg.norm(along, axis=2, keepdims=True) * ~left_out[:, :, None] + 1e-3
    moments = ((begin + along / 2) * lengths).sum(axis=1, keepdims=True)
    centre_of_mass = moments / lengths.sum(axis=1, keepdims=True)
    return _drawn(begin - centre_of_mass + (IMAGE_SIDE - 1) / 2, along, width[:, 0, 0])


def _drawn(
    begin: NDArray[np.float64], along: NDArray[np.float64], width: NDArray[np.float64]
) -> Images:
    """Draw strokes from `begin` to `begin + along`, (n, strokes, 2), with pens of widths (n, 1)."""
    rows, columns = np.indices((IMAGE_SIDE, IMAGE_SIDE)).reshape(2, -1).astype(np.float32)
    images = np.empty((len(begin), IMAGE_SIDE, IMAGE_SIDE), np.uint8)

    def draw(block: slice) -> None:
        starts = begin[block].astype(np.float32).transpose(1, 2, 0)[..., None]  # (strokes, 2, n, 1)
        ways = along[block].astype(np.float32).transpose(1, 2, 0)[..., None]
        # Squared distance of each pixel from the nearest stroke.
        squared = np.full((starts.shape[2], len(rows)), np.inf, np.float32)
        for (start_x, start_y), (way_x, way_y) in zip(starts, ways, strict=True):
            to_x = columns - start_x
            to_y = rows - start_y
            length = np.maximum(way_x**2 + way_y**2, 1e-6)
            share = np.clip((to_x * way_x + to_y * way_y) / length, 0, 1)
            distance = (to_x - share * way_x) ** 2 + (to_y - share * way_y) ** 2
            np.minimum(squared, distance, out=squared)
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
    first = first[differ]
    second = second[differ]
    cut = generator.integers(IMAGE_SIDE * 2 // 5, IMAGE_SIDE * 3 // 5 + 2, (len(first), 1))
    shape = (len(first), IMAGE_SIDE, IMAGE_SIDE)
    is_left = np.broadcast_to((np.arange(IMAGE_SIDE) < cut)[:, None], shape)
    is_horizontal = generator.random((len(first), 1, 1)) < 0.5
    is_first = np.where(is_horizontal, is_left.swapaxes(1, 2), is_left)
    return np.where(is_first, images[first], images[second])


def turned(
    images: Images, labels: NDArray[np.integer], count: int, generator: np.random.Generator
) -> tuple[Images, NDArray[np.integer]]:
    """Images that are mirrored or turned by 90°, and for each image a number of class and turn.

    Some of them show a member of the data set again: a mirrored 8 is an 8.
    """
    sample = generator.integers(len(images), size=count)
    turn = generator.integers(NUM_TURNS, size=count)
    originals = images[sample]
    turns = np.stack(
        [
            originals[:, :, ::-1],
            originals[:, ::-1],
            np.rot90(originals, 1, (1, 2)),
            np.rot90(originals, -1, (1, 2)),
        ]
    )
    return turns[turn, np.arange(count)], labels[sample].astype(np.int64) * NUM_TURNS + turn
