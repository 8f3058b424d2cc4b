"""What is read from a picture. This module imports nothing heavy, because a command starts with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mnist_pipeline.data.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Found", "ImageError", "Page"]


@dataclass(frozen=True, eq=False)
class Found:
    """A digit found in a picture."""

    box: tuple[int, int, int, int]  # x, y, width and height of its ink, in pixels of the upright picture
    image: NDArray[np.uint8]  # (28, 28), in MNIST's form: light ink on 0, within 20×20, centre of mass in the middle
    line: int = 1  # the number of its line, from the top


class Page(NamedTuple):
    """A picture that was read: its upright grey levels, uint8 or floating, and its digits in reading order."""

    picture: NDArray[np.uint8] | NDArray[np.floating[Any]]
    digits: list[Found]
