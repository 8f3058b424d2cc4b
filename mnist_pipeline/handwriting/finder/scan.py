"""A picture on its way through the stages of the finder.

The stages run in one order: `paper`, `ink` (which calls `shadow`), `ruling`, `strokes`, `marks`,
`grouping` (which calls `signs`), and `mnist_form`. Each is a module whose functions take a `Scan`
and return it with what they found; `mnist_form` returns an image of a digit, and `solid` what a
solid shape holds, which is searched like a picture of its own. `cuts` divides what was found, if
the judge asks for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.decoding import Grey

Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]  # x, y, width, height


class Boxed(Protocol):
    """Something with a box in a picture."""

    @property
    def box(self) -> Box:
        """In pixels."""


class Glyph(NamedTuple):
    """Labels of strokes that belong together, and their box in pixels of the scan."""

    labels: NDArray[np.intp]
    x: int
    y: int
    width: int
    height: int
    is_sign: bool = False  # a slash, a comma, or a bar that is unlike a 1

    @property
    def box(self) -> Box:
        """In pixels of the scan."""
        return self.x, self.y, self.width, self.height


def _nothing() -> NDArray[Any]:
    return np.zeros((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class Scan:
    """Grey levels with at most two million pixels, and what the stages know about them."""

    grey: Grey  # (rows, columns) in [0, 255]
    left: int = 0  # of `grey`, in pixels of the whole picture at the same scale
    top: int = 0
    # Share of the paper's light that is missing; on dark paper, the excess of light.
    ink: Grey = field(default_factory=_nothing)
    light: Grey = field(default_factory=_nothing)  # of the paper, in [0, 1]
    strokes: NDArray[np.int32] = field(default_factory=_nothing)  # numbers of connected strokes
    lines: Sequence[Sequence[Glyph]] = ()  # digits in reading order
    pale: Sequence[Box] = ()  # connected ink, also where it is too pale for a stroke
    unread: Sequence[Box] = ()  # ink that may be digits, and was not read
