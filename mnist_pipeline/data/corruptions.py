"""The fifteen corruptions of MNIST-C [1]_, in the severities of the published data set.

Each function takes images, uint8 (n, 28, 28), 0 the paper and 255 full ink, and a generator, and
returns images of the same kind. `corrupt` calls them by name. No model is trained on these images,
but the variations of `variation` resemble some of them, and the recipe of the convolutional network
was tuned on held-out digits with them.

The published images come from scikit-image 0.15 and ImageMagick. Where these have ways of their
own, the functions follow them: glass blur smooths along columns only, and a shear also lengthens
the image by 1 / cos 0.4.

References
----------
.. [1] N. Mu, J. Gilmer, "MNIST-C: a robustness benchmark for computer vision", 2019.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.deformations import MAX_INK, Images, affine, as_bytes
from mnist_pipeline.utils.blocks import slices

Floats = NDArray[Any]
Corruption = Callable[[Images, np.random.Generator], Images]

TURN = 0.4  # radians, of rotate and shear
LINE_REACH = 2.3  # pixels from its middle at which the ink of a line ends
FOG_SIDE = 256
FOG_DECAY = 1.4
FOG_AMOUNT = 3.0
_IMAGES_PER_BLOCK = 64  # of fog, whose maps are 84 times as large as the images


def corrupt(images: Images, name: str) -> Images:
    """Corrupt images by the corruption of this name, which has its own random numbers.

    Examples
    --------
    >>> corrupt(np.zeros((1, 28, 28), np.uint8), "stripe")[0, 0, ::7]
    array([255,   0,   0, 255], dtype=uint8)
    """
    return CORRUPTIONS[name](images, np.random.default_rng((0, zlib.crc32(name.encode()))))


def shot_noise(images: Images, generator: np.random.Generator) -> Images:
    """The number of photons per pixel is Poisson distributed; three photons make full ink."""
    return as_bytes(generator.poisson(_ink(images) * 3) / 3 * MAX_INK)


def impulse_noise(images: Images, generator: np.random.Generator) -> Images:
    """17% of the pixels become paper or full ink."""
    is_hit = generator.random(images.shape) < 0.17
    is_ink = generator.random(images.shape) < 0.5
    return np.where(is_hit, np.uint8(MAX_INK) * is_ink, images)


def glass_blur(images: Images, generator: np.random.Generator) -> Images:
    """Smooth columns, swap pixels twice with others above and to the left, smooth columns again."""

    def smooth(stack: Floats) -> Floats:
        return scipy.ndimage.gaussian_filter1d(stack, 0.7, axis=1, mode="nearest")

    pixels = (smooth(_ink(images)) * MAX_INK).astype(np.uint8)
    image = np.arange(len(images))
    for _ in range(2):
        for row in range(IMAGE_SIDE - 1, 1, -1):
            for column in range(IMAGE_SIDE - 1, 1, -1):
                swaps = generator.random(len(images)) < 0.5
                up, left = generator.integers(0, 2, (2, len(images))) * swaps
                here = pixels[:, row, column].copy()
                pixels[:, row, column] = pixels[image, row - up, column - left]
                pixels[image, row - up, column - left] = here
    return as_bytes(smooth(pixels.astype(np.float64)))


def motion_blur(images: Images, generator: np.random.Generator) -> Images:
    """Average along a line of 21 pixels within 45° of a row; weights fall as half a Gaussian."""
    angles = np.radians(generator.uniform(-45, 45, len(images)))[:, None, None]
    steps = np.arange(21)
    weights = np.exp(-(steps**2) / (2 * 3**2))
    weights /= weights.sum()
    image, rows, columns = np.ogrid[: len(images), :IMAGE_SIDE, :IMAGE_SIDE]
    total = np.zeros(images.shape)
    for step, weight in zip(steps, weights, strict=True):
        down = np.ceil(step * np.sin(angles) - 0.5).astype(int)
        across = np.ceil(step * np.cos(angles) - 0.5).astype(int)
        row = np.clip(rows + down, 0, IMAGE_SIDE - 1)
        column = np.clip(columns + across, 0, IMAGE_SIDE - 1)
        total += weight * images[image, row, column]
    return as_bytes(total)


def shear(images: Images, generator: np.random.Generator) -> Images:
    """Slant to the left or to the right."""
    slant = np.sin(TURN) * generator.choice([-1, 1], len(images))
    return affine(images, scale=(1 / np.cos(TURN), 1), shear=slant)


def scale(images: Images, generator: np.random.Generator) -> Images:
    """Reduce to 70% of the size."""
    return affine(images, scale=0.7)


def rotate(images: Images, generator: np.random.Generator) -> Images:
    """Turn to the left or to the right."""
    return affine(images, rotation=np.degrees(TURN) * generator.choice([-1, 1], len(images)))


def brightness(images: Images, generator: np.random.Generator) -> Images:
    """Add half of full ink."""
    return as_bytes(images + 0.5 * MAX_INK)


def translate(images: Images, generator: np.random.Generator) -> Images:
    """Move by three pixels along both axes."""
    return affine(images, shift=3 * generator.choice([-1, 1], (len(images), 2)))


def stripe(images: Images, generator: np.random.Generator) -> Images:
    """Invert the left and the right quarter."""
    columns = np.arange(IMAGE_SIDE)
    return np.where((columns < 7) | (columns >= 21), MAX_INK - images, images)


def fog(images: Images, generator: np.random.Generator) -> Images:
    """Add a corner of a random landscape, three times as strong as ink, and scale to the ink."""
    foggy = np.empty_like(images)
    for rows in slices(len(images), _IMAGES_PER_BLOCK):
        block = _ink(images[rows])
        most = block.max(axis=(1, 2), keepdims=True)
        fog = FOG_AMOUNT * _landscapes(len(block), generator)[:, :IMAGE_SIDE, :IMAGE_SIDE]
        foggy[rows] = as_bytes((block + fog) * most / (most + FOG_AMOUNT) * MAX_INK)
    return foggy


def _landscapes(count: int, generator: np.random.Generator) -> Floats:
    """Random heights in [0, 1] on a torus, float32 (count, 256, 256), by the diamond-square method.

    The corner has the height 0. Each round halves the distance of the known points: first the
    middle of each square, then the middle of each edge becomes the mean of its four neighbours plus
    noise.
    """
    heights = np.zeros((count, FOG_SIDE, FOG_SIDE), np.float32)
    step = FOG_SIDE
    noise = np.float32(100)

    def noisy_mean(total: Floats) -> Floats:
        return total / 4 + noise**2 * (2 * generator.random(total.shape, np.float32) - 1)

    while step > 1:
        half = step // 2
        corners = heights[:, ::step, ::step]
        edges = corners + np.roll(corners, -1, 1)
        middles = heights[:, half::step, half::step] = noisy_mean(edges + np.roll(edges, -1, 2))
        across = corners + np.roll(corners, -1, 2)
        down = corners + np.roll(corners, -1, 1)
        heights[:, ::step, half::step] = noisy_mean(across + middles + np.roll(middles, 1, 1))
        heights[:, half::step, ::step] = noisy_mean(down + middles + np.roll(middles, 1, 2))
        step = half
        noise = np.float32(noise / FOG_DECAY)
    heights -= heights.min(axis=(1, 2), keepdims=True)
    return heights / heights.max(axis=(1, 2), keepdims=True)


def spatter(images: Images, generator: np.random.Generator) -> Images:
    """Cover the image with drops of mud, a quarter of full ink."""
    liquid = _smooth(generator.normal(0.65, 0.3, images.shape), 1.0)
    mud = _smooth((liquid > 0.65).astype(np.float64), 1.5)
    mud[mud < 0.8] = 0
    return as_bytes(images * (1 - mud) + 63 * mud)


def dotted_line(images: Images, generator: np.random.Generator) -> Images:
    """A dotted line from the left edge to the right edge: two columns with ink, two without."""
    first, last = generator.integers(0, 27, (2, len(images))).astype(float)
    line = _lines(0, first, 27, last)
    return as_bytes(images + MAX_INK * line * (np.arange(IMAGE_SIDE) % 4 >= 2))


def zigzag(images: Images, generator: np.random.Generator) -> Images:
    """A zigzag from left to right around a line that rises or falls by up to five pixels."""
    first = generator.integers(0, 27, len(images)).astype(float)
    rise = generator.integers(-5, 5, len(images))
    length = 23
    angle = np.arctan(rise / length)
    end = length / np.cos(angle)
    # The corners, along the line and on either side of it; the last corner depends on the image.
    along = np.array(np.broadcast_arrays(0, 2, 6, 10, 14, 18, 22, end))
    aside = np.array(np.broadcast_arrays(0, 2, -2, 2, -2, 2, -2, -1 / (end - 20)))
    x = 2 + np.cos(angle) * along - np.sin(angle) * aside
    y = first + np.sin(angle) * along + np.cos(angle) * aside
    ink = sum(_lines(*ends) for ends in zip(x[:-1], y[:-1], x[1:], y[1:], strict=True))
    return as_bytes(images + MAX_INK * ink)


def _lines(*ends: Floats | float) -> Floats:
    """Ink in [0, 1] that fades around one line per image, with the ends x, y, last x and last y."""
    x, y, last_x, last_y = np.array(np.broadcast_arrays(*ends), float)[..., None, None]
    rows, columns = np.mgrid[:IMAGE_SIDE, :IMAGE_SIDE]
    distance = np.abs(rows - y - (last_y - y) / (last_x - x) * (columns - x))
    ink = 1 + np.log(1 - np.minimum(distance / LINE_REACH, 1 - 1e-10))
    return np.clip(ink, 0, 1) * ((columns >= np.floor(x)) & (columns < np.ceil(last_x)))


def canny_edges(images: Images, generator: np.random.Generator) -> Images:
    """The edges of Canny's detector [1]_, with σ = 1 and thresholds 0.1 and 0.2.

    References
    ----------
    .. [1] J. Canny, "A computational approach to edge detection", PAMI 8, 1986.
    """
    weights = _smooth(np.ones((1, IMAGE_SIDE, IMAGE_SIDE)), 1.0, "constant")
    blurred = _smooth(_ink(images), 1.0, "constant") / weights
    down = _sobel(blurred, 1, 2)
    across = _sobel(blurred, 2, 1)
    strength = np.hypot(down, across)
    # An edge is a largest gradient along its own direction. The direction points between two
    # neighbours, a straight and a diagonal neighbour: compare the gradient with a value between
    # theirs.
    steepness = np.abs(down)
    flatness = np.abs(across)
    share = np.minimum(steepness, flatness) / np.maximum(np.maximum(steepness, flatness), 1e-30)
    towards_row = np.where(down >= 0, 1, -1)
    towards_column = np.where(across >= 0, 1, -1)
    padded = np.pad(strength, ((0, 0), (1, 1), (1, 1)))
    image, rows, columns = np.indices(images.shape)
    is_largest = strength > 0
    for sign in (1, -1):
        row = rows + 1 + sign * towards_row
        column = columns + 1 + sign * towards_column
        straight = np.where(
            steepness >= flatness, padded[image, row, columns + 1], padded[image, rows + 1, column]
        )
        is_largest &= share * padded[image, row, column] + (1 - share) * straight <= strength
    is_largest[:, [0, -1]] = is_largest[:, :, [0, -1]] = False
    # Weak edges count if they touch a strong one.
    touching = np.zeros((3, 3, 3), bool)
    touching[1] = True
    is_weak = is_largest & (strength >= 0.1)
    is_strong = is_largest & (strength >= 0.2)
    is_edge = scipy.ndimage.binary_propagation(is_strong, touching, mask=is_weak)
    return np.uint8(MAX_INK) * is_edge


def _ink(images: Images) -> Floats:
    return images / MAX_INK


def _smooth(
    stack: Floats, deviation: float, mode: Literal["nearest", "constant"] = "nearest"
) -> Floats:
    return np.asarray(scipy.ndimage.gaussian_filter(stack, deviation, mode=mode, axes=(1, 2)))


def _sobel(stack: Floats, along: int, across: int) -> Floats:
    slopes = scipy.ndimage.correlate1d(stack, (-1, 0, 1), along)
    return np.asarray(scipy.ndimage.correlate1d(slopes, (1, 2, 1), across))


CORRUPTIONS: Mapping[str, Corruption] = {
    corruption.__name__: corruption
    for corruption in (
        shot_noise,
        impulse_noise,
        glass_blur,
        motion_blur,
        shear,
        scale,
        rotate,
        brightness,
        translate,
        stripe,
        fog,
        spatter,
        dotted_line,
        zigzag,
        canny_edges,
    )
}
