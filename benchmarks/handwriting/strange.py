"""Pictures that readers often misread: cups, pens, wood, bar codes, clocks, screens and others.

`WITHOUT_DIGITS` names the kinds without a digit, and `pictures` draws them. `WITH_DIGITS` names the
kinds with digits, and `examples` draws them by pen, with test digits, or with Matplotlib's fonts.
Methods were chosen on pictures of these kinds, with other digits and seeds; screens had the same
fonts, and others.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFont
from scipy import ndimage

from benchmarks.handwriting import Example, Picture, box_of, levels, pens, scenes
from benchmarks.handwriting.pens import BLACK, Pen
from benchmarks.handwriting.scenes import Floats, Ink, Sheet, new_sheet
from mnist_pipeline.data.datasets import DigitSet

Shape = tuple[int, ...]  # (rows, columns)
Drawer = Callable[[Generator, DigitSet], Example]
"""Draws a picture, with or without some of the test digits."""

PICTURES = 50  # of each kind without a digit
TURN = 2 * np.pi
ALL_DIGITS = "0123456789"
MANY_ONES = ALL_DIGITS + "111"
MARGINS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)  # as shares of the digit's height
FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")
SCREEN_FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf")
DIGIT_HEIGHT = 0.74  # of these fonts, as a share of their size
SCREENS = ((1, 0), (0.96, 0.16), (0.12, 0.9), (1, 0.3), (0, 1))  # light of background and digits


def pictures(kind: str, seed: int) -> Iterator[Picture]:
    """Pictures of a kind without a digit, the same for the same seed."""
    for number in range(PICTURES):
        yield WITHOUT_DIGITS[kind](np.random.default_rng((seed, number, *kind.encode())))


def examples(kind: str, seed: int, digits: DigitSet) -> Iterator[Example]:
    """At least 60 pictures and 100 digits of a kind, the same for the same seed.

    `digits` are images of 28×28 with their labels, of which some pictures are made.
    """
    return scenes.series(lambda rng: WITH_DIGITS[kind](rng, digits), kind, seed)


def _shape(rng: Generator) -> Shape:
    """The size of a picture, in pixels."""
    return tuple(rng.integers(300, 1000, 2).tolist())


def _axes(shape: Shape, angle: float, middle: Sequence[float] = (0, 0)) -> tuple[Floats, Floats]:
    """How far each pixel is along and across a line through a point (row, column), in pixels."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    down, right = rows - middle[0], columns - middle[1]
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * right + sin * down, cos * down - sin * right


