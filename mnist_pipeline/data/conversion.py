"""Two rules that turn a picture of any size into 28×28 grey levels; one is for handwriting."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_pipeline.data import decoding
from mnist_pipeline.data.decoding import Grey, Levels

Fit = Literal["whole", "mnist"]

IMAGE_SIDE = 28
DIGIT_SIDE = 20  # the larger side of a digit in its 28×28 image
CENTRE = 14.5  # distance of the centre of mass from the edge in MNIST: the middle of pixel 14
FAINTEST = 0.1  # share of the darkest ink that still belongs to a digit
LARGEST_SIDE = 20 * IMAGE_SIDE  # larger pictures are reduced before their ink is searched


def convert(source: Path | bytes, fit: Fit) -> tuple[NDArray[np.uint8], str]:
    """A picture, a file or its content, as 28×28 grey levels, with its format, such as `640×480
    RGB`.

    Raises an ImageError, which does not name the file, for a damaged file or another kind of file.
    """
    picture, mode = decoding.decode(source)
    return fitted(picture, fit), f"{picture.shape[1]}×{picture.shape[0]} {mode}"


def convert_array(image: NDArray[np.uint8], fit: Fit) -> tuple[NDArray[np.uint8], str]:
    """An image (rows, columns[, channels]) as 28×28 grey levels, with its size and mode."""
    picture = Image.fromarray(image if image.shape[2:] != (1,) else image[..., 0])
    levels = fitted(decoding.grey_levels(picture), fit)
    return levels, f"{picture.width}×{picture.height} {picture.mode}"


def fitted(picture: Levels, fit: Fit) -> NDArray[np.uint8]:
    """Grey levels in [0, 255] of any size as uint8 (28, 28).

    `whole` keeps the whole picture: the larger side gets 28 pixels, by the mean over areas or, for
    a smaller picture, by linear interpolation; the rest has the median level of the picture's
    border. A picture of 28×28 is not changed. `mnist` keeps the ink only, as light ink on 0: ink is
    the difference from the border's level. Its larger side gets 20 pixels, and its centre of mass
    comes to the middle.

    Examples
    --------
    >>> fitted(np.zeros((480, 640), np.uint8), "whole").shape
    (28, 28)
    """
    return _whole(picture) if fit == "whole" else _ink_as_in_mnist(picture)


def _whole(picture: Levels) -> NDArray[np.uint8]:
    largest = max(picture.shape)
    height, width = (max(1, round(side * IMAGE_SIDE / largest)) for side in picture.shape)
    resampling = Image.Resampling.BOX if largest > IMAGE_SIDE else Image.Resampling.BILINEAR
    canvas = np.full((IMAGE_SIDE, IMAGE_SIDE), _border_level(picture), np.float32)
    top, left = (IMAGE_SIDE - height) // 2, (IMAGE_SIDE - width) // 2
    resized = Image.fromarray(picture).resize((width, height), resampling)
    canvas[top : top + height, left : left + width] = np.asarray(resized)
    return np.rint(canvas).astype(np.uint8)


def _border_level(picture: NDArray[Any]) -> float:
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    return float(np.median(border))


def _ink_as_in_mnist(picture: Levels) -> NDArray[np.uint8]:
    image = Image.fromarray(picture).reduce(-(-max(picture.shape) // LARGEST_SIDE))
    levels = np.asarray(image, np.float32)
    paper = _border_level(levels)
    ink = np.maximum(paper - levels if paper > 127 else levels - paper, 0)
    if not ink.any():
        return np.zeros((IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    ink /= ink.max()
    return centred_part(ink, ink >= FAINTEST)


def extent(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The bounding box of the true pixels: x, y, width and height.

    Examples
    --------
    >>> mask = np.zeros((10, 10), bool)
    >>> mask[2:5, 1:9] = True
    >>> extent(mask)
    (1, 2, 8, 3)
    """
    rows = np.flatnonzero(mask.any(axis=1)).tolist()
    columns = np.flatnonzero(mask.any(axis=0)).tolist()
    return columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1


def centred_part(levels: Grey, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Ink in [0, 1] in the bounding box of a mask, whose larger side gets 20 pixels, `centred`."""
    left, top, width, height = extent(mask)
    part = levels[top : top + height, left : left + width]
    return centred(part, max(width, height) / DIGIT_SIDE)


def centred(levels: Grey, scale: float) -> NDArray[np.uint8]:
    """Ink in [0, 1] reduced by a scale, with its centre of mass in the middle of 28×28."""
    mass = levels.sum()
    row = levels.sum(axis=1) @ (np.arange(len(levels)) + 0.5) / mass
    column = levels.sum(axis=0) @ (np.arange(levels.shape[1]) + 0.5) / mass
    margin = int(np.ceil(CENTRE * scale))
    left = column + margin - CENTRE * scale
    top = row + margin - CENTRE * scale
    field = (left, top, left + IMAGE_SIDE * scale, top + IMAGE_SIDE * scale)
    canvas = Image.fromarray(np.pad(levels, margin).astype(np.float32))
    placed = np.asarray(canvas.resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.BOX, field))
    return np.rint(255 * np.clip(placed, 0, 1)).astype(np.uint8)
