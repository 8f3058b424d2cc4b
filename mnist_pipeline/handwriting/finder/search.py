"""From any picture to digits in MNIST's form, by the steps that made MNIST.

`read_page` reads a picture file, and `page_of` finds the digits in grey levels. `read_scan` runs
the stages of the search, see `scan`.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from mnist_pipeline.data.conversion import CENTRE, DIGIT_SIDE, IMAGE_SIDE, extent, fitted
from mnist_pipeline.data.decoding import GREY, WHOLE, Grey, decode, grey_levels, opened
from mnist_pipeline.handwriting.finder import grouping
from mnist_pipeline.handwriting.finder.ink import at_edge, find_ink, two_levels
from mnist_pipeline.handwriting.finder.marks import remove_marks
from mnist_pipeline.handwriting.finder.measures import reduced, resized
from mnist_pipeline.handwriting.finder.mnist_form import image_of
from mnist_pipeline.handwriting.finder.paper import find_paper
from mnist_pipeline.handwriting.finder.ruling import remove_frames, remove_ruling
from mnist_pipeline.handwriting.finder.scan import Box, Glyph, Scan
from mnist_pipeline.handwriting.finder.solid import LOWEST_SHARE, inside
from mnist_pipeline.handwriting.finder.strokes import find_strokes
from mnist_pipeline.handwriting.finder.surroundings import surroundings_of

WORKING_PIXELS = 2_000_000  # larger pictures are reduced to this size before strokes are searched
MAX_ROWS = 20  # of small shapes, which are searched again
LEAST_RANGE = 60  # grey levels; with less, the channels of a picture in colour may show more
CLEARER = 1.5  # least range of a channel, as a factor of that of the grey levels
COARSE_PICTURE_SIDE = 512  # pixels per side, for the range of levels and for what fills a picture
CROP_MARGIN = 0.5  # around a tight crop, as a share of its larger side
WIDEST_CROP_MARGIN = 3.0  # the same, as a factor of its smaller side
FILLED = 0.25  # least share of a tight crop that has ink
CUT = 0.3  # share of the edge of a tight crop that has ink, at most
SMALL_DIGIT = 30  # pixels, the height of digits that are read in an enlarged picture
LARGEST_ZOOM = 3.0
STEEPEST = 0.2  # slope of a line of digits
SOFT_EDGE = 3  # pixels of paler ink around a digit


@dataclass(frozen=True, eq=False)
class Found:
    """A digit that the finder proposes, before a model has seen it."""

    # x, y, width and height of its ink, in pixels of the upright picture.
    box: Box
    # (28, 28), in MNIST's form: light ink on 0, within 20×20, centre of mass in the middle.
    image: NDArray[np.uint8]
    line: int = 1  # the number of its line, from the top
    is_sign: bool = False  # a slash, a comma, or a bar that is unlike a 1
    # (48, 48): the ink around it and its own, see `surroundings`; None if nothing is around it.
    surroundings: NDArray[np.uint8] | None = None
    # Its strokes, and the scan that they were found in, which `cuts` needs; None as above.
    ink: tuple[Glyph, Scan] | None = None


class Page(NamedTuple):
    """A picture that was read: its upright grey levels, and its digits in reading order."""

    picture: NDArray[np.uint8] | Grey
    digits: Sequence[Found] = ()
    unread: Sequence[Box] = ()  # ink that may be digits, and was not read

    @property
    def warnings(self) -> list[str]:
        """Why the whole picture is in doubt, in words."""
        height, width = self.picture.shape[:2]
        locations = dict.fromkeys(_location(box, width, height) for box in self.unread)
        warnings = [f"ink {where} was not read; crop the picture to it" for where in locations]
        if not _is_level([digit.box for digit in self.digits if not digit.is_sign]):
            warnings.append("the line is not level; turn the picture")
        return warnings


def _location(box: Box, width: int, height: int) -> str:
    """Where a box lies in a picture, such as "at the top left"."""
    column, row = _middle(box)
    vertical = ("top ", "", "bottom ")[min(2, int(3 * row / height))]
    horizontal = ("left", "", "right")[min(2, int(3 * column / width))]
    location = f"{vertical}{horizontal}".strip()
    return f"at the {location}" if location else "in the middle"


def _is_level(boxes: Sequence[Box]) -> bool:
    """Whether most digits have their neighbour on the right at about the same height."""
    middles = np.array([_middle(box) for box in boxes])
    slopes = []
    for middle, box in zip(middles, boxes, strict=True):
        along, down = (middles - middle).T
        is_neighbor = (along > 0) & (np.hypot(along, down) < 2 * max(box[2:])) & (abs(down) < along)
        if is_neighbor.any():
            nearest = np.flatnonzero(is_neighbor)[along[is_neighbor].argmin()]
            slopes.append(down[nearest] / along[nearest])
    flattest = np.quantile(slopes, (0.25, 0.75)) if len(slopes) > 1 else (0, 0)
    return bool(flattest[0] < STEEPEST and flattest[1] > -STEEPEST)


def read_page(source: Path | bytes) -> Page:
    """Read a picture, a file or its content, and find its digits.

    If ink and paper have the same brightness, the colour channel that shows most is read.

    Raises an ImageError as `decode` does, which names the picture.
    """
    with opened(source) as content:
        image, kind = decode(content, GREY)
        levels = grey_levels(image)
        level_range = _range(levels)
        if level_range < LEAST_RANGE:
            if image.mode == "L" and kind.endswith("RGB"):  # the draft of a JPEG has no colours
                image, _ = decode(content, WHOLE)
            clearest = max(map(np.asarray, image.split()[:3]), key=_range)
            if _range(clearest) > CLEARER * level_range:
                levels = clearest
    return page_of(levels)


def whole_picture(picture: NDArray[np.uint8] | Grey, box: Box) -> Found | None:
    """The whole picture as one digit, light on dark; None if the paper around a box is blank."""
    x, y, width, height = box
    rows = slice(max(0, y - SOFT_EDGE), y + height + SOFT_EDGE)
    columns = slice(max(0, x - SOFT_EDGE), x + width + SOFT_EDGE)
    is_around = np.ones(picture.shape, bool)
    is_around[rows, columns] = False
    if is_around.any() and np.ptp(picture[is_around]) == 0:
        return None
    whole = fitted(picture, "whole")
    paper = whole[[0, -1], IMAGE_SIDE // 4 : -IMAGE_SIDE // 4]  # above and below the digit
    if np.median(paper) > 127:
        whole = 255 - whole
    return Found((0, 0, picture.shape[1], picture.shape[0]), whole)


def _range(levels: NDArray[np.uint8] | Grey) -> float:
    """The range of the grey levels without noise."""
    small = reduced(levels, -(-max(levels.shape) // COARSE_PICTURE_SIDE))
    return float(np.ptp(np.percentile(small, (0.5, 99.5))))


def page_of(picture: NDArray[np.uint8] | Grey) -> Page:
    """Find the digits of a picture in reading order, and convert each to MNIST's form.

    The picture has grey levels in [0, 255], dark ink on light paper or light ink on dark paper. The
    lines come from top to bottom, and the digits of a line from left to right. Blank paper has no
    digits. Of more than 256 digits, the largest are returned.

    As in MNIST [1]_, a digit is scaled into 20×20 pixels with its aspect kept, anti-aliased, and
    its centre of mass is placed in the middle of 28×28. The brightness of the paper is estimated by
    a grey closing and divided out. Ink is then separated from paper by Otsu's threshold with
    hysteresis [2]_. The outline of strokes thinner than those of MNIST is moved, so that they get
    the width of its thinnest.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE 86(11), 1998.
    .. [2] J. Canny, "A computational approach to edge detection", IEEE Transactions on Pattern
       Analysis and Machine Intelligence 8(6), 1986.
    """
    digit = _already_mnist(picture)
    if digit is not None:
        return Page(picture, [digit])
    found, unread = _search(picture)
    still_unread = list(unread[MAX_ROWS:])
    for box in unread[:MAX_ROWS]:
        closer = _closer(picture, box) if len(found) < grouping.MAX_FINDINGS else []
        found += [
            digit for digit in closer if not any(_holds(other.box, digit.box) for other in found)
        ]
        if not closer:
            still_unread.append(box)
    lines = enumerate(grouping.in_lines(found), 1)
    in_order = [replace(digit, line=number) for number, line in lines for digit in line]
    return Page(picture, in_order, still_unread)


def _search(picture: NDArray[np.uint8] | Grey) -> tuple[list[Found], list[Box]]:
    """The digits of a picture, and ink that may be small digits, in reading order.

    A picture with small digits, or without any, is enlarged and read again.
    """
    factor = int(np.ceil(np.sqrt(picture.size / WORKING_PIXELS)))
    found, unread = _read(reduced(picture, factor), factor, picture.shape)
    zoom = min(LARGEST_ZOOM, np.sqrt(WORKING_PIXELS / picture.size))
    is_small = not found or np.median([digit.box[3] for digit in found]) < SMALL_DIGIT
    if is_small and zoom > 1:
        shape = tuple(round(zoom * length) for length in picture.shape)
        enlarged = resized(picture.astype(np.float32), shape, Image.Resampling.BICUBIC)
        again, still_unread = _read(np.clip(enlarged, 0, 255), 1 / zoom, picture.shape)
        if again:
            return again, still_unread
    return found, unread


def _read(grey: Grey, scale: float, shape: tuple[int, ...]) -> tuple[list[Found], list[Box]]:
    """The digits of grey levels, and ink that may be small digits.

    Boxes are in pixels of the picture with this shape; `scale` is how many of them a pixel is wide.
    """
    paper = find_paper(Scan(grey))
    if paper is None:
        surrounded, factor = _with_margin(grey)
        scan, scale = read_scan(surrounded), scale * factor
    else:  # digits outside show that it is only the lit part of a larger paper
        scan = max(read_scan(paper), read_scan(Scan(grey)), key=_total_height)
    found: list[Found] = []
    in_picture = functools.partial(_in_picture, scan=scan, scale=scale, shape=shape)
    for glyph in itertools.chain(*scan.lines):
        held = _held(glyph, scan)
        found += [replace(digit, box=in_picture(digit.box)) for digit in held]
        image = None if held else image_of(glyph, scan)
        if image is not None:
            around = surroundings_of(glyph, scan)
            box = in_picture(glyph.box)
            found.append(Found(box, image, 1, glyph.is_sign, around, (glyph, scan)))
    return found, [in_picture(box) for box in scan.unread]


def _held(glyph: Glyph, scan: Scan) -> list[Found]:
    """The light digits that a solid shape holds, in pixels of the scan."""
    levels = inside(glyph, scan)
    if levels is None:
        return []
    found = _search_part(levels, glyph.x, glyph.y)
    return [digit for digit in found if digit.box[3] >= LOWEST_SHARE * glyph.height]


def _total_height(scan: Scan) -> int:
    """The height of all digits, minus the height of all signs; small shapes count little."""
    glyphs = itertools.chain(*scan.lines)
    return sum(-glyph.height if glyph.is_sign else glyph.height for glyph in glyphs)


def _with_margin(grey: Grey) -> tuple[Scan, int]:
    """The scan of a picture, with blank paper around if ink fills it but hardly touches its edge;
    and the factor by which it was reduced, so that it has no more than the working pixels.

    The picture must have two levels. Thick strokes without paper around them look like paper.
    """
    is_light = two_levels(reduced(grey, -(-max(grey.shape) // COARSE_PICTURE_SIDE)))
    if is_light is None:
        return Scan(grey), 1
    edge = at_edge(is_light.shape, 1)
    is_ink = is_light != (is_light[edge].mean() > 0.5)
    if is_ink[edge].mean() > CUT or is_ink.mean() < FILLED:
        return Scan(grey), 1
    paper = np.median(grey[at_edge(grey.shape, 1)])
    margin = round(min(CROP_MARGIN * max(grey.shape), WIDEST_CROP_MARGIN * min(grey.shape)))
    rows, columns = (length + 2 * margin for length in grey.shape)
    factor = math.ceil(math.sqrt(rows * columns / WORKING_PIXELS))
    margin = math.ceil(margin / factor)
    padded = np.pad(reduced(grey, factor), margin, constant_values=paper)
    return Scan(padded, -margin, -margin), factor


def read_scan(scan: Scan) -> Scan:
    """The scan after the stages from ink to digits."""
    scan = remove_ruling(remove_frames(find_ink(scan)))
    return grouping.find_digits(remove_marks(find_strokes(scan)))


def _closer(picture: NDArray[np.uint8] | Grey, box: Box) -> list[Found]:
    """The digits in a row of small shapes, from a search around the row alone."""
    x, y, width, height = box
    margin = height // 2
    left, top = max(0, x - margin), max(0, y - margin)
    part = picture[top : y + height + margin, left : x + width + margin]
    return [digit for digit in _search_part(part, left, top) if _holds(box, digit.box)]


def _search_part(part: NDArray[np.uint8] | Grey, left: int, top: int) -> list[Found]:
    """The digits of a part that begins at a column and a row; their boxes are in the whole."""
    found, _ = _search(part)
    return [
        replace(digit, box=(digit.box[0] + left, digit.box[1] + top, *digit.box[2:]))
        for digit in found
    ]


def _holds(box: Box, other: Box) -> bool:
    """Whether the middle of another box lies in a box."""
    x, y, width, height = box
    column, row = _middle(other)
    return x <= column <= x + width and y <= row <= y + height


def _middle(box: Box) -> tuple[float, float]:
    x, y, width, height = box
    return x + width / 2, y + height / 2


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


def _in_picture(box: Box, scan: Scan, scale: float, shape: tuple[int, ...]) -> Box:
    """A box of a scan in pixels of the original picture, within the picture, at least one."""
    x, y, width, height = box
    corners = scale * np.add([(x, y), (x + width, y + height)], (scan.left, scan.top))
    size = np.array(shape[::-1])
    first, last = np.clip(np.rint(corners).astype(int), 0, size)
    is_thin = first == last
    middle = np.floor(corners.mean(axis=0)).astype(int)
    first = np.where(is_thin, np.clip(middle, 0, size - 1), first)
    last = np.where(is_thin, first + 1, last)
    (left, top), (right, bottom) = first.tolist(), last.tolist()
    return left, top, right - left, bottom - top