def _smooth(rng: Generator, shape: Shape, scale: float | Sequence[float]) -> Floats:
    """Smooth noise with a standard deviation of 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), scale)
    return np.asarray(noise / noise.std())


def _photo(light: Floats, rng: Generator) -> Picture:
    """A photograph with blur and noise."""
    light = ndimage.gaussian_filter(light, rng.uniform(0.2, 1.5))
    return levels(light + rng.uniform(0.004, 0.02) * rng.standard_normal(light.shape))


def _on_paper(ink: Floats, rng: Generator) -> Picture:
    """A photograph of pale or dark ink on paper, which is brighter on one side."""
    along, _ = _axes(ink.shape, rng.uniform(0, TURN), (ink.shape[0] / 2, ink.shape[1] / 2))
    paper = rng.uniform(0.7, 0.95) * (1 + rng.uniform(0, 0.3) * along / max(ink.shape))
    return _photo(paper * (1 - rng.uniform(0.4, 0.95) * ink), rng)


def _lying(inside: Floats, darkness: Floats, rng: Generator) -> Picture:
    """A photograph of an object on paper, with its shadow.

    `inside` is how far a pixel is inside of the object.
    """
    cover = np.clip(inside + 0.5, 0, 1)
    blur = rng.uniform(3, 25)
    shadow = ndimage.gaussian_filter(cover, blur, mode="nearest")
    shadow = ndimage.shift(shadow, rng.normal(0, blur, 2), order=0, mode="nearest")
    return _on_paper(np.maximum(cover * darkness, rng.uniform(0, 0.6) * shadow), rng)


def _cup(rng: Generator) -> Picture:
    """A dark cup at an edge of the picture, with a rim or not."""
    shape = _shape(rng)
    radius = rng.uniform(0.15, 0.5) * min(shape)
    middle = rng.uniform(0, 1, 2) * shape
    side, outside = rng.integers(2), rng.uniform(-0.2, 0.85) * radius
    middle[side] = rng.choice([-outside, shape[side] + outside])
    along, across = _axes(shape, rng.uniform(0, np.pi), middle.tolist())
    inside = radius - np.hypot(along, across * rng.uniform(0.75, 1.3))
    rim = np.clip(1 - np.abs(inside / (rng.uniform(0.03, 0.12) * radius) - 1.2), 0, 1)
    darkness = 1 - rng.choice([0, rng.uniform(0.1, 0.6)]) * rim
    return _lying(inside / rng.uniform(0.7, 6), darkness, rng)


def _pen(rng: Generator) -> Picture:
    """A pen, often upright, whose cap has another colour; many reach an edge of the picture."""
    shape = _shape(rng)
    angle = rng.choice([rng.uniform(0, np.pi), rng.normal(np.pi / 2, 0.2)])
    along, across = _axes(shape, angle, (shape[0] / 2, shape[1] * rng.uniform(0.3, 0.7)))
    half = rng.uniform(0.006, 0.025) * max(shape)
    before, after = rng.choice([(0.5, 0.5), (0.35, 3), (3, 3)]) * shape[0]
    taper = np.clip(np.minimum(along + before, after - along) / (6 * half), -1, 1)
    gloss = np.exp(-(((across / half - 0.3) / 0.25) ** 2))
    darkness = 1 - rng.uniform(0, 0.6) * gloss
    darkness[along > rng.uniform(-0.3, 0.6) * after] = rng.uniform(0.5, 1)
    return _lying(half * taper - np.abs(across), darkness, rng)


def _wood(rng: Generator) -> Picture:
    """Grain and rings along the rows or the columns."""
    shape = _shape(rng)
    grain = _smooth(rng, shape, (rng.uniform(20, 120), rng.uniform(0.8, 5)))
    waves = rng.uniform(0.5, 3) * _smooth(rng, shape, (shape[0] / 8, 30))
    rings = np.sin(TURN * np.arange(shape[1]) / rng.uniform(15, 80) + waves)
    light = 1 + rng.uniform(0.02, 0.15) * grain + rng.uniform(0, 0.2) * np.minimum(rings, 0) ** 3
    light *= rng.uniform(0.4, 0.75)
    return _photo(light.T if rng.random() < 0.3 else light, rng)


def _fibres(rng: Generator) -> Picture:
    """Short bent hairs."""
    sheet = new_sheet(rng, 20, 30)
    for _ in range(rng.integers(5, 60)):
        bends = rng.normal(rng.normal(0, 0.06), 0.08, 30)
        angles = rng.uniform(0, TURN) + np.cumsum(bends)
        points = np.cumsum(rng.uniform(0.5, 5) * _direction(angles), axis=0)
        sheet.stroke(rng.uniform(0, 600, 2) + points)
    return sheet.example().picture


def _direction(angles: Floats) -> Floats:
    """Points on the unit circle, (n, 2)."""
    return np.column_stack([np.cos(angles), np.sin(angles)])


def _bar_code(rng: Generator) -> Picture:
    """Bars of one to three modules, which reach the edges of some pictures."""
    widths = rng.integers(1, 4, 2 * rng.integers(15, 40)) * rng.integers(2, 8)
    row = np.repeat(np.arange(len(widths)) % 2 == 0, widths).astype(float)
    ink = np.tile(row, (int(rng.uniform(0.25, 0.8) * len(row)), 1))
    ink = np.pad(ink, int(rng.choice([0, 0.05, 0.1, 0.2, 0.3]) * len(row)))
    if rng.random() < 0.5:
        ink = ndimage.rotate(ink, rng.normal(0, 3), order=1)
    return _on_paper(ink, rng)


def _grating(rng: Generator) -> Picture:
    """Soft stripes with a period of 6 to 120 pixels."""
    angle = rng.choice([rng.uniform(0, np.pi), rng.normal(0, 0.2)])
    along, _ = _axes(_shape(rng), angle)
    period = np.exp(rng.uniform(np.log(6), np.log(120)))
    waves = np.sin(TURN * along / period + rng.uniform(0, TURN))
    return _photo(0.5 + rng.uniform(0.15, 0.5) * waves, rng)


def _tilted_grid(rng: Generator) -> Picture:
    """Squared paper that is turned by 2° to 7°."""
    period, width = rng.uniform(10, 60), rng.uniform(0.8, 2.5)
    angle = np.radians(rng.uniform(2, 7) * rng.choice([-1, 1]))
    distances = np.abs(np.stack(_axes(_shape(rng), angle)) % period - period / 2)
    return _on_paper(np.clip(width / 2 + 0.5 - distances, 0, 1).max(axis=0), rng)


def _signs(signs: str, fewest: int) -> Callable[[Generator], Picture]:
    """At least `fewest` signs by pen, which stand apart."""

    def draw(rng: Generator) -> Picture:
        sheet = new_sheet(rng, 36, 90)
        for number in range(rng.integers(fewest, 12)):
            base = rng.normal(0, 0.08) * sheet.height
            sheet.text(str(rng.choice(list(signs))), number * 1.4 * sheet.height, base)
        return sheet.example().picture

    return draw


def _test_ink(rng: Generator, digits: DigitSet, digit: int, height: float) -> Ink:
    """Coverage with ink of a test digit with a height in pixels."""
    image = digits.images[rng.choice(np.flatnonzero(digits.labels == digit))]
    side = round(height * 28 / 20)
    enlarged = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    soft = ndimage.gaussian_filter(np.asarray(enlarged, np.float32) / 255, height / 60)
    return _cropped(np.clip(2.2 * soft - 0.55, 0, 1))


def _cropped(ink: Ink) -> Ink:
    """The ink without its margins."""
    x, y, width, height = box_of(ink, 0, 0)
    return ink[y : y + height, x : x + width]


def _written(
    rng: Generator,
    digits: DigitSet,
    lengths: tuple[int, int],
    num_lines: int = 1,
    by_pen: float = 0.5,
    characters: str = ALL_DIGITS,
) -> Sheet:
    """Lines of digits by pen, or else of test digits; `by_pen` is the share of lines by pen."""
    sheet = new_sheet(rng, on_paper=True)
    pitch = rng.uniform(1.5, 1.9) * sheet.height
    for row in range(num_lines):
        x, base = rng.uniform(0, 0.5) * sheet.height, row * pitch
        text = "".join(rng.choice(list(characters), rng.integers(*lengths, endpoint=True)))
        if rng.random() < by_pen:
            sheet.text(text, x, base)
            continue
        for digit in map(int, text):
            ink = _test_ink(rng, digits, digit, sheet.height * rng.normal(1, 0.07))
            sheet.place(ink, x, base - len(ink), digit)
            x += ink.shape[1] + rng.uniform(0.15, 0.4) * sheet.height
    return sheet


def _enclosed(num_lines: int, in_oval: bool) -> Drawer:
    """Lines in an oval that is nearly a rectangle, or in a frame, drawn by hand."""

    def draw(rng: Generator, digits: DigitSet) -> Example:
        sheet = _written(rng, digits, (3, 6), num_lines)
        boxes = np.array(sheet.boxes)
        start = boxes[:, :2].min(axis=0) - rng.uniform(0.2, 0.5, 2) * sheet.height
        end = (boxes[:, :2] + boxes[:, 2:]).max(axis=0) + rng.uniform(0.2, 0.5, 2) * sheet.height
        if in_oval:
            _ring(sheet, (start + end) / 2, 0.55 * (end - start), 0.62)
        else:
            _frame(sheet, start, end)
        return sheet.example()

    return draw


def _stroke(sheet: Sheet, points: Floats) -> None:
    """Draw a curve through points (n, 2) with an unsteady hand."""
    wobble = _smooth(sheet.rng, points.shape, (8, 0))
    sheet.stroke(points + 0.025 * sheet.height * wobble)


def _ring(sheet: Sheet, middle: Floats, radii: Floats, power: float = 1) -> None:
    """Draw an ellipse, which is nearly a rectangle with a small power; its ends nearly meet."""
    turns = np.linspace(0, TURN * sheet.rng.uniform(0.97, 1.06), 90)
    circle = _direction(sheet.rng.uniform(0, TURN) + turns)
    _stroke(sheet, middle + radii * np.sign(circle) * np.abs(circle) ** power)


def _frame(sheet: Sheet, start: Floats, end: Floats) -> None:
    """Draw a rectangle in one stroke, or with separate sides."""
    corners = np.where([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], end, start)
    corners = corners + sheet.rng.normal(0, 0.05, corners.shape) * sheet.height
    sides = [np.linspace(*ends, 30) for ends in pairwise(corners)]
    for stroke in sides if sheet.rng.random() < 0.5 else [np.concatenate(sides)]:
        _stroke(sheet, stroke)


def _clock(rng: Generator, digits: DigitSet) -> Example:
    """The hours in a circle, with two hands or without."""
    sheet = new_sheet(rng, 24, 60, on_paper=True)
    radius = rng.uniform(4.2, 6) * sheet.height
    _ring(sheet, np.zeros(2), np.full(2, radius))
    spokes = _direction(TURN * np.arange(12) / 12 - TURN / 4)
    for hour, (x, y) in enumerate((radius - sheet.height) * spokes):
        text = str(hour or 12)
        sheet.text(text, x - 0.35 * len(text) * sheet.height, y + sheet.height / 2)
    if rng.random() < 0.5:
        for hand in rng.choice(spokes, 2, replace=False) * [[0.35], [0.55]]:
            sheet.stroke(np.linspace((0, 0), hand * radius, 20))
    return sheet.example()


def _alone(
    widths: tuple[float, float], margins: Sequence[float], names: str = ALL_DIGITS
) -> Drawer:
    """One of the named glyphs by pen, with the same margin on all sides; an I is a plain 1."""

    def draw(rng: Generator, digits: DigitSet) -> Example:
        name, height = str(rng.choice(list(names))), rng.uniform(50, 300)
        pen = Pen(rng.uniform(*widths), "round", BLACK, 1.0)
        chosen = pens.Setting(pens.setting(rng).hand, pen, "white", "even", "scan")
        ink = _cropped(pens.write(pens.variant(name, rng), height, chosen, rng))
        ink = np.pad(ink, round(rng.choice(margins) * height))
        picture = pens.photographed(ink, height, chosen, rng)
        digit = int(name.replace("I", "1"))
        return Example("", (digit,), (box_of(ink, 0, 0),), picture)

    return draw


def _screen(rng: Generator, digits: DigitSet) -> Example:
    """Up to three lines of digits 15 to 23 pixels high, as a screen shows them."""
    sheet = new_sheet(rng, 15, 23)
    font = ImageFont.truetype(str(FONTS / rng.choice(SCREEN_FONTS)), sheet.height / DIGIT_HEIGHT)
    for row in range(rng.integers(1, 4)):
        x = 0.0
        for digit in rng.integers(10, size=rng.integers(3, 9)).tolist():
            mask = font.getmask(str(digit))
            ink = (np.reshape(mask, mask.size[::-1]) / 255).astype(np.float32)
            sheet.place(ink, x, 2 * row * sheet.height - len(ink), digit)
            x += font.getlength(str(digit))
    background, level = rng.choice(SCREENS)
    cover, boxes = sheet.coverage()
    picture = levels(background + (level - background) * cover)
    return Example("", tuple(sheet.digits), tuple(boxes), picture)


def _low_resolution(rng: Generator, digits: DigitSet) -> Example:
    """Up to three digits of 8 to 12 pixels."""
    sheet = _written(rng, digits, (1, 3))
    example = sheet.example()
    factor = round(sheet.height / rng.uniform(8, 12))
    boxes = np.maximum(1, np.array(example.boxes) // factor).tolist()
    small = np.asarray(Image.fromarray(example.picture).reduce(factor))
    return example._replace(boxes=tuple(map(tuple, boxes)), picture=small)


def _dry_pen(rng: Generator, digits: DigitSet) -> Example:
    """Up to three digits whose ink has gaps."""
    sheet = _written(rng, digits, (1, 3))
    for number, (left, top, ink) in enumerate(sheet.pieces):
        grain = _smooth(rng, ink.shape, sheet.height * rng.uniform(0.01, 0.03))
        dry = ink * np.clip(0.6 + rng.uniform(0.8, 1.5) * grain, 0, 1)
        sheet.pieces[number] = left, top, dry.astype(np.float32)
    return sheet.example()


def _one(rng: Generator, digits: DigitSet) -> Example:
    """A test digit that is a 1."""
    return _written(rng, digits, (1, 1), by_pen=0, characters="1").example()


def _many_ones(rng: Generator, digits: DigitSet) -> Example:
    """A number in which about a third of the digits are a 1."""
    return _written(rng, digits, (3, 6), characters=MANY_ONES).example()


def _page(rng: Generator, digits: DigitSet) -> Example:
    """Up to three lines of test digits."""
    return _written(rng, digits, (3, 6), int(rng.integers(1, 4)), by_pen=0).example()


WITHOUT_DIGITS: dict[str, Callable[[Generator], Picture]] = {
    "a cup at the edge": _cup,
    "a lying pen": _pen,
    "wood": _wood,
    "fibres": _fibres,
    "bar codes": _bar_code,
    "gratings": _grating,
    "a tilted grid": _tilted_grid,
    "slashes": _signs("/", 10),
    "dots and colons": _signs("..:", 4),
}
WITH_DIGITS: dict[str, Drawer] = {
    "a number in a frame by hand": _enclosed(1, in_oval=False),
    "two lines in a frame by hand": _enclosed(2, in_oval=False),
    "two lines in an oval": _enclosed(2, in_oval=True),
    "clocks": _clock,
    "a thick digit almost without a margin": _alone((0.22, 0.28), (0, 0.01, 0.02)),
    "a digit with the same margin on all sides": _alone((0.12, 0.27), MARGINS),
    "digits of 15 to 23 pixels on a screen": _screen,
    "digits of 8 to 12 pixels": _low_resolution,
    "a dry pen": _dry_pen,
    "a 1 of MNIST": _one,
    "a plain 1 with a thin pen": _alone((0.02, 0.035), MARGINS[3:], "I"),
    "numbers with many ones": _many_ones,
    "lines of MNIST test digits": _page,
}
