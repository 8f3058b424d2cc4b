"""Small images of a page as data URIs: digits in grey levels, weights in colours, atlases."""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

ATLAS_LEVELS = 16  # grey levels of an atlas: half a byte per pixel
LEVELS = 255  # colours of a diverging map; the middle one is zero
RED = (215, 58, 46)  # visible on light and on dark pages, as is blue
BLUE = (43, 123, 214)
GAP = 2  # pixels between the images of a strip


def grey(image: np.ndarray) -> str:
    """An image of grey levels, from 0 (paper, drawn white) to 255 (ink, drawn black)."""
    return _uri(Image.fromarray(_ink(image)))


def strip(images: np.ndarray) -> str:
    """Images of shape (n_images, height, width) side by side."""
    padded = np.pad(images, ((0, 0), (0, 0), (0, GAP)))
    return grey(np.concatenate(list(padded), axis=1)[:, :-GAP])


def diverging(values: np.ndarray, largest: float | None = None) -> str:
    """Signed values, red above zero and blue below, scaled by the largest magnitude.

    Zero is transparent, so that the page's own colour, light or dark, stands for it.
    """
    largest = largest or np.abs(values).max() or 1.0
    image = Image.fromarray(np.rint((values / largest + 1) * (LEVELS - 1) / 2).astype(np.uint8))
    image.putpalette([*BLUE * (LEVELS // 2 + 1), *RED * (LEVELS // 2)])
    opacity = np.rint(255 * np.abs(np.linspace(-1, 1, LEVELS))).astype(np.uint8)
    return _uri(image, transparency=opacity.tobytes())


class Atlas:
    """Some of many images (n, height, width) in a single picture of 16 grey levels."""

    def __init__(self, images: np.ndarray, indices: Sequence[int]) -> None:
        self.indices = sorted(set(indices))
        self.columns = max(2, math.ceil(math.sqrt(len(self.indices))))
        self.rows = max(2, math.ceil(len(self.indices) / self.columns))
        height, width = images.shape[1:]
        cells = np.zeros((self.rows * self.columns, height, width))
        cells[: len(self.indices)] = images[self.indices]
        tiled = cells.reshape(self.rows, self.columns, height, width).swapaxes(1, 2)
        whole = tiled.reshape(self.rows * height, self.columns * width)
        step = 255 / (ATLAS_LEVELS - 1)
        picture = Image.fromarray(np.rint(_ink(whole) / step).astype(np.uint8))
        picture.putpalette([round(level * step) for level in range(ATLAS_LEVELS) for _ in "rgb"])
        self.uri = _uri(picture)

    def position(self, index: int) -> str:
        """The place of the image with this index, as a background position in CSS."""
        row, column = divmod(self.indices.index(index), self.columns)
        return f"{100 * column / (self.columns - 1):.4f}% {100 * row / (self.rows - 1):.4f}%"


def _ink(levels: np.ndarray) -> np.ndarray:
    return 255 - np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _uri(image: Image.Image, **settings: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="png", compress_level=6, **settings)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
