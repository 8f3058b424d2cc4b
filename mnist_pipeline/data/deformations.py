"""Deformations of digit images, as by another hand, pen, paper or camera.

Images and results are uint8, shape (n, rows, columns); 0 is paper and 255 is full ink. Angles are
in degrees, lengths in pixels. A parameter is one finite number for all images, or one per image.
Results do not depend on the number of threads.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_pipeline.utils.blocks import in_blocks, read_only, slices

Images = NDArray[np.uint8]

MAX_INK = 255
IMAGES_PER_BLOCK = 1_024
_FLOATING_IMAGES_PER_BLOCK = 128  # their floating values fit the cache


def affine(
    images: Images,
    *,
    rotation: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    shear: ArrayLike = 0.0,
    shift: ArrayLike = 0.0,
) -> Images:
    """Scale, slant, rotate and move images, in this order, about their centre.

    Pixels are interpolated bilinearly; outside the image there is paper. `rotation` is in degrees,
    counter-clockwise as seen; `shear` is in pixels to the right for each pixel up, as italics lean;
    both are numbers or of shape (n,). `scale` has the factors of heights and of widths, and `shift`
    the pixels down and to the right; both are numbers, or of shape (2,) or (n, 2). A scale is not
    0.
    """
    from mnist_pipeline.data.deformations_kernel import sample

    images = read_only(images)
    count, height, width = images.shape
    angle = np.radians(_for_each(rotation, count))
    heights, widths = _for_each(scale, count, 2).T
    slant = _for_each(shear, count)
    down, right = _for_each(shift, count, 2).T
    # A pixel is read from the inverse of the map: with p = (row, column) from the centre, p = R S D
    # q + t and D = diag(heights, widths), S = [1 0; −slant 1], R = [cos −sin; sin cos] acting on
    # (row, column). (a, b, c, d, e, f) is the map in the form of `sample_reference`.
    cos = np.cos(angle)
    sin = np.sin(angle)
    a = cos / heights
    b = sin / heights
    d = (slant * cos - sin) / widths
    e = (slant * sin + cos) / widths
    middle_row = (height - 1) / 2
    middle_column = (width - 1) / 2
    from_row = middle_row + down
    from_column = middle_column + right
    c = middle_row - a * from_row - b * from_column
    f = middle_column - d * from_row - e * from_column
    maps = np.stack([a, b, c, d, e, f], axis=1)
    output = np.empty_like(images)

    def deform(block: slice) -> None:
        padded = np.zeros((height + 2) * (width + 2), np.float32)
        sample(images[block], maps[block], padded, output[block])

    in_blocks(deform, count, IMAGES_PER_BLOCK)
    return output


def sample_reference(images: Images, maps: NDArray[np.float64]) -> Images:
    """Compute each pixel by bilinear interpolation at the position that its image's map assigns.

    The map of an image is (a, b, c, d, e, f): the pixel (row, column) is read at (a·row + b·column
    + c, d·row + e·column + f). Outside the image there is paper. It computes the same bytes as the
    compiled `deformations_kernel.sample`.
    """
    count, height, width = images.shape
    image = np.arange(count)[:, np.newaxis, np.newaxis]
    row, column = np.indices((height, width))
    a, b, c, d, e, f = maps.T[:, :, np.newaxis, np.newaxis]
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2))).astype(np.float32)
    # Positions in the padded image; those outside it are at its border, where there is paper.
    y = np.clip(a * row + c + 1 + b * column, 0, height + 1).astype(np.float32)
    x = np.clip(d * row + f + 1 + e * column, 0, width + 1).astype(np.float32)
    top = y.astype(np.int32)
    left = x.astype(np.int32)
    below = y - top.astype(np.float32)
    right = x - left.astype(np.float32)

    def between_columns(row: NDArray[np.int32]) -> NDArray[np.float32]:
        pixel = padded[image, row, left]
        return pixel + right * (padded[image, row, left + 1] - pixel)

    upper = between_columns(top)
    lower = between_columns(top + 1)
    return (upper + below * (lower - upper) + np.float32(0.5)).astype(np.uint8)


def thicken(images: Images, amount: ArrayLike) -> Images:
    """Widen strokes by an amount of pixels on each side; negative amounts thin them.

    A fraction of a pixel is a blend.
    """
    output = np.array(images)
    amounts = _for_each(amount, len(images))[:, np.newaxis, np.newaxis]
    # min x = 255 − max(255 − x), and 255 − x is x ^ 255.
    inverts = np.where(amounts < 0, np.uint8(MAX_INK), np.uint8(0))
    for block in slices(len(images), _FLOATING_IMAGES_PER_BLOCK):
        left, invert = np.abs(amounts[block]), inverts[block]
        for pixel in range(math.ceil(left.max())):
            padded = np.pad(output[block], ((0, 0), (1, 1), (1, 1))) ^ invert
            extremes = np.maximum(padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
            for others in (padded[:, :-2, 1:-1], padded[:, 1:-1, 1:-1], padded[:, 2:, 1:-1]):
                np.maximum(extremes, others, out=extremes)
            # x + fraction · (extreme − x), rounded
            change = np.subtract(extremes ^ invert, output[block], dtype=np.float32)
            change *= np.clip(left - pixel, 0, 1).astype(np.float32)
            change += np.float32(0.5)
            output[block] = np.add(change, output[block], out=change)
    return output


def add_noise(images: Images, deviation: ArrayLike, seed: int | np.random.Generator = 0) -> Images:
    """Add normally distributed noise; its standard deviation is a share of full ink."""
    deviations = _for_each(deviation, len(images))[:, np.newaxis, np.newaxis]
    noise = np.random.default_rng(seed).standard_normal(images.shape, np.float32)
    return as_bytes((MAX_INK * deviations).astype(np.float32) * noise + images)


def contrast(images: Images, factor: float) -> Images:
    """Multiply ink by a factor of at least 0, as with a fainter or a stronger pencil.

    Examples
    --------
    >>> contrast(np.array([[[0, 100, 200]]], np.uint8), 0.5)
    array([[[  0,  50, 100]]], dtype=uint8)
    """
    return as_bytes(np.arange(MAX_INK + 1) * factor)[images]


def low_resolution(images: Images, side: float) -> Images:
    """Reduce images to `side` × `side` pixels by means over areas; enlarge them bilinearly.

    Examples
    --------
    >>> low_resolution(np.full((1, 28, 28), 7, np.uint8), 8)[0, 0, :3]
    array([7, 7, 7], dtype=uint8)
    """
    side = int(side)
    _, height, width = images.shape
    down = _enlarging(height, side) @ _averaging(height, side)
    across = _enlarging(width, side) @ _averaging(width, side)
    return as_bytes(down @ images.astype(np.float64) @ across.T)


def _averaging(length: int, side: int) -> NDArray[np.float64]:
    """Matrix (side, length) that takes the mean over equal parts of a line of pixels."""
    ends = np.linspace(0, length, side + 1)
    pixels = np.arange(length)
    covered = np.minimum(ends[1:, None], pixels + 1) - np.maximum(ends[:-1, None], pixels)
    return np.clip(covered, 0, None) * side / length


def _enlarging(length: int, side: int) -> NDArray[np.float64]:
    """Matrix (length, side) that interpolates linearly between the middles of the parts."""
    places = np.clip((np.arange(length) + 0.5) * side / length - 0.5, 0, side - 1)
    return interpolating(places, side)


def interpolating(places: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Matrix (n, count) that interpolates linearly, at places (n,), between values at 0, 1, 2, …"""
    return np.maximum(0, 1 - np.abs(places[:, np.newaxis] - np.arange(count)))


def as_bytes(values: NDArray[Any]) -> Images:
    """Values rounded, and limited to 0–255."""
    return np.rint(np.clip(values, 0, MAX_INK)).astype(np.uint8)


def _for_each(values: ArrayLike, count: int, *shape: int) -> NDArray[np.float64]:
    """A number (or row of numbers) for each image."""
    return np.broadcast_to(values, (count, *shape)).astype(np.float64)
