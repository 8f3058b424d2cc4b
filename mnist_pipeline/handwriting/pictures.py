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
from PIL import Image

from mnist_pipeline.data.conversion import (
    CENTRE,
    DIGIT_SIDE,
    IMAGE_SIDE,
    centred,
    centred_part,
    extent,
)
from mnist_pipeline.data.decoding import Grey, read
from mnist_pipeline.handwriting.paper import Paper, find_paper, otsu_threshold
from mnist_pipeline.handwriting.ruling import noise_of, stroke_width, without_frames, without_ruling

Mask = NDArray[np.bool_]

MAX_FINDINGS = 256
WORKING_PIXELS = 2_000_000  # larger pictures are reduced to this size before strokes are searched
FAINTEST_INK = 0.1  # the faintest stroke absorbs this share of the paper's light
DARKEST_PAPER = 0.35  # share of full brightness; below it, contrast is not amplified further
# Share of the variance that two levels explain, in a picture of ink and paper only.
TWO_LEVELS = 0.8
FAINT = 0.3  # share of the least ink of a stroke that connects the lines of a frame
OWN_CELL = 0.7  # least share of a digit's ink that lies in one cell of a form
EDGE = 0.04  # width of a picture's edge, as a share of its smaller side; a frame is thinner
COARSE_SIDE = 256  # the paper is estimated on a picture of at most this many pixels per side

STROKE_WIDTHS = (2.2, 3.4)  # pixels; 80% of MNIST's training digits are between 1.8 and 3.6
CONTOUR_SIDE = 64  # the larger side of a digit while its outline is computed
FAINTEST_SHARE = 0.2  # of full ink, in a stroke
# Share of a digit's pixels that are neither paper nor full ink, in a blurred or tiny picture.
SOFT = 0.4
MARGIN = 2  # pixels around the strokes of a digit that hold the soft edge of its ink


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
    grey = _reduced(picture, factor)
    for paper in filter(None, (find_paper(grey), Paper(grey, 0, 0))):
        digits = _on_paper(paper.picture)
        if digits:
            return [_placed(digit, paper, factor, picture.shape) for digit in digits]
    return []


def _on_paper(grey: Grey) -> list[Found]:
    """Find the digits on paper that fills the picture."""
    ink, paper = _ink(grey)
    ink, frames = without_frames(ink, _labels(ink, paper, FAINT))
    ink = without_ruling(ink)
    strokes = _strokes(ink, paper)
    cells = np.zeros(strokes.max())
    if frames.any():
        strokes, cells = _in_cells(strokes, frames)
    digits: list[Found] = []
    number = 1
    for line in _lines(_glyphs(strokes, cells)):
        for glyph in line:
            image = _image(glyph, ink, strokes)
            if image is not None:
                digits.append(Found((glyph.x, glyph.y, glyph.width, glyph.height), image, number))
        if digits and digits[-1].line == number:
            number += 1
    return digits


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


def _reduced(picture: NDArray[np.uint8] | Grey, factor: int) -> Grey:
    """Average blocks of pixels."""
    image = Image.fromarray(picture if picture.dtype == np.uint8 else picture.astype(np.float32))
    return np.asarray(image.reduce(factor) if factor > 1 else image, np.float32)


def _resized(
    picture: Grey, shape: tuple[int, ...], kernel: Image.Resampling = Image.Resampling.BILINEAR
) -> Grey:
    return np.asarray(Image.fromarray(picture).resize((shape[1], shape[0]), kernel))


def _ink(grey: Grey) -> tuple[Grey, Grey]:
    """Ink at each pixel, as the share of the paper's light that is missing; the paper's light.

    On dark paper, ink is the excess of light instead.
    """
    light = grey / 255
    coarse = _reduced(light, max(1, round(max(grey.shape) / COARSE_SIDE)))
    if not _ink_is_dark(coarse):
        light, coarse = 1 - light, 1 - coarse
    # The window must be wider than the widest stroke, and no wider than necessary, so that it
    # follows shadows.
    window = max(3, round(0.3 * min(coarse.shape)))
    first = _contrast(_closing(coarse, window), coarse)
    strokes = np.pad(first > otsu_threshold(first[first > 0.05], (0, 1)), 1)
    if strokes.any():
        width = stroke_width(scipy.ndimage.distance_transform_edt(strokes)[strokes])
        window = min(window, max(5, round(4 * width) + 3))
    paper = _resized(_paper(coarse, window), grey.shape)
    ink = _contrast(paper, light)
    return ink - np.median(ink[::4, ::4]), paper


