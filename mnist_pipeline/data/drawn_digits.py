"""Digits in shapes that MNIST lacks, drawn as MNIST's images are: a 1 with a long upstroke as in
Europe, a crossed 0, and the serifs, curls and thin lines of print.

A shape is a list of strokes, a stroke a smooth curve through points. Images differ in proportions,
slant, unsteadiness and pen. The pictures of `benchmarks` have other shapes.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mnist_pipeline.data.color import Images
from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.deformations import (
    MAX_INK,
    as_bytes,
    checked_images,
    interpolating,
)
from mnist_pipeline.utils.arguments import checked, random_generator

Floats = NDArray[np.float64]

# A shape per line, after its digit. Strokes are separated by "|"; points are x,y in hundredths of
# the height, with y downwards.
SHAPES = """\
0 30,0 8,10 0,32 0,68 8,90 30,100 52,90 60,68 60,32 52,10 30,0 | 6,92 54,8
0 46,0 16,8 0,34 0,66 16,92 46,100 76,92 92,66 92,34 76,8 46,0 | 8,100 84,0
0 42,0 14,10 0,36 0,66 14,91 42,100 70,91 84,66 84,36 70,10 42,0 | -10,108 94,-8
0 36,0 12,10 0,34 0,66 12,90 36,100 60,90 72,66 72,34 60,10 36,0 | 10,10 62,90
0 40,0 12,10 0,36 0,66 12,91 40,100 68,91 80,66 80,36 68,10 40,0 | -6,-6 86,106
0 30,0 8,10 0,32 0,68 8,90 30,100 52,90 60,68 60,32 52,10 30,0 | 30,46 30,54
0 32,0 8,12 0,50 8,88 32,100 56,88 64,50 56,12 32,0 | 16,80 48,20
0 38,0 10,12 0,50 10,88 38,100 66,88 76,50 66,12 38,0 | -8,70 84,30
0 44,0 14,10 0,36 0,66 14,91 44,100 74,91 88,66 88,36 74,10 44,0 | 70,-10 18,110
0 34,0 8,14 0,52 10,90 34,100 58,88 68,50 58,10 34,0 | 6,22 62,78
0 40,0 12,10 0,36 0,66 12,91 40,100 68,91 80,66 80,36 68,10 40,0 | 22,-4 60,104
0 30,0 9,8 1,30 0,70 8,92 30,100 52,92 60,70 59,30 51,8 30,0
1 0,24 32,0 32,100
1 0,42 32,0 32,100
1 0,60 34,0 33,100
1 0,78 18,34 38,0 38,100
1 0,96 24,44 46,0 44,100
1 0,48 20,26 40,0 32,100
1 0,66 28,22 36,0 30,100
1 0,30 26,18 30,0 30,100 | 4,100 58,100
1 0,52 32,0 32,100 | 10,100 54,100
1 0,84 40,0 40,100 | 22,100 60,100
1 8,10 26,10 30,0 30,100 | 8,100 52,100
1 0,14 22,14 28,0 28,100
1 6,6 26,0 26,100 | 0,100 52,100
2 4,26 8,6 28,0 50,8 52,30 34,62 2,100 56,100 60,78
2 3,24 10,5 30,0 52,8 54,30 36,60 0,100 62,100
2 8,20 14,26 6,30 4,18 14,3 34,0 52,10 52,32 30,66 2,98 24,90 44,100 60,84
2 2,20 22,0 48,8 46,36 22,78 8,98 0,88 12,78 36,96 64,90
3 2,0 56,0 26,40 50,48 58,72 44,96 18,100 0,86
3 2,12 2,0 54,0 28,38 52,48 58,72 44,96 18,100 0,90 4,84
3 6,16 8,8 28,0 50,8 50,34 22,46 54,54 58,80 30,100 4,92 4,82
3 0,16 20,0 48,10 42,38 20,47 56,54 60,80 40,100 12,98 0,84
4 46,0 0,70 64,70 | 46,0 46,100
4 46,0 0,68 64,68 | 46,0 46,100 | 28,100 62,100
4 10,0 2,52 62,52 | 52,10 52,100
4 6,0 0,40 6,56 30,56 58,50 | 58,0 54,100
4 26,0 0,66 60,66 | 42,40 42,100
5 56,0 12,0 8,46 30,36 56,50 56,80 32,100 4,94 0,84
5 10,2 6,46 34,38 58,56 54,86 28,100 0,92 | 10,2 36,6 60,-4
5 54,0 8,0 8,42 40,42 58,56 58,84 40,100 0,100
6 46,0 20,36 4,66 10,92 32,100 54,90 56,68 40,54 18,58 6,72
6 38,0 0,62 4,88 26,100 50,90 52,68 34,56 12,60
6 52,14 44,4 30,0 10,14 0,56 8,90 30,100 52,90 58,68 48,50 30,46 10,54 2,72
6 56,4 26,10 6,44 2,76 14,96 34,100 54,88 56,66 38,52 16,58 4,74
7 0,0 60,0 24,100
7 0,18 0,0 60,0 34,44 24,100
7 2,20 8,0 24,2 42,8 60,0 32,50 26,100
7 0,2 58,0 26,100 | 8,52 58,46
7 0,20 2,2 60,0 30,100 | 12,58 60,44
7 0,0 60,0 16,100 | 4,100 34,100
8 30,0 10,6 6,24 14,42 46,52 60,76 50,94 30,100 10,94 0,76 14,52 46,42 54,24 50,6 30,0
8 48,12 28,0 8,14 14,36 46,60 54,84 28,100 4,84 12,60 44,36 48,12
9 6,86 14,96 28,100 48,86 58,44 50,10 28,0 6,10 0,32 10,50 28,54 48,46 56,28
9 52,30 34,46 12,42 2,24 12,4 32,0 50,10 54,34 54,100
9 50,34 26,46 4,36 4,12 28,0 50,10 52,38 26,100
9 54,14 30,0 6,12 4,36 26,48 48,36 54,14 52,60 40,90 10,96
"""
PER_SHAPE = 40  # images of each shape; one in 25 training images of MNIST is a drawn digit
NUM_IMAGES = PER_SHAPE * len(SHAPES.splitlines())
SPACING = 3.0  # between the points that are drawn, in hundredths of the height
SMOOTHING = 1.5  # of a line through the points of a stroke: standard deviation in these points
KNOTS = 6  # along a shape, between which the displacement by an unsteady hand is interpolated
UNSTEADINESS = 3.0  # standard deviation of this displacement, in hundredths of the height
ASPECTS = (0.7, 1.35)  # factors of the width
SLANT = 0.12  # standard deviation, in heights
HALF_WIDTHS = (0.6, 1.9)  # of a pen, in pixels
NIBS = (1.0, 1.3)  # root of how much wider than high a pen is
HALF_SIDE = 10  # of the square that the ink fills, as MNIST's digits do
SOFTNESS = 0.8  # s in `_drawn`, in pixels
ON_LINE = 3.0  # about the sum of the Gaussians on a line
TINY = 1e-30  # the least sum, so that it has a logarithm


def add(
    images: Images, labels: NDArray[np.integer], seed: int
) -> tuple[Images, NDArray[np.integer]]:
    """Images (n, 28, 28) of digits with their integer labels (n,), and drawn digits after them.

    Raises a ValueError or a TypeError for other arguments; n may be 0.
    """
    images = checked_images(images, IMAGE_SIDE, IMAGE_SIDE)
    labels = checked("labels", labels, shape=(len(images),), kinds="iu")
    generator = random_generator("seed", seed)
    lines = SHAPES.splitlines()
    drawn = [_drawn(_written(line[2:], generator), generator) for line in lines]
    digits = np.repeat([int(line[0]) for line in lines], PER_SHAPE)
    return np.concatenate([images, *drawn]), np.append(labels, digits.astype(labels.dtype))


def _written(shape: str, generator: np.random.Generator) -> Floats:
    """Points along the strokes of a shape as `PER_SHAPE` hands write it, (n, n_points, 2)."""
    curve = np.concatenate([_curve(stroke) for stroke in shape.split(" | ")])
    weights = interpolating(np.linspace(0, KNOTS - 1, len(curve)), KNOTS)  # (n_points, KNOTS)
    curves = curve + weights @ generator.normal(0, UNSTEADINESS, (PER_SHAPE, KNOTS, 2))
    curves[..., 0] *= generator.uniform(*ASPECTS, (PER_SHAPE, 1))
    curves[..., 0] -= generator.normal(0, SLANT, (PER_SHAPE, 1)) * curves[..., 1]
    return curves


def _curve(stroke: str) -> Floats:
    """Points along a stroke at equal distances, (n_points, 2)."""
    points = np.array([point.split(",") for point in stroke.split()], float)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    lengths = np.append(0, steps.cumsum())
    positions = np.arange(0, lengths[-1], SPACING)
    line = np.stack([np.interp(positions, lengths, axis) for axis in points.T], axis=1)
    return gaussian_filter1d(line, SMOOTHING, axis=0, mode="nearest")


def _drawn(curves: Floats, generator: np.random.Generator) -> Images:
    """Draw points along curves with elliptic pens, in MNIST's form.

    −2 s² log Σ exp(−|x − p|² / 2 s²) is a soft minimum of the squared distances of x from the
    points p. A Gaussian is a product of one for the row and one for the column, so the sums are a
    product of matrices.
    """
    half_widths = generator.uniform(*HALF_WIDTHS, (len(curves), 1, 1))
    nibs = generator.uniform(*NIBS, (len(curves), 1, 1))
    curves = curves - (curves.min(axis=1, keepdims=True) + curves.max(axis=1, keepdims=True)) / 2
    curves *= (HALF_SIDE - half_widths) / np.abs(curves).max(axis=(1, 2), keepdims=True)
    curves += (IMAGE_SIDE - 1) / 2 - curves.mean(axis=1, keepdims=True)
    pixels = np.arange(IMAGE_SIDE)
    x, y = curves.transpose(2, 0, 1)[..., np.newaxis]  # (n, n_points, 1)
    columns = np.exp(-np.square((pixels - x) / (SOFTNESS * nibs), dtype=np.float32) / 2)
    rows = np.exp(-np.square((pixels - y) * nibs / SOFTNESS, dtype=np.float32) / 2)
    sums = rows.swapaxes(1, 2) @ columns / ON_LINE
    distances = SOFTNESS * np.sqrt(-2 * np.log(np.clip(sums, TINY, 1)))
    return as_bytes(MAX_INK * np.clip(half_widths + 0.5 - distances, 0, 2 * half_widths))
