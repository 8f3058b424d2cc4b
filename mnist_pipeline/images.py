"""From a picture to digits as MNIST's are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
from scipy import ndimage


class ImageError(ValueError):
    """A picture can't be read; the message says what is wrong and what to do."""


class Found(NamedTuple):
    """A digit in a picture: x, y, width, height in pixels, and the digit as uint8 (28, 28), light ink on 0."""

    box: tuple[int, int, int, int]
    image: np.ndarray


def read(source: Path | bytes) -> np.ndarray:
    """A picture as upright grey levels, uint8 (rows, columns)."""
    try:
        with PIL.Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
            return np.asarray(picture.convert("L"))
    except OSError as error:
        raise ImageError(f"{error}; give a picture") from error


def find_digits(picture: np.ndarray) -> list[Found]:
    """The digits of a picture in reading order."""
    ink = picture.astype(np.float32)
    ink = ink if np.median(ink) < 128 else 255 - ink
    labels, _ = ndimage.label(ink > 100, np.ones((3, 3)))
    found = []
    for rows, columns in ndimage.find_objects(labels):
        if (labels[rows, columns] > 0).sum() >= 20:
            crop = PIL.Image.fromarray(ink[rows, columns].astype(np.uint8))
            scale = 20 / max(crop.size)
            small = np.asarray(crop.resize((max(1, round(crop.width * scale)), max(1, round(crop.height * scale))), 1))
            image = np.zeros((28, 28), np.uint8)
            top, left = (28 - small.shape[0]) // 2, (28 - small.shape[1]) // 2
            image[top : top + small.shape[0], left : left + small.shape[1]] = small
            box = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
            found.append(Found(box, image))
    return sorted(found, key=lambda each: each.box[0])
