"""Small images as part of a page: digits as grey levels, weights in red and blue, atlases of many."""

from __future__ import annotations

import base64
import functools
import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

DIVERGING = "RdBu_r"
NUM_FINE = 2_000  # images of an atlas that keep all their grey levels
COARSE_LEVELS = 16  # of more images than that: half a byte a pixel
LEVELS = 255  # of a diverging colour map; the middle one is zero
GAP = 2  # pixels between the images of a strip


def grey(image: np.ndarray) -> str:
    """An image of grey levels, 0 (paper, drawn white) to 255 (ink, drawn black), as a data URI."""
    return _uri(Image.fromarray(_ink(image)))


def strip(images: np.ndarray) -> str:
    """Images side by side, as a data URI.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
    """
    padded = np.pad(images, ((0, 0), (0, 0), (0, GAP)))
    return grey(np.concatenate(list(padded), axis=1)[:, :-GAP])


def diverging(values: np.ndarray) -> str:
    """Signed values, red above zero and blue below, scaled by the largest magnitude, as a data URI."""
    largest = np.abs(values).max() or 1.0
    indices = np.rint((values / largest + 1) * (LEVELS - 1) / 2).astype(np.uint8)
    image = Image.fromarray(indices)
    image.putpalette(_palette())
    return _uri(image)


class Atlas:
    """Many images of one size in a single picture, found again by their index.

    Of more than 2,000 the picture has but 16 grey levels, so that a page with many stays small.

    Parameters
    ----------
    images : ndarray of shape (n, height, width)
        From which the atlas picks.
    indices : sequence of int
        Of the images that it holds; repeated ones are held once.
    """

    def __init__(self, images: np.ndarray, indices: Sequence[int]) -> None:
        self.indices = sorted(set(indices))
        self.columns = max(2, math.ceil(math.sqrt(len(self.indices))))
        self.rows = max(2, math.ceil(len(self.indices) / self.columns))
        height, width = images.shape[1:]
        cells = np.zeros((self.rows * self.columns, height, width))
        cells[: len(self.indices)] = images[self.indices]
        tiled = cells.reshape(self.rows, self.columns, height, width).swapaxes(1, 2)
        whole = tiled.reshape(self.rows * height, self.columns * width)
        self.uri = grey(whole) if len(self.indices) <= NUM_FINE else _coarse(whole)


def _coarse(image: np.ndarray) -> str:
    """An image of grey levels as a data URI, in 16 levels, of which the first is paper and the last full ink."""
    step = 255 / (COARSE_LEVELS - 1)
    picture = Image.fromarray(np.rint(_ink(image) / step).astype(np.uint8))
    picture.putpalette([round(level * step) for level in range(COARSE_LEVELS) for _ in "rgb"])
    return _uri(picture)


def _ink(levels: np.ndarray) -> np.ndarray:
    return 255 - np.clip(np.rint(levels), 0, 255).astype(np.uint8)


@functools.cache
def _palette() -> bytes:
    import matplotlib as mpl  # takes long to import, and grey levels need it not

    colors = mpl.colormaps[DIVERGING](np.linspace(0, 1, LEVELS), bytes=True)
    return bytes(colors[:, :3].tobytes())


def _uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="png", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
