"""Small images of a page as data URIs: images as `DataSet.shown` returns them, weights, atlases.

Grey levels, from 0 (paper) to 255 (ink), are drawn black on white. Colours are drawn as they are.
"""

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
# Not "optimize", which fails for a JPEG of more bytes than pixels.
JPEG: dict[str, Any] = {"quality": 90, "subsampling": 0}
GAP = 2  # pixels between the images of a strip


def picture(image: np.ndarray) -> str:
    """An image of grey levels (height, width), or of colours with a last axis of 3."""
    return _uri(Image.fromarray(_drawn(image)))


def strip(images: np.ndarray) -> str:
    """Images of shape (n_images, height, width), or with a last axis of colours, side by side."""
    widths = ((0, 0), (0, 0), (0, GAP), (0, 0))[: images.ndim]
    padded = np.pad(images, widths, constant_values=0 if images.ndim == 3 else 255)  # white
    return picture(np.concatenate(list(padded), axis=1)[:, :-GAP])


def diverging(values: np.ndarray, largest: float | None = None) -> str:
    """Signed values, red above zero and blue below, scaled by the largest magnitude.

    Zero is transparent, so that the page's own colour, light or dark, stands for it. In colour,
    with a last axis of 3, zero is the middle grey.
    """
    largest = largest or np.abs(values).max() or 1.0
    if values.ndim == 3:
        return picture(127.5 * (1 + values / largest))
    image = Image.fromarray(np.rint((values / largest + 1) * (LEVELS - 1) / 2).astype(np.uint8))
    image.putpalette([*BLUE * (LEVELS // 2 + 1), *RED * (LEVELS // 2)])
    opacity = np.rint(255 * np.abs(np.linspace(-1, 1, LEVELS))).astype(np.uint8)
    return _uri(image, transparency=opacity.tobytes())


class Atlas:
    """Some of many images (n, height, width), or with a last axis of colours, in a single picture
    of 16 grey levels, or nearly in their colours.
    """

    def __init__(self, images: np.ndarray, indices: Sequence[int]) -> None:
        self.indices = sorted(set(indices))
        self.columns = max(2, math.ceil(math.sqrt(len(self.indices))))
        self.rows = max(2, math.ceil(len(self.indices) / self.columns))
        height, width, *channels = images.shape[1:]
        cells = np.zeros((self.rows * self.columns, height, width, *channels))
        cells[: len(self.indices)] = images[self.indices]
        tiled = cells.reshape(self.rows, self.columns, *images.shape[1:]).swapaxes(1, 2)
        drawn = _drawn(tiled.reshape(self.rows * height, self.columns * width, *channels))
        if drawn.ndim == 3:
            self.uri = _uri(Image.fromarray(drawn))
            return
        step = 255 / (ATLAS_LEVELS - 1)
        atlas = Image.fromarray(np.rint(drawn / step).astype(np.uint8))
        atlas.putpalette([round(level * step) for level in range(ATLAS_LEVELS) for _ in "rgb"])
        self.uri = _uri(atlas)

    def position(self, index: int) -> str:
        """Where the image with this index is, as a background position in CSS."""
        row, column = divmod(self.indices.index(index), self.columns)
        return f"{100 * column / (self.columns - 1):.4f}% {100 * row / (self.rows - 1):.4f}%"


def _drawn(image: np.ndarray) -> np.ndarray:
    """The levels of a picture, uint8: grey, with ink in black, or colours that are not all grey."""
    levels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    if levels.ndim == 2:
        return 255 - levels
    first = levels[..., :1]
    return levels if (levels != first).any() else first[..., 0]


def _uri(image: Image.Image, **settings: Any) -> str:
    buffer = io.BytesIO()
    kind = "png"
    if image.mode == "RGB":  # in a JPEG, colours take half as many bytes
        kind, settings = "jpeg", JPEG
    image.save(buffer, format=kind, compress_level=6, **settings)
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode()
