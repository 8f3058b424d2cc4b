"""Deformations of digit images, as by another hand, pen, paper or camera.

Images and results are uint8, shape (n, rows, columns); 0 is paper and 255 is full ink. Angles are
in degrees, lengths in pixels. A parameter is one finite number for all images, or one per image.
Results do not depend on the number of threads. Each function raises a ValueError or a TypeError for
other images and parameters.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_pipeline.data.color import Images
from mnist_pipeline.utils.arguments import checked, checked_number, numbers, random_generator
from mnist_pipeline.utils.blocks import in_blocks, read_only, slices

MAX_INK = 255
IMAGES_PER_BLOCK = 1_024
_FLOATING_IMAGES_PER_BLOCK = 128  # their floating values fit the cache
# Of a number in a map: beyond it, rounding moves positions by more than a hundred-thousandth pixel.
_LARGEST = 1e9
_MAX_DEVIATION = 1e6  # of noise, as a share of full ink: every pixel is paper or full ink then


def checked_images(
    images: ArrayLike, rows: int | None = None, columns: int | None = None
) -> Images:
    """Images as an array (n, rows, columns), n at least 0; by default any size of at least 1.

    Raises a TypeError for what is no array, and a ValueError for other types and shapes.
    """
    array = numbers("images", images)
    shape = array.shape
    fits = len(shape) == 3 and rows in (None, shape[1]) and columns in (None, shape[2])
    if array.dtype != np.uint8 or not fits or 0 in shape[1:]:
        raise ValueError(
            f"images has shape {shape} and type {array.dtype}; expected uint8 of shape "
            f"(n, {rows or 'rows'}, {columns or 'columns'})"
        )
    return array


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
    the pixels down and to the right; both are numbers, or of shape (2,) or (n, 2). Raises a
    ValueError for a scale whose magnitude is below 1e-9, and for a map with numbers beyond 1e9.
    """
    from mnist_pipeline.data.deformations_kernel import sample

    images = read_only(checked_images(images))
    count, height, width = images.shape
    angle = np.radians(_for_each("rotation", rotation, count))
    scales = _for_each("scale", scale, count, 2)
    checked("the magnitude of scale", np.abs(scales), low=1 / _LARGEST)
    heights, widths = scales.T
    slant = _for_each("shear", shear, count)
    down, right = _for_each("shift", shift, count, 2).T
    # A pixel is read from the inverse of the map: with p = (row, column) from the centre, p = R S D
    # q + t and D = diag(heights, widths), S = [1 0; −slant 1], R = [cos −sin; sin cos] acting on
    # (row, column). (a, b, c, d, e, f) is the map in the form of `deformations_kernel.sample`.
    with np.errstate(all="ignore"):  # what is not finite is refused below
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
    checked("the map of rotation, scale, shear and shift", maps, -_LARGEST, _LARGEST)
    output = np.empty_like(images)

    def deform(block: slice) -> None:
        padded = np.zeros((height + 2) * (width + 2), np.float32)
        sample(images[block], maps[block], padded, output[block])

    in_blocks(deform, count, IMAGES_PER_BLOCK)
    return output


def thicken(images: Images, amount: ArrayLike) -> Images:
    """Widen strokes by an amount of pixels on each side; negative amounts thin them.

    A fraction of a pixel is a blend.
    """
    output = np.array(checked_images(images))
    farthest = sum(output.shape[1:])  # after so many pixels, the image no longer changes
    amounts = np.clip(_for_each("amount", amount, len(output)), -farthest, farthest)
    amounts = amounts[:, np.newaxis, np.newaxis]
    # min x = 255 − max(255 − x), and 255 − x is x ^ 255.
    inverts = np.where(amounts < 0, np.uint8(MAX_INK), np.uint8(0))
    for block in slices(len(output), _FLOATING_IMAGES_PER_BLOCK):
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
    """Add normally distributed noise; its standard deviation is a share of full ink, at least 0."""
    images = checked_images(images)
    deviations = _for_each("deviation", deviation, len(images), low=0, high=_MAX_DEVIATION)
    factors = (MAX_INK * deviations).astype(np.float32)[:, np.newaxis, np.newaxis]
    generator = random_generator("seed", seed)
    output = np.empty_like(images)
    for block in slices(len(images), _FLOATING_IMAGES_PER_BLOCK):
        noise = generator.standard_normal(images[block].shape, np.float32)
        output[block] = as_bytes(factors[block] * noise + images[block])
    return output


