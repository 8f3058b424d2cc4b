"""Pictures of handwriting whose digits are known, the same for the same seed.

`pens` writes with strokes of its own, and `fonts` with handwriting fonts. `scenes` and `strange`
use both. None of them shares code with what reads the pictures.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]  # x, y, width, height
Picture = NDArray[np.uint8]  # (rows, columns) or (rows, columns, 3)


class Example(NamedTuple):
    """A picture whose digits are known, in reading order."""

    kind: str  # such as "single", "pasted", "line" or "page"
    digits: tuple[int, ...]
    boxes: tuple[Box, ...]
    picture: Picture


def box_of(ink: NDArray[np.float32], left: int, top: int) -> Box:
    """The box of the ink of a glyph whose array is placed at `left`, `top`."""
    rows, columns = np.flatnonzero((ink > 0.3).any(axis=1)), np.flatnonzero((ink > 0.3).any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return left + x, top + y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


def levels(picture: NDArray[np.floating]) -> Picture:
    """Light in [0, 1] as levels in 0–255."""
    return np.uint8(np.clip(255 * picture + 0.5, 0, 255))
