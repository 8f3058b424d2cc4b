"""Two rules that turn a picture of any size into 28×28 pixels; one is for handwriting."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from mnist_pipeline.data.color import colored, grey
from mnist_pipeline.data.decoding import Grey, Levels

Fit = Literal["whole", "mnist"]

IMAGE_SIDE = 28
WHITE, BLACK = "#ffffff", "#000000"
DIGIT_SIDE = 20  # the larger side of a digit in its 28×28 image
# Of strokes, in pixels; 80% of MNIST's training digits are between 1.8 and 3.6.
STROKE_WIDTHS = (2.2, 3.4)
CENTRE = 14.5  # distance of the centre of mass from the edge in MNIST: the middle of pixel 14
FAINTEST = 0.1  # share of the darkest ink that still belongs to a digit
LARGEST_SIDE = 20 * IMAGE_SIDE  # larger pictures are reduced before their ink is searched


def fitted(picture: Levels, fit: Fit) -> NDArray[np.uint8]:
    """A picture of any size, in [0, 255], as uint8 (28, 28), or (28, 28, channels) in colour.

    `whole` keeps the whole picture: the larger side gets 28 pixels, by the mean over areas or, for
    a smaller picture, by linear interpolation; the rest has the median level of the picture's
    border. A picture of 28×28 is not changed. `mnist` keeps the ink only, as light ink on 0: ink is
    the difference from the border's level. Its larger side gets 20 pixels, and its centre of mass
    comes to the middle. It needs grey levels.

    Examples
    --------
    >>> fitted(np.zeros((480, 640), np.uint8), "whole").shape
    (28, 28)
    """
    return _whole(picture) if fit == "whole" else _ink_as_in_mnist(picture)


def _whole(picture: Levels) -> NDArray[np.uint8]:
    largest = max(picture.shape[:2])
    height, width = (max(1, round(side * IMAGE_SIDE / largest)) for side in picture.shape[:2])
    resampling = Image.Resampling.BOX if largest > IMAGE_SIDE else Image.Resampling.BILINEAR
    canvas = np.empty((IMAGE_SIDE, IMAGE_SIDE, *picture.shape[2:]), np.float32)
    canvas[:] = _border_level(picture)
    top, left = (IMAGE_SIDE - height) // 2, (IMAGE_SIDE - width) // 2
    resized = Image.fromarray(picture).resize((width, height), resampling)
    canvas[top : top + height, left : left + width] = np.asarray(resized)
    return np.rint(canvas).astype(np.uint8)


def _border_level(picture: NDArray[Any]) -> NDArray[Any]:
    """The median of each channel at the border."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    return np.asarray(np.median(border, axis=0))


def on_ground(
    pictures: Iterable[NDArray[np.uint8]], ground: str, *, color: bool
) -> list[NDArray[np.uint8]]:
    """Pictures (rows, columns[, channels]) on a ground, (rows, columns, 3) in colour or grey.

    Four channels are red, green, blue and opacity. `ground` is a colour as #rrggbb.

    Examples
    --------
    >>> on_ground([np.zeros((1, 1, 4), np.uint8)], "#ff8000", color=True)[0].tolist()
    [[[255, 128, 0]]]
    """
    paper = np.array(ImageColor.getrgb(ground)[:3], np.float32)
    placed = []
    for picture in pictures:
        if picture.shape[2:] == (4,):
            opacity = picture[..., 3:].astype(np.float32) / 255
            blended = picture[..., :3] * opacity + paper * (1 - opacity)
            picture = np.rint(blended).astype(np.uint8)
        placed.append(colored(picture) if color else grey(picture))
    return placed


def _ink_as_in_mnist(picture: Levels) -> NDArray[np.uint8]:
    image = Image.fromarray(picture).reduce(-(-max(picture.shape) // LARGEST_SIDE))
    levels = np.asarray(image, np.float32)
    paper = float(_border_level(levels))
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
    row = float(levels.sum(axis=1) @ (np.arange(len(levels)) + 0.5) / mass)
    column = float(levels.sum(axis=0) @ (np.arange(levels.shape[1]) + 0.5) / mass)
    margin = int(np.ceil(CENTRE * scale))
    left = column + margin - CENTRE * scale
    top = row + margin - CENTRE * scale
    field = (left, top, left + IMAGE_SIDE * scale, top + IMAGE_SIDE * scale)
    canvas = Image.fromarray(np.pad(levels, margin).astype(np.float32))
    placed = np.asarray(canvas.resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.BOX, field))
    return np.rint(255 * np.clip(placed, 0, 1)).astype(np.uint8)