def contrast(images: Images, factor: float) -> Images:
    """Multiply ink by a factor of at least 0, as with a fainter or a stronger pencil.

    Examples
    --------
    >>> contrast(np.array([[[0, 100, 200]]], np.uint8), 0.5)
    array([[[  0,  50, 100]]], dtype=uint8)
    """
    factor = min(checked_number("factor", factor, 0), float(MAX_INK))  # which makes 1 full ink
    return as_bytes(np.arange(MAX_INK + 1) * factor)[checked_images(images)]


def low_resolution(images: Images, side: float) -> Images:
    """Reduce images to `side` × `side` pixels by means over areas; enlarge them bilinearly.

    The side is a whole number, at most the larger side of the images.

    Examples
    --------
    >>> low_resolution(np.full((1, 28, 28), 7, np.uint8), 8)[0, 0, :3]
    array([7, 7, 7], dtype=uint8)
    """
    images = checked_images(images)
    _, height, width = images.shape
    num_parts = int(checked_number("side", side, 1, max(height, width)))
    if num_parts != side:
        raise ValueError(f"side has the value {side}; expected a whole number")
    down = _enlarging(height, num_parts) @ _averaging(height, num_parts)
    across = _enlarging(width, num_parts) @ _averaging(width, num_parts)
    output = np.empty_like(images)
    for block in slices(len(images), _FLOATING_IMAGES_PER_BLOCK):
        output[block] = as_bytes(down @ images[block].astype(np.float64) @ across.T)
    return output


def _averaging(length: int, side: int) -> NDArray[np.float64]:
    """Matrix (side, length) that takes the mean over equal parts of a line of pixels."""
    ends = np.linspace(0, length, side + 1)
    pixels = np.arange(length)
    covered = np.minimum(ends[1:, None], pixels + 1) - np.maximum(ends[:-1, None], pixels)
    return np.clip(covered, 0, None) * side / length


def _enlarging(length: int, side: int) -> NDArray[np.float64]:
    """Matrix (length, side) that interpolates linearly between the middles of the parts."""
    positions = np.clip((np.arange(length) + 0.5) * side / length - 0.5, 0, side - 1)
    return interpolating(positions, side)


def interpolating(positions: ArrayLike, count: int) -> NDArray[np.float64]:
    """Matrix (n, count) that interpolates linearly, at positions (n,) from 0 to count − 1, between
    values at 0, 1, 2, …
    """
    count = checked_number("count", count, 1, kinds="iu")
    points = checked("positions", positions, 0, count - 1, shape=(None,)).astype(np.float64)
    return np.maximum(0, 1 - np.abs(points[:, np.newaxis] - np.arange(count)))


def as_bytes(values: ArrayLike) -> Images:
    """Values rounded, and limited to 0–255; a ValueError for NaN."""
    array = numbers("values", values)
    if array.dtype.kind != "f":
        array = array.astype(np.float64)  # 255 does not fit into all integers
    if array.size and np.isnan(array.min()):
        raise ValueError("values has the value nan; expected numbers")
    return np.rint(np.clip(array, 0, MAX_INK)).astype(np.uint8)


def _for_each(
    name: str,
    values: ArrayLike,
    count: int,
    *shape: int,
    low: float = -math.inf,
    high: float = math.inf,
) -> NDArray[np.float64]:
    """A number (or row of numbers) for each image."""
    array = checked(name, values, low, high).astype(np.float64)
    try:
        return np.broadcast_to(array, (count, *shape))
    except ValueError:
        raise ValueError(
            f"{name} has shape {array.shape}; expected a number, or shape {(count, *shape)}"
        ) from None