def _paper(grey: Grey, window: int) -> Grey:
    """Light of the paper: the local mean of the pixels that a grey closing classifies as blank.

    The closing itself is too light where there is noise.
    """
    closed = _closing(grey, window)
    contrast = _contrast(closed, grey)
    middle = np.median(contrast)
    blank = contrast <= middle + 0.02 + 3 * np.median(np.abs(contrast - middle))
    share = scipy.ndimage.gaussian_filter(blank.astype(np.float32), 1.5)
    light = scipy.ndimage.gaussian_filter(np.where(blank, grey, 0), 1.5)
    return np.where(share > 0.05, light / np.maximum(share, 0.05), closed * (1 - middle))


def _ink_is_dark(grey: Grey) -> bool:
    """Whether ink is darker than paper.

    If the picture has two levels and its edge has one of them, that level is the paper. Otherwise,
    ink covers less than half of its surroundings, so the deviations from the local mean are skewed
    towards the ink. Of several window sizes, the one with the largest skew decides: small windows
    for thin strokes, large windows for a digit that fills the picture.
    """
    is_light = _edge_is_light(grey)
    if is_light is not None:
        return is_light
    skews = []
    for share in (24, 12, 6, 3):
        window = 1 + 2 * (max(grey.shape) // (2 * share))
        deviation = grey - scipy.ndimage.uniform_filter(grey, window, mode="nearest")
        square = deviation * deviation
        variance = max(float(square.mean()), 1e-12)
        skews.append(float((square * deviation).mean() / variance**1.5))
    return max(skews, key=abs) <= 0


def _edge_is_light(grey: Grey) -> bool | None:
    """Whether the edge of a picture has the lighter of two levels; None if it has both levels, or
    the picture has more levels than two.
    """
    is_light = grey > otsu_threshold(grey)
    share = is_light.mean()
    if not 0 < share < 1:
        return None
    step = grey[is_light].mean() - grey[~is_light].mean()
    width = max(1, round(EDGE * min(grey.shape)))
    at_edge = np.ones(grey.shape, bool)
    at_edge[width:-width, width:-width] = False
    edge = is_light[at_edge].mean()
    has_two_levels = share * (1 - share) * step**2 > TWO_LEVELS * grey.var()
    return bool(edge > 0.5) if has_two_levels and not 0.05 < edge < 0.95 else None


def _closing(grey: Grey, window: int) -> Grey:
    """Grey closing: dark strokes narrower than the window take the level of their surroundings."""
    extended = np.pad(grey, window, mode="edge")
    closed = scipy.ndimage.minimum_filter(scipy.ndimage.maximum_filter(extended, window), window)
    return closed[window:-window, window:-window]


def _contrast(paper: Grey, grey: Grey) -> Grey:
    """Missing share of the paper's light; a share, because illumination is multiplicative."""
    return (paper - grey) / np.maximum(paper, DARKEST_PAPER)


def _strokes(ink: Grey, paper: Grey) -> NDArray[np.int32]:
    """Label the connected strokes of digits, 0 elsewhere.

    A region in three corners of the picture is the table around the paper.
    """
    labels = _labels(ink, paper)
    corners = np.bincount(labels[[0, 0, -1, -1], [0, -1, 0, -1]], minlength=labels.max() + 1)
    return _numbered(labels, corners < 3)


def _numbered(labels: NDArray[np.integer], kept: Mask) -> NDArray[np.int32]:
    """Number the kept labels from 1; label 0 and the others become 0."""
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels]


def _labels(ink: Grey, paper: Grey, weak: float = 0.5) -> NDArray[np.int32]:
    """Label connected ink, 0 elsewhere; weak ink counts where it is connected to strong ink."""
    light = np.maximum(paper, DARKEST_PAPER)
    for blur in (0.7, 1.5):  # as little blur as the noise allows
        smooth = scipy.ndimage.gaussian_filter(ink, blur)
        # The camera's noise is equally strong in shadow and in light.
        noise = 6 * noise_of(smooth * light) / light
        if noise.max() < 1.5 * FAINTEST_INK:
            break
    floor = np.maximum(FAINTEST_INK, noise)
    high = np.maximum(floor, 0.8 * otsu_threshold(smooth[smooth > floor], (0, 1)))
    labels, count = scipy.ndimage.label(
        smooth > np.maximum(weak * high, 0.5 * floor), np.ones((3, 3))
    )
    strong = np.bincount(labels[smooth > high], minlength=count + 1) >= 2
    return _numbered(labels, strong)


