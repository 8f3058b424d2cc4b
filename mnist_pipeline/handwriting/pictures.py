"""From any picture to digits in MNIST's form, by the steps that made MNIST.

`read` returns the upright grey picture. `find_digits` separates ink from paper, groups strokes into
digits in reading order, and scales each digit to 28×28. `page` calls both.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import CENTRE, DIGIT_SIDE, IMAGE_SIDE, extent
from mnist_pipeline.data.decoding import Grey, read
from mnist_pipeline.handwriting import digits
from mnist_pipeline.handwriting.ink import find_ink
from mnist_pipeline.handwriting.measures import reduced
from mnist_pipeline.handwriting.mnist_form import image_of
from mnist_pipeline.handwriting.paper import find_paper
from mnist_pipeline.handwriting.ruling import remove_frames, remove_ruling
from mnist_pipeline.handwriting.scan import Scan
from mnist_pipeline.handwriting.strokes import find_strokes

WORKING_PIXELS = 2_000_000  # larger pictures are reduced to this size before strokes are searched


@dataclass(frozen=True, eq=False)
class Found:
    """A digit found in a picture."""

    # x, y, width and height of its ink, in pixels of the upright picture.
    box: tuple[int, int, int, int]
    # (28, 28), in MNIST's form: light ink on 0, within 20×20, centre of mass in the middle.
    image: NDArray[np.uint8]
    line: int = 1  # the number of its line, from the top


class Page(NamedTuple):
    """A picture that was read: its upright grey levels, and its digits in reading order."""

    picture: NDArray[np.uint8] | Grey
    digits: list[Found]


def page(source: Path | bytes) -> Page:
    """Read a picture, a file or its content, and find its digits.

    Raises an ImageError as `read` does.
    """
    picture = read(source)
    return Page(picture, find_digits(picture))


def find_digits(picture: NDArray[np.uint8] | Grey) -> list[Found]:
    """Find the digits of a picture in reading order, and convert each to MNIST's form.

    The picture has grey levels in [0, 255], dark ink on light paper or light ink on dark paper. The
    lines come from top to bottom, and the digits of a line from left to right. Blank paper has no
    digits. Of more than 256 digits, the largest are returned.

    As in MNIST [1]_, a digit is scaled into 20×20 pixels with its aspect kept, anti-aliased, and
    its centre of mass is placed in the middle of 28×28. The brightness of the paper is estimated by
    a grey closing and divided out. Ink is then separated from paper by Otsu's threshold with
    hysteresis [2]_. Strokes thinner or thicker than MNIST's are brought to the nearest of its usual
    widths by moving their outline.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE 86(11), 1998.
    .. [2] J. Canny, "A computational approach to edge detection", IEEE Transactions on Pattern
       Analysis and Machine Intelligence 8(6), 1986.
    """
    digit = _already_mnist(picture)
    if digit is not None:
        return [digit]
    factor = int(np.ceil(np.sqrt(picture.size / WORKING_PIXELS)))
    whole = Scan(reduced(picture, factor))
    for scan in filter(None, (find_paper(whole), whole)):
        found = _on_paper(scan)
        if found:
            return [_placed(digit, scan, factor, picture.shape) for digit in found]
    return []


def _on_paper(scan: Scan) -> list[Found]:
    """Find the digits on paper that fills the picture."""
    scan = find_strokes(remove_ruling(remove_frames(find_ink(scan))))
    scan = digits.find_digits(scan)
    found: list[Found] = []
    number = 1
    for line in scan.lines:
        for glyph in line:
            image = image_of(glyph, scan)
            if image is not None:
                found.append(Found((glyph.x, glyph.y, glyph.width, glyph.height), image, number))
        if found and found[-1].line == number:
            number += 1
    return found


def _already_mnist(picture: NDArray[np.uint8] | Grey) -> Found | None:
    """A 28×28 picture that is in MNIST's form already, unchanged; None for any other picture."""
    if picture.shape != (IMAGE_SIDE, IMAGE_SIDE):
        return None
    levels = np.rint(picture).astype(np.uint8)
    levels = levels if np.median(levels) < 128 else 255 - levels
    if np.median(levels) != 0 or not levels.any():
        return None
    box = extent(levels > 0)
    centre = np.array(scipy.ndimage.center_of_mass(levels)) + 0.5
    is_centred = np.abs(centre - CENTRE).max() <= 1
    return Found(box, levels) if max(box[2:]) == DIGIT_SIDE and is_centred else None


def _placed(digit: Found, paper: Scan, factor: int, shape: tuple[int, ...]) -> Found:
    """A digit of the paper, with its box in pixels of the original picture."""
    x, y, width, height = digit.box
    left = factor * (paper.left + x)
    top = factor * (paper.top + y)
    width = min(factor * width, shape[1] - left)
    height = min(factor * height, shape[0] - top)
    return replace(digit, box=(left, top, width, height))
