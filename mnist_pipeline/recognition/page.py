"""What is read from a picture. This module imports nothing heavy, because a command starts with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mnist_pipeline.utils.printable import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ImageError(ValueError):
    """A file is not a readable picture. The message is one printable line: the file, the problem and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class Found(NamedTuple):
    """A digit found in a picture."""

    box: tuple[int, int, int, int]  # x, y, width and height of its ink, in pixels of the upright picture
    image: NDArray[np.uint8]  # (28, 28), in MNIST's form: light ink on 0, within 20×20, centre of mass in the middle


class Page(NamedTuple):
    """A picture that was read: its upright grey levels, uint8 or floating, and its digits in reading order."""

    picture: NDArray[np.uint8] | NDArray[np.floating[Any]]
    digits: list[Found]