class Glyph(NamedTuple):
    """Labels of strokes that belong together, and their box in pixels of the working picture."""

    labels: NDArray[np.intp]
    x: int
    y: int
    width: int
    height: int


def _in_cells(
    strokes: NDArray[np.int32], frames: Mask
) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Divide strokes that lie in several cells between frames, and return the cell of each.

    A digit that crosses its frame a little is not divided. Squared paper is one cell.
    """
    cells, num_cells = scipy.ndimage.label(~frames)
    num_strokes, base = int(strokes.max()), num_cells + 1
    places = strokes * base + cells
    sizes = np.bincount(places.ravel(), minlength=(num_strokes + 1) * base).reshape(-1, base)[:, 1:]
    is_divided = sizes.max(axis=1) < OWN_CELL * sizes.sum(axis=1)
    is_divided[0] = False
    if 2 * is_divided.sum() > num_strokes:  # squared paper
        return strokes, np.zeros(num_strokes)
    parts = np.where(is_divided[strokes], places * (cells > 0), strokes * base)
    strokes = np.unique(parts, return_inverse=True)[1].reshape(strokes.shape).astype(np.int32)
    return strokes, scipy.ndimage.median(cells, strokes, np.arange(1, strokes.max() + 1))


def _glyphs(strokes: NDArray[np.int32], cells: NDArray[np.floating]) -> list[Glyph]:
    """Group strokes of the same cell into digits, and drop specks."""
    slices = scipy.ndimage.find_objects(strokes)
    corners = [(x.start, y.start, x.stop, y.stop) for y, x in slices]
    boxes = np.array(corners, np.intp).reshape(-1, 4)
    sizes = _sizes(boxes)
    largest = np.argsort(-sizes, kind="stable")[: 4 * MAX_FINDINGS]
    # Strokes of at least this size make up half of the total length, so specks do not lower it.
    total = np.cumsum(sizes[largest])
    typical = float(sizes[largest][np.searchsorted(total, total[-1] / 2)]) if len(sizes) else 0.0
    cells = cells[largest]
    merged = boxes[largest]
    places = np.arange(len(merged))
    owners = places.copy()
    for i, box in enumerate(merged):
        is_host = (owners[:i] == places[:i]) & (cells[:i] == cells[i])
        hosts = np.flatnonzero(is_host & _belongs(box, merged[:i], typical))
        if len(hosts):
            owners[i] = hosts[0]
            host = merged[owners[i]]
            host[:2] = np.minimum(host[:2], box[:2])
            host[2:] = np.maximum(host[2:], box[2:])
    width, height = (merged[:, 2:] - merged[:, :2]).T
    smallest = max(6.0, 0.3 * typical, 0.012 * max(strokes.shape))
    is_dash = width >= 6 * height
    digits = np.flatnonzero((owners == places) & (_sizes(merged) >= smallest) & ~is_dash)
    digits = digits[np.argsort(-_sizes(merged)[digits], kind="stable")][:MAX_FINDINGS]
    glyphs = []
    for digit in digits:
        left, top, right, bottom = merged[digit].tolist()
        glyphs.append(Glyph(largest[owners == digit] + 1, left, top, right - left, bottom - top))
    return glyphs


def _sizes(boxes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Larger sides of boxes (left, top, right, bottom)."""
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1)


def _belongs(box: NDArray[np.intp], glyphs: NDArray[np.intp], typical: float) -> Mask:
    """Whether a smaller stroke belongs to each digit: a fragment around it, or a second stroke."""
    width, height = box[2:] - box[:2]
    widths = glyphs[:, 2] - glyphs[:, 0]
    overlap = np.minimum(box[2], glyphs[:, 2]) - np.maximum(box[0], glyphs[:, 0])
    gap = np.maximum(box[1], glyphs[:, 1]) - np.minimum(box[3], glyphs[:, 3])
    joined_height = np.maximum(box[3], glyphs[:, 3]) - np.minimum(box[1], glyphs[:, 1])
    is_close = (gap < 0.2 * typical) & (joined_height < 1.6 * typical)
    is_above_or_below = is_close & (overlap > 0.4 * np.minimum(width, widths))
    if max(width, height) > 0.6 * typical:
        return is_above_or_below
    is_beside = (gap < 0) & (overlap > -0.1 * typical)
    return is_above_or_below | is_beside


