"""Images that belong to no class of a data set, made from its images, from random strokes and from
symbols.

Training on some outliers also helps to reject kinds never shown, such as letters, which are not
used here. The idea is Outlier Exposure [1]_.

References
----------
.. [1] D. Hendrycks, M. Mazeika, T. Dietterich, "Deep anomaly detection with outlier exposure", ICLR
    2019.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mnist_pipeline.data.color import Images
from mnist_pipeline.data.conversion import IMAGE_SIDE, STROKE_WIDTHS
from mnist_pipeline.data.deformations import MAX_INK
from mnist_pipeline.utils.blocks import in_blocks

ROWS, COLUMNS = 4, 3  # of the grid on which strokes begin and end
NUMBERS = (2, 8)  # strokes per image
JOINED = 0.6  # share of the strokes that begin where another one ends
SCATTER, SLANT = 0.03, 0.12  # standard deviations, as a share of the height
ASPECTS = (0.5, 1.2)  # widths, as a share of the height
INK_SIDE = 20  # of the square that the strokes fill, as MNIST's digits do
NUM_TURNS = 4
STEPS = 4  # copies of a point of a symbol, before the line is smoothed by half of them
UNSTEADINESS = 0.05  # standard deviation of the points of a symbol, as a share of the height
# Closed lines that are not a 0: hearts, faces and triangles, one per line. Strokes are separated by
# "|"; points are x,y in hundredths of the height, with y downwards; a corner is a repeated point.
SYMBOLS = """\
54,28 54,28 36,5 10,5 0,30 18,60 54,100 54,100 90,60 110,30 98,5 72,5 54,28
60,20 60,20 30,0 0,20 12,55 60,90 60,90 108,55 120,20 90,0 60,20 60,20
48,35 48,35 42,10 18,5 2,25 12,60 50,100 50,100 84,62 96,25 78,5 54,12 48,35
60,0 14,5 0,50 14,95 60,100 106,95 120,50 106,5 60,0 | 40,30 40,42 | 79,30 79,42 | 30,62 60,90 90,62
60,0 14,5 0,50 14,95 60,100 106,95 120,50 106,5 60,0 | 40,33 40,37 | 79,33 79,37 | 34,80 60,60 86,80
60,0 14,5 0,50 14,95 60,100 106,95 120,50 106,5 60,0 | 36,30 37,40 | 82,30 80,40 | 34,70 86,70
60,0 14,5 0,50 14,95 60,100 106,95 120,50 106,5 60,0 | 40,32 79,32 | 60,45 60,58 | 30,68 60,92 90,68
48,0 48,0 0,90 0,90 96,90 96,90 48,0 48,0
0,0 0,0 96,0 96,0 48,90 48,90 0,0 0,0
"""
BLOCK_ROWS = 128  # images drawn at a time, whose values fit the cache


def strokes(count: int, generator: np.random.Generator) -> Images:
    """Random straight strokes: a few as in letters and runes, or many as in scribbles."""
    least, most = NUMBERS
    grid = np.meshgrid(np.linspace(0, 1, COLUMNS), np.linspace(0, 1, ROWS))
    corners = np.stack(grid, axis=-1).reshape(-1, 2)
    image = np.arange(count)
    ends = generator.integers(len(corners), size=(count, most, 2))  # indices of corners
    for stroke in range(1, most):
        joined = np.flatnonzero(generator.random(count) < JOINED)
        other = generator.integers(stroke, size=count)
        end = generator.integers(2, size=count)
        ends[joined, stroke, 0] = ends[image, other, end][joined]
    points = corners[ends] + generator.normal(0, SCATTER, (count, most, 2, 2))  # x, y
    left_out = np.arange(most) >= generator.integers(least, most + 1, (count, 1))
    return _written(np.where(left_out[:, :, None, None], points[:, :1, :1], points), generator)


def symbols(count: int, generator: np.random.Generator) -> Images:
    """The `SYMBOLS`, as `count` unsteady hands write each of them."""
    images = []
    for symbol in SYMBOLS.splitlines():
        lines = []
        for stroke in symbol.split(" | "):
            points = np.array([point.split(",") for point in stroke.split()], float) / 100
            points = points + generator.normal(0, UNSTEADINESS, (count, *points.shape))
            curve = gaussian_filter1d(np.repeat(points, STEPS, axis=1), STEPS / 2, axis=1)
            lines.append(np.stack([curve[:, :-1], curve[:, 1:]], axis=2))
        images.append(_written(np.concatenate(lines, axis=1), generator))
    return np.concatenate(images)


def _written(points: NDArray[np.float64], generator: np.random.Generator) -> Images:
    """Images of strokes between points (n, strokes, 2, 2) as random hands and pens write them."""
    count = len(points)
    points[..., 0] *= generator.uniform(*ASPECTS, (count, 1, 1))
    points[..., 0] += generator.normal(0, SLANT, (count, 1, 1)) * (1 - points[..., 1])
    width = generator.uniform(*STROKE_WIDTHS, (count, 1, 1, 1))
    points -= points.min(axis=(1, 2), keepdims=True)
    points *= (INK_SIDE - width) / np.maximum(points.max(axis=(1, 2, 3), keepdims=True), 0.5)
    begin = points[:, :, 0]  # (count, strokes, 2)
    along = points[:, :, 1] - begin
    lengths = np.linalg.norm(along, axis=2, keepdims=True) + 1e-3
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