def _lines(glyphs: list[Glyph]) -> list[list[Glyph]]:
    """Lines from top to bottom, digits from left to right; digits of a line overlap in height."""
    lines: list[list[Glyph]] = []
    for glyph in sorted(glyphs, key=lambda glyph: glyph.x):
        overlaps = [_overlap(line[-1], glyph) for line in lines]
        if overlaps and max(overlaps) > 0.4:
            lines[int(np.argmax(overlaps))].append(glyph)
        else:
            lines.append([glyph])
    lines.sort(key=lambda line: float(np.mean([glyph.y + glyph.height / 2 for glyph in line])))
    return lines


def _overlap(first: Glyph, second: Glyph) -> float:
    """The common height of two digits, as a share of the smaller height."""
    bottom = min(first.y + first.height, second.y + second.height)
    return (bottom - max(first.y, second.y)) / min(first.height, second.height)


def _placed(digit: Found, paper: Paper, factor: int, shape: tuple[int, ...]) -> Found:
    """A digit of the paper, with its box in pixels of the original picture."""
    x, y, width, height = digit.box
    left = factor * (paper.left + x)
    top = factor * (paper.top + y)
    width = min(factor * width, shape[1] - left)
    height = min(factor * height, shape[0] - top)
    return replace(digit, box=(left, top, width, height))


def _image(glyph: Glyph, ink: Grey, strokes: NDArray[np.int32]) -> NDArray[np.uint8] | None:
    """A digit in MNIST's form; None if only the surroundings of its strokes have ink.

    Wide strokes of a blurred or tiny picture keep their grey levels, as a threshold would close the
    holes of the digit or open them. Other strokes get the width of MNIST's.
    """
    rows = slice(max(0, glyph.y - MARGIN), glyph.y + glyph.height + MARGIN)
    columns = slice(max(0, glyph.x - MARGIN), glyph.x + glyph.width + MARGIN)
    strength = _strength(np.isin(strokes[rows, columns], glyph.labels), ink[rows, columns])
    outline = _outline(strength, max(glyph.width, glyph.height))
    inside = outline < 0
    if not inside.any():
        return None
    inked = strength > FAINTEST_SHARE
    num_soft = np.count_nonzero(inked & (strength < 1 - FAINTEST_SHARE))
    is_soft = num_soft > SOFT * np.count_nonzero(inked)
    side = max(extent(inside)[2:])
    stroke = stroke_width(0.5 - outline[inside])
    if is_soft and stroke * DIGIT_SIDE > STROKE_WIDTHS[0] * side:
        image = centred_part(strength, inked)
        return np.rint(image * (255 / image.max())).astype(np.uint8)
    wanted = float(np.clip(stroke * DIGIT_SIDE / side, *STROKE_WIDTHS))
    # Moving the outline outwards by d makes the stroke wanted = (stroke + 2d) · 20 / (side + 2d).
    moved = (wanted * side / DIGIT_SIDE - stroke) / (2 * (1 - wanted / DIGIT_SIDE))
    moved = max(moved, -stroke / 4)
    levels = np.clip(0.5 + moved - outline, 0, 1)
    return centred(levels, (side + 2 * moved) / DIGIT_SIDE)


def _strength(own: Mask, ink: Grey) -> Grey:
    """The ink of a digit and its edge, as a share of full ink, in [0, 1]."""
    strength = np.where(scipy.ndimage.maximum_filter(own, 2 * MARGIN + 1), ink, 0)
    # In a tiny picture, most pixels of a stroke may lack ink, because strokes are found in blurred
    # ink.
    usual, largest = np.quantile(strength[own], (0.8, 1))
    full = usual if usual > 0 else largest
    return np.clip(strength / (full if full > 0 else np.inf), 0, 1).astype(np.float32)


def _outline(strength: Grey, side: int) -> Grey:
    """Signed distance to the outline of a digit, negative inside the ink.

    The larger side of the digit gets about 64 pixels. Without ink, all distances are positive.
    """
    strength = np.pad(strength, MARGIN)
    zoom = CONTOUR_SIDE / side
    shape = tuple(int(np.ceil(length * zoom)) for length in strength.shape)
    drawn = scipy.ndimage.gaussian_filter(_resized(strength, shape, Image.Resampling.BICUBIC), 0.8)
    inside = np.pad(drawn > max(0.5 * min(1.0, float(drawn.max())), 0), 4)
    outer = scipy.ndimage.distance_transform_edt(~inside)
    inner = scipy.ndimage.distance_transform_edt(inside)
    return np.where(inside, 0.5 - inner, outer - 0.5)
