"""Scenes that people photograph: shadows, circled digits, dates, receipts, sudoku and others.

A scene shows digits, and often other marks around them: signs, lines, circles, stains. Only digits
are expected answers. `SCENES` names each kind, and `scene` draws pictures of one kind. Print fonts
that are not installed are left out. These packages have all of them:

fonts-dejavu-core fonts-gfs-didot fonts-lato fonts-liberation fonts-oldstandard
fonts-roboto-unhinted

For development, with seeds from 10,000, there are other fonts of these packages:

fonts-dejavu-core fonts-gfs-didot-classic fonts-gfs-neohellenic fonts-inter fonts-linuxlibertine
fonts-solide-mirage
"""

import colorsys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from benchmarks.handwriting import Box, Example, Picture, box_of, fonts, levels, pens
from benchmarks.handwriting.pens import BLACK, BLUE, GREEN, GREY, RED, Glyph, Pen, Setting, glyph

Ink = NDArray[np.float32]
Floats = NDArray[np.floating]
Drawer = Callable[[np.random.Generator, bool], Example]
"""Draws a picture, for development if the second argument is true."""

DEVELOPMENT = 10_000  # seeds from here on are for development, with other fonts
PICTURES, DIGITS = 60, 100  # at least, of each kind
PRINTED_DIGITS = 600  # at least, of each kind of print
THIN = (
    "GFSDidot LiberationSerif-Bold OldStandard-Bold OldStandard-Regular",
    "DejaVuSerif GFSDidotClassic LinLibertine_R SolideMirageEtroit",  # for development
)
PLAIN = (
    "DejaVuSans Lato-Regular LiberationSans-Regular Roboto-Regular",
    "DejaVuSansCondensed-Bold GFSNeohellenic Inter-Regular LinBiolinum_R",  # for development
)
SIGNS = {
    "/": "44,-6 22,50 0,108",
    ".": "10,96 12,98",
    ",": "12,92 14,99 6,114",
    ":": "10,34 12,36 | 10,90 12,92",
    "-": "0,56 16,54 32,55",
}


def kinds(seed: int) -> list[str]:
    """The kinds that this machine can draw."""
    development = seed >= DEVELOPMENT
    return [kind for kind in SCENES if kind not in FONTS or fonts.files(FONTS[kind][development])]


def scene(kind: str, seed: int) -> Iterator[Example]:
    """At least 60 pictures and 100 digits of a kind, the same for the same seed."""
    draw, least_digits = SCENES[kind], PRINTED_DIGITS if "print" in kind else DIGITS
    return series(lambda rng: draw(rng, seed >= DEVELOPMENT), kind, seed, least_digits)


def series(
    draw: Callable[[np.random.Generator], Example], kind: str, seed: int, least_digits: int = DIGITS
) -> Iterator[Example]:
    """At least 60 pictures, and as many more as the digits need; each has its own seed."""
    num_pictures = num_digits = 0
    while num_pictures < PICTURES or num_digits < least_digits:
        example = draw(np.random.default_rng((seed, num_pictures, *kind.encode())))
        num_pictures += 1
        num_digits += len(example.digits)
        yield example._replace(kind=kind)


class Sheet:
    """Ink that is placed piece by piece, with the digits among it."""

    def __init__(self, rng: np.random.Generator, chosen: Setting, height: float) -> None:
        self.rng = rng
        self.chosen = chosen
        self.height = height
        self.pieces: list[tuple[int, int, Ink]] = []  # left, top and coverage
        self.digits: list[int] = []
        self.owners: list[int] = []  # of each digit, the number of its piece

    def place(self, ink: Ink, left: float, top: float, digit: int | None = None) -> None:
        """Put ink somewhere; `digit` is what it shows, if anything."""
        if digit is not None:
            self.digits.append(digit)
            self.owners.append(len(self.pieces))
        self.pieces.append((round(left), round(top), ink))

    def write(
        self, shape: Glyph, x: float, base: float, size: float, digit: int | None = None
    ) -> float:
        """Write a glyph with its left end at `x`; return its right end."""
        ink = pens.write(shape, size, self.chosen, self.rng)
        foot = base + size * (max(y for stroke in shape for _, y in stroke) - 1)
        self.place(ink, x, foot - len(ink), digit)
        return x + ink.shape[1]

    def text(self, text: str, x: float = 0.0, base: float = 0.0, scale: float = 1.0) -> float:
        """Write digits and signs on a line; return its right end."""
        size = self.height * scale
        gap = self.rng.uniform(0.2, 0.45) * size
        for number, character in enumerate(text):
            if number:
                x += gap * self.rng.uniform(0.8, 1.3)
            is_digit = character.isdigit()
            shape = pens.variant(character, self.rng) if is_digit else glyph(SIGNS[character])
            digit = int(character) if is_digit else None
            wobble = self.rng.normal(0, 0.03) * size
            own_size = size * self.rng.normal(1, 0.05)
            x = self.write(shape, x, base + wobble, own_size, digit)
        return x

    def stroke(self, points: Floats) -> None:
        """Draw a curve through points (n, 2) with the same pen."""
        ink, (left, top) = pens.draw([points], self.height, self.chosen.pen, self.rng)
        self.place(ink, left, top)

    @property
    def boxes(self) -> list[Box]:
        """The box of each digit."""
        places = [self.pieces[owner] for owner in self.owners]
        return [box_of(ink, left, top) for left, top, ink in places]

    def coverage(self, margins: Sequence[float] | None = None) -> tuple[Ink, list[Box]]:
        """The ink with a margin around it, and the box of each digit."""
        if margins is None:
            margins = self.rng.uniform(0.4, 1.2, 4) * self.height
        above, right, below, before = (int(margin) for margin in margins)
        x = before - min(left for left, _, _ in self.pieces)
        y = above - min(top for _, top, _ in self.pieces)
        rows = max(top + len(ink) for _, top, ink in self.pieces) + y + below
        columns = max(left + ink.shape[1] for left, _, ink in self.pieces) + x + right
        cover = np.zeros((rows, columns), np.float32)
        for left, top, ink in self.pieces:
            window = cover[top + y : top + y + len(ink), left + x : left + x + ink.shape[1]]
            np.maximum(window, ink, out=window)
        return cover, [(left + x, top + y, *size) for left, top, *size in self.boxes]

    def example(self) -> Example:
        """A photograph of the sheet."""
        cover, boxes = self.coverage()
        picture = pens.photographed(cover, self.height, self.chosen, self.rng)
        return Example("", tuple(self.digits), tuple(boxes), picture)


def new_sheet(
    rng: np.random.Generator, smallest: float = 36, largest: float = 110, on_paper: bool = False
) -> Sheet:
    """An empty sheet for digits whose height is between two bounds, in pixels."""
    chosen = pens.setting(rng)
    while on_paper and chosen.paper == "blackboard":
        chosen = pens.setting(rng)
    return Sheet(rng, chosen, float(np.exp(rng.uniform(np.log(smallest), np.log(largest)))))


def _number(rng: np.random.Generator, fewest: int, most: int) -> str:
    return "".join(map(str, rng.integers(10, size=rng.integers(fewest, most + 1))))


def _page(rng: np.random.Generator, on_paper: bool = False) -> Sheet:
    """Two to four lines."""
    sheet = new_sheet(rng, 32, 80, on_paper)
    pitch = rng.uniform(1.5, 2.0) * sheet.height
    for number in range(rng.integers(2, 5)):
        indent = rng.uniform(0, 0.8) * sheet.height
        sheet.text(_number(rng, 3, 7), indent, number * pitch)
    return sheet


def _shadow(darker: float) -> Drawer:
    """A page of lines, of which 20 to 60% lie in a shadow with a straight, sharp edge."""

    def draw(rng: np.random.Generator, development: bool) -> Example:
        sheet = _page(rng, on_paper=True)
        sheet.chosen = sheet.chosen._replace(light="even", camera="photo")
        example = sheet.example()
        rows, columns = np.mgrid[: example.picture.shape[0], : example.picture.shape[1]]
        angle = rng.uniform(0, 2 * np.pi)
        across = np.cos(angle) * columns + np.sin(angle) * rows
        edge = np.quantile(across[::4, ::4], rng.uniform(0.2, 0.6))
        softness = rng.uniform(0.5, 2.0)  # pixels
        share = np.clip((edge - across) / softness + 0.5, 0, 1)
        return example._replace(picture=_in_light(example.picture, 1 - darker * share, rng))

    return draw


def _in_light(picture: Picture, light: Floats, rng: np.random.Generator) -> Picture:
    """A picture whose scene has another light, with a little noise."""
    if picture.ndim == 3:
        light = light[:, :, None]
    noise = rng.uniform(0.002, 0.008) * rng.standard_normal(picture.shape, np.float32)
    return levels(picture / 255 * light + noise)


def _small_digits(rng: np.random.Generator, development: bool) -> Example:
    """Digits 3 mm high on a photograph of a whole page, 3600×2600."""
    chosen = pens.setting(rng)
    pen = Pen(rng.uniform(0.07, 0.14), "round", (BLUE, BLACK)[rng.integers(2)], 0.9)
    sheet = Sheet(rng, chosen._replace(pen=pen), 36.0)
    for number in range(rng.integers(1, 4)):
        sheet.text(_number(rng, 3, 6), 0, number * rng.uniform(60, 75))
    ink, boxes = sheet.coverage((0, 0, 0, 0))
    shape = (3600, 2600) if rng.random() < 0.5 else (2600, 3600)
    top, left = (int(rng.uniform(0.05, 0.95) * (room - own)) for room, own in zip(shape, ink.shape))
    rows, columns = np.linspace(0, 1, shape[0])[:, None], np.linspace(0, 1, shape[1])[None]
    slopes = rng.uniform(-0.12, 0.12, 2)
    photo = np.float32(rng.uniform(0.75, 0.95) + slopes[0] * rows + slopes[1] * columns - 0.05)
    window = photo[top : top + ink.shape[0], left : left + ink.shape[1]]
    window *= 1 - rng.uniform(0.7, 0.9) * ndimage.gaussian_filter(ink, rng.uniform(0.5, 1.2))
    photo += np.float32(rng.uniform(0.005, 0.02)) * rng.standard_normal(shape, np.float32)
    boxes = [(x + left, y + top, *size) for x, y, *size in boxes]
    return Example("", tuple(sheet.digits), tuple(boxes), levels(photo))


def _small_line(rng: np.random.Generator, development: bool) -> Example:
    """A line, and a second line with digits of 30% of its size."""
    sheet = new_sheet(rng, 80, 150)
    sheet.text(_number(rng, 3, 6))
    second = sheet.height * rng.uniform(0.6, 0.9)
    sheet.text(_number(rng, 3, 6), rng.uniform(0, 0.5) * sheet.height, second, 0.3)
    return sheet.example()


def _circle(sheet: Sheet, box: Box) -> None:
    """Draw an ellipse by hand around a box, with a gap; its ends nearly meet, or overlap."""
    rng = sheet.rng
    x, y, width, height = box
    gap = rng.uniform(0.15, 0.4) * sheet.height
    radii = 0.58 * np.array([width, height]) + gap
    radii[0] = max(radii[0], rng.uniform(0.65, 1) * radii[1])
    turns = np.linspace(0, 2 * np.pi * rng.uniform(0.97, 1.1), 60)
    angles = rng.uniform(0, 2 * np.pi) + turns * rng.choice([-1, 1])
    phases = rng.uniform(0, 2 * np.pi, 2)
    scale = 1 + 0.03 * np.sin(2 * angles + phases[0]) + 0.02 * np.sin(3 * angles + phases[1])
    scale *= 1 + rng.uniform(-0.05, 0.08) * turns / turns[-1]
    middle = np.array([x + width / 2, y + height / 2]) + rng.normal(0, 0.03, 2) * sheet.height
    points = np.column_stack([np.cos(angles), np.sin(angles)]) * radii * scale[:, None]
    sheet.stroke(middle + points)


def _circled_digit(rng: np.random.Generator, development: bool) -> Example:
    sheet = new_sheet(rng)
    sheet.text(_number(rng, 1, 1))
    _circle(sheet, sheet.boxes[0])
    return sheet.example()


def _circled_in_line(rng: np.random.Generator, development: bool) -> Example:
    """Three or four digits that stand apart, with a circle around one of them."""
    sheet = new_sheet(rng)
    x = 0.0
    for digit in _number(rng, 3, 4):
        x = sheet.text(digit, x) + rng.uniform(1.0, 1.3) * sheet.height
    _circle(sheet, sheet.boxes[rng.integers(len(sheet.digits))])
    return sheet.example()


def _underlined(rng: np.random.Generator, development: bool) -> Example:
    """A number with a line under it, which sometimes touches a digit or is double."""
    sheet = new_sheet(rng)
    right = sheet.text(_number(rng, 2, 5))
    drop = rng.uniform(-0.02, 0.25)
    num_lines = 2 if rng.random() < 0.25 else 1
    for _ in range(num_lines):
        along = np.linspace(0, 1, 20)
        ends = np.array([0, right]) + rng.uniform(-0.15, 0.3, 2) * (-1, 1) * sheet.height
        bend = rng.normal(0, 0.03) * np.sin(np.pi * along) + rng.normal(0, 0.05) * along
        y = (drop + bend) * sheet.height
        sheet.stroke(np.column_stack([ends[0] + along * np.ptp(ends), y]))
        drop += rng.uniform(0.13, 0.22)
    return sheet.example()


def _date(sign: str) -> Drawer:
    def draw(rng: np.random.Generator, development: bool) -> Example:
        day, month, year = rng.integers(1, 32), rng.integers(1, 13), rng.integers(1950, 2040)
        form = {"/": "{d}/{m}/{y}", ".": "{d}.{m}.{y}", "-": "{y}-{m:02}-{d:02}"}
        text = form.get(sign, "").format(
            d=day, m=month, y=year if rng.random() < 0.7 else year % 100
        )
        if sign == ":":
            text = f"{rng.integers(24)}:{rng.integers(60):02}"
        if sign == ",":
            text = f"{_number(rng, 1, 3)},{_number(rng, 2, 3)}"
        sheet = new_sheet(rng, 36, 90)
        sheet.text(text)
        return sheet.example()

    return draw


def _european_one(rng: np.random.Generator) -> Glyph:
    """A long upstroke that starts at 50 to 90% of the height."""
    start, top = rng.uniform(0.5, 0.9), rng.uniform(0.3, 0.6)
    bend = rng.normal(0, 0.03, 2)
    upstroke = [(0.0, start), (top / 2 + bend[0], start / 2 + bend[1]), (top, 0.0)]
    lean = rng.uniform(-0.06, 0.02)
    return [[*upstroke, (top, 0.0), (top + lean / 2, 0.5), (top + lean, 1.0)]]


def _plain_seven(rng: np.random.Generator) -> Glyph:
    """Sometimes with a hook at its left end."""
    right, foot = rng.uniform(0.5, 0.68), rng.uniform(0.1, 0.3)
    hook = [(0.0, rng.uniform(0.1, 0.2)), (0.02, 0.03), (0.02, 0.03)] if rng.random() < 0.3 else []
    bar = [(0.0, 0.03), (right / 2, 0.02), (right, 0.0), (right, 0.0)]
    stem = (right + foot) / 2 + rng.uniform(-0.05, 0.02)
    return [hook + bar + [(stem, 0.42), (foot, 1.0)]]


def _crossed_seven(rng: np.random.Generator) -> Glyph:
    shape = list(_plain_seven(rng))
    x, y = shape[0][-2]
    half, tilt = rng.uniform(0.15, 0.26), rng.normal(0, 0.03)
    y += rng.uniform(0.0, 0.1)
    return [*shape, [(x - half, y + tilt), (x, y), (x + half, y - tilt)]]


def _crossed_zero(rng: np.random.Generator) -> Glyph:
    """With a slash within the oval or beyond it, or a bar."""
    zero = pens.variant("0", rng)
    points = np.array(zero[0])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    radii = np.ptp(points, axis=0) / 2
    angle = 0.0 if rng.random() < 0.2 else rng.uniform(0.5, 1.0)  # 0 is a bar
    reach = rng.uniform(0.7, 1.25)
    end = reach * radii * (np.cos(angle), -np.sin(angle))
    ends = (middle - end, middle, middle + end)
    return [*zero, [(float(x), float(y)) for x, y in ends]]


def _shape(digit: int, shape: Callable[[np.random.Generator], Glyph]) -> Drawer:
    """One digit, or two next to each other."""

    def draw(rng: np.random.Generator, development: bool) -> Example:
        sheet = new_sheet(rng, 36, 150)
        x = 0.0
        for _ in range(2):
            x = sheet.write(shape(rng), x, 0, sheet.height * rng.normal(1, 0.05), digit)
            x += rng.uniform(0.3, 0.6) * sheet.height
        return sheet.example()

    return draw


def _corrected(rng: np.random.Generator, development: bool) -> Example:
    """Two or three digits; one of them was another digit before, and is written over it."""
    sheet = new_sheet(rng)
    sheet.text(_number(rng, 2, 3))
    place = int(rng.integers(len(sheet.digits)))
    old = int((sheet.digits[place] + rng.integers(1, 10)) % 10)
    x, y, width, height = sheet.boxes[place]
    ink = pens.write(pens.variant(old, rng), height, sheet.chosen, rng)
    shift = rng.normal(0, 0.06, 2) * sheet.height
    left = x + (width - ink.shape[1]) / 2 + shift[0]
    sheet.place(ink, left, y + (height - len(ink)) / 2 + shift[1])
    return sheet.example()


def _turned(angle: float, mirrored: bool = False) -> Drawer:
    """A line of six digits, turned by degrees, or as in a mirror."""

    def draw(rng: np.random.Generator, development: bool) -> Example:
        sheet = new_sheet(rng)
        sheet.text(_number(rng, 6, 6))
        ink, boxes = sheet.coverage()
        turn = angle * rng.choice([-1, 1])
        moved = np.asarray(
            Image.fromarray(ink).rotate(turn, Image.Resampling.BILINEAR, expand=True)
        )
        boxes = [_box_turned(box, turn, ink.shape, moved.shape) for box in boxes]
        if mirrored:
            moved = moved[:, ::-1]
            boxes = [(moved.shape[1] - x - width, y, width, h) for x, y, width, h in boxes]
        picture = pens.photographed(moved, sheet.height, sheet.chosen, rng)
        return Example("", tuple(sheet.digits), tuple(boxes), picture)

    return draw


def _box_turned(box: Box, angle: float, shape: tuple[int, ...], new: tuple[int, ...]) -> Box:
    """A box around the turned box, in a picture that has grown."""
    x, y, width, height = box
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    across, down = x + width / 2 - shape[1] / 2, y + height / 2 - shape[0] / 2
    middle = cos * across + sin * down + new[1] / 2, cos * down - sin * across + new[0] / 2
    size = abs(cos) * width + abs(sin) * height, abs(sin) * width + abs(cos) * height
    return int(middle[0] - size[0] / 2), int(middle[1] - size[1] / 2), int(size[0]), int(size[1])


def _touching(rng: np.random.Generator, development: bool) -> Example:
    """Two digits that touch or overlap a little."""
    sheet = new_sheet(rng)
    pair = rng.integers(10, size=2).tolist()
    first, second = (
        pens.write(pens.variant(digit, rng), sheet.height, sheet.chosen, rng) for digit in pair
    )
    rows = max(len(first), len(second))
    first, second = (np.pad(ink, ((rows - len(ink), 0), (0, 0))) for ink in (first, second))
    x = first.shape[1]
    while not (first[:, x:] * second[:, : first.shape[1] - x] > 0.3).any() and x > 0:
        x -= 1
    sheet.place(first, 0, 0, pair[0])
    sheet.place(second, x - rng.integers(3), 0, pair[1])
    return sheet.example()


def _same_luma(rng: np.random.Generator, development: bool) -> Example:
    """Ink in a colour that is as light as the colour of the paper."""
    sheet = new_sheet(rng)
    sheet.text(_number(rng, 3, 6))
    cover, boxes = sheet.coverage()
    luma, hue = rng.uniform(0.35, 0.6), rng.random()
    paper = _color(hue, luma, rng.uniform(0.5, 1.0))
    ink = _color(hue + rng.uniform(0.35, 0.65), luma, rng.uniform(0.7, 1.0))
    photo = paper + cover[:, :, None] * (ink - paper)
    photo = ndimage.gaussian_filter(photo, (*rng.uniform(0.3, 1.0, 2), 0))
    photo += rng.uniform(0.002, 0.012) * rng.standard_normal(photo.shape)
    picture = levels(photo)
    if rng.random() < 0.5:
        picture = pens.compressed(picture, int(rng.integers(75, 96)))
    return Example("", tuple(sheet.digits), tuple(boxes), picture)


def _color(hue: float, luma: float, strength: float) -> Floats:
    """A colour of a luma, as saturated as possible times `strength`."""
    weights = np.array([0.299, 0.587, 0.114])
    color = np.array(colorsys.hsv_to_rgb(hue % 1, 1, 1))
    color -= weights @ color
    room = np.where(color > 0, 0.97 - luma, luma - 0.03) / np.maximum(np.abs(color), 1e-9)
    return luma + strength * room.min() * color


def _whiteboard(rng: np.random.Generator, development: bool) -> Example:
    """Marker on a glossy board with traces of the eraser and the reflection of a lamp."""
    sheet = new_sheet(rng, 45, 120)
    ink = (BLACK, BLUE, RED, GREEN)[rng.integers(4)]
    pen = Pen(rng.uniform(0.08, 0.14), "soft", ink, rng.uniform(0.75, 0.95))
    sheet.chosen = Setting(sheet.chosen.hand, pen, "white", "gradient", "photo")
    for number in range(rng.integers(1, 4)):
        sheet.text(_number(rng, 3, 6), 0, number * 1.7 * sheet.height)
    example = sheet.example()
    shape = example.picture.shape[:2]
    smears = ndimage.gaussian_filter(rng.standard_normal(shape), (3, 25))
    light = 1 - 0.03 * np.clip(smears / smears.std(), 0, 2)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    middle, radii = rng.uniform(0, 1, 2) * shape, rng.uniform(0.1, 0.3, 2) * max(shape)
    distance = np.hypot((rows - middle[0]) / radii[0], (columns - middle[1]) / radii[1])
    glare = rng.uniform(0.3, 0.8) / (1 + np.exp((distance - 1) / rng.uniform(0.05, 0.3)))
    if example.picture.ndim == 3:
        light, glare = light[:, :, None], glare[:, :, None]
    return example._replace(picture=levels(example.picture / 255 * light * (1 - glare) + glare))


def _pencil_on_squares(rng: np.random.Generator, development: bool) -> Example:
    sheet = _page(rng)
    pen = Pen(rng.uniform(0.035, 0.06), "dry", GREY, rng.uniform(0.55, 0.8))
    sheet.chosen = sheet.chosen._replace(pen=pen, paper="squared")
    return sheet.example()


def _coffee(rng: np.random.Generator, development: bool) -> Example:
    """Stains of a cup: a ring, and a paler disc within."""
    example = _page(rng, on_paper=True).example()
    shape = example.picture.shape[:2]
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    light = np.ones((*shape, 3))
    for _ in range(rng.integers(1, 3)):
        radius = rng.uniform(0.25, 0.45) * max(shape)
        middle = rng.uniform(0, 1, 2) * shape
        waves = ndimage.gaussian_filter(rng.standard_normal(shape), 12)
        distance = np.hypot(rows - middle[0], columns - middle[1]) + 60 * waves
        width = rng.uniform(0.01, 0.03) * max(shape)
        ring = np.exp(-(((distance - radius) / width) ** 2))
        inside = 1 / (1 + np.exp((distance - radius) / 2))
        stain = rng.uniform(0.2, 0.45) * ring + rng.uniform(0.03, 0.15) * inside
        light *= 1 - stain[:, :, None] * (0.5, 0.8, 1.2)
    picture = example.picture
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    return example._replace(picture=levels(picture / 255 * light))


def _prices(rng: np.random.Generator, development: bool) -> Example:
    """One to four prices below each other."""
    sheet = new_sheet(rng, 32, 80)
    sign = str(rng.choice([".", ","]))
    for number in range(rng.integers(1, 5)):
        text = f"{_number(rng, 1, 2)}{sign}{_number(rng, 2, 2)}"
        sheet.text(text, 0, number * 1.75 * sheet.height)
    return sheet.example()


def _in_perspective(rng: np.random.Generator, development: bool) -> Example:
    """A page of lines that lies on a table, seen at an angle."""
    sheet = _page(rng, on_paper=True)
    sheet.chosen = sheet.chosen._replace(camera="photo")
    example = sheet.example()
    height, width = example.picture.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    moved = corners + rng.uniform(0, 0.16, (4, 2)) * (width, height) * np.sign(
        (width, height) - 2 * corners
    )
    room = rng.uniform(0.03, 0.15, 4) * np.array([width, height] * 2)
    moved += room[:2] - moved.min(axis=0)
    size = np.ceil(moved.max(axis=0) + room[2:]).astype(int)
    back = _homography(moved, corners)
    paper = Image.fromarray(example.picture).convert("RGB")
    cover = Image.new("L", paper.size, 255)
    paper, cover = (
        np.asarray(
            image.transform(
                tuple(size), Image.Transform.PERSPECTIVE, back.ravel()[:8], Image.Resampling.BICUBIC
            ),
            np.float32,
        )
        / 255
        for image in (paper, cover)
    )
    grain = ndimage.gaussian_filter(rng.standard_normal(cover.shape), (1, 12))
    table = rng.uniform(0.1, 0.35) + rng.uniform(0.005, 0.03) * grain / grain.std()
    wood = table[:, :, None] * (1.2, 1.0, 0.75)
    photo = paper * cover[:, :, None] + wood * (1 - cover[:, :, None])
    photo += rng.uniform(0.003, 0.012) * rng.standard_normal(photo.shape)
    forth = np.linalg.inv(back)
    boxes = tuple(_box_moved(box, forth) for box in example.boxes)
    return example._replace(picture=levels(photo), boxes=boxes)


def _homography(source: Floats, target: Floats) -> Floats:
    """The matrix (3, 3) that maps four points to four points."""
    rows = []
    for (x, y), (u, v) in zip(source, target):
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
    solution = np.linalg.solve(np.array(rows), np.asarray(target).ravel())
    return np.append(solution, 1).reshape(3, 3)


def _box_moved(box: Box, matrix: Floats) -> Box:
    x, y, width, height = box
    corners = [(x, y, 1), (x + width, y, 1), (x + width, y + height, 1), (x, y + height, 1)]
    points = np.array(corners) @ matrix.T
    points = points[:, :2] / points[:, 2:]
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return int(left), int(top), int(right - left), int(bottom - top)


def _printed(names: tuple[str, str]) -> Drawer:
    """A line of two to six printed digits, black on white or as a scan."""

    def draw(rng: np.random.Generator, development: bool) -> Example:
        font = _font(names[development], rng)
        size = float(np.exp(rng.uniform(np.log(32), np.log(110))))
        digits = rng.integers(10, size=rng.integers(2, 7)).tolist()
        ink, boxes, _ = fonts.written_line(digits, fonts.font_writer(font), size, rng)
        above, right, below, before = (size * rng.uniform(0.5, 1.1, 4)).astype(int)
        ink = np.pad(ink, ((above, below), (before, right)))
        boxes = [(x + before, y + above, *extent) for x, y, *extent in boxes]
        return Example("", tuple(digits), tuple(boxes), _scanned(ink, rng))

    return draw


def _font(names: str, rng: np.random.Generator) -> Path:
    files = fonts.files(names)
    return files[rng.integers(len(files))]


def _scanned(ink: Ink, rng: np.random.Generator, paper: float = 0.96, dark: float = 0.1) -> Picture:
    light = paper + (dark - paper) * ink
    if rng.random() < 0.5:
        light = ndimage.gaussian_filter(light, rng.uniform(0.2, 0.8))
        light += rng.uniform(0.002, 0.012) * rng.standard_normal(light.shape)
    return levels(light)


def _receipt(rng: np.random.Generator, development: bool) -> Example:
    """Three to eight printed lines with prices, pale, on a narrow strip of paper."""
    font = _font(PLAIN[development], rng)
    size = rng.uniform(20, 34)
    write = fonts.font_writer(font)
    sheet = Sheet(rng, pens.setting(rng), size)
    for number in range(rng.integers(3, 9)):
        for text, right in (
            (_number(rng, 4, 6), 7.0),
            (f"{_number(rng, 1, 2)}.{_number(rng, 2, 2)}", 13.0),
        ):
            x = right * size
            for character in reversed(text):
                if character == ".":
                    dot = np.ones((max(2, round(0.13 * size)),) * 2, np.float32)
                    x -= 0.32 * size
                    sheet.place(dot, x + 0.09 * size, number * 1.6 * size - len(dot))
                    continue
                ink, foot = write(int(character), size, rng)
                x -= ink.shape[1] + 0.12 * size
                sheet.place(ink, x, number * 1.6 * size - foot - len(ink), int(character))
    ink, boxes = sheet.coverage((size, size, size, size))
    shade = np.linspace(0, np.pi * rng.uniform(1, 3), len(ink))[:, None]
    paper = rng.uniform(0.82, 0.93) + 0.04 * np.sin(shade)
    faded = np.clip(1 + 0.15 * np.sin(np.arange(len(ink)) / rng.uniform(9, 20)), 0, 1)[:, None]
    photo = paper * (1 - rng.uniform(0.55, 0.85) * faded * ink)
    photo = ndimage.gaussian_filter(photo, rng.uniform(0.4, 0.9))
    photo += rng.uniform(0.004, 0.015) * rng.standard_normal(photo.shape)
    return Example("", tuple(sheet.digits), tuple(boxes), levels(photo))


def _sudoku(rng: np.random.Generator, development: bool) -> Example:
    """A printed grid of 9×9 cells with 20 to 32 printed digits and thicker lines around blocks."""
    font = _font(PLAIN[development], rng)
    write, cell = fonts.font_writer(font), int(rng.integers(36, 64))
    margin = int(cell * rng.uniform(0.3, 1.0))
    side = 9 * cell + 2 * margin
    ink = np.zeros((side, side), np.float32)
    thin, thick = int(rng.integers(1, 3)), int(rng.integers(3, 6))
    for number in range(10):
        width = thick if number % 3 == 0 else thin
        at = slice(margin + number * cell - width // 2, margin + number * cell - width // 2 + width)
        ink[at, margin : side - margin] = ink[margin : side - margin, at] = 1
    digits, boxes = [], []
    for place in rng.permutation(81)[: rng.integers(20, 33)]:
        row, column = divmod(int(place), 9)
        digit = int(rng.integers(1, 10))
        own, _ = write(digit, rng.uniform(0.55, 0.65) * cell, rng)
        top = margin + row * cell + (cell - len(own)) // 2
        left = margin + column * cell + (cell - own.shape[1]) // 2
        window = ink[top : top + len(own), left : left + own.shape[1]]
        np.maximum(window, own, out=window)
        digits.append(digit)
        boxes.append(box_of(own, left, top))
    picture = _scanned(ink, rng, rng.uniform(0.8, 0.96))
    return Example("", tuple(digits), tuple(boxes), picture)


def _house_number(rng: np.random.Generator, development: bool) -> Example:
    """Bold digits on a plate, on a plate at a rough wall, or on the wall."""
    font = _font(PLAIN[development], rng)
    size = rng.uniform(50, 130)
    digits = rng.integers(10, size=rng.integers(1, 5)).tolist()
    ink, boxes, _ = fonts.written_line(digits, fonts.font_writer(font), size, rng)
    ink = np.maximum(ink, ndimage.grey_dilation(ink, 1 + int(0.04 * size)))
    margins = (size * rng.uniform(0.25, 0.5, 2)).astype(int)
    wall = (size * rng.uniform(0.2, 0.8, 2)).astype(int)
    up, left = margins + wall
    ink = np.pad(ink, ((up, up), (left, left)))
    boxes = [(x + left, y + up, *extent) for x, y, *extent in boxes]
    grain = ndimage.gaussian_filter(rng.standard_normal(ink.shape), rng.uniform(0.7, 2.5))
    rough = rng.uniform(0.02, 0.06) * (grain / grain.std())[:, :, None]
    colors = rng.uniform(0.35, 0.75) + rng.normal(0, 0.05, 3)
    photo = np.float32(colors) * np.ones((*ink.shape, 1)) + rough
    dark, light = rng.uniform(0.05, 0.25, 3), rng.uniform(0.75, 0.95, 3)
    plate, number = (light, dark) if rng.random() < 0.5 else (dark, light)
    place = rng.choice(["plate", "plate at a wall", "wall"])
    if place == "plate":
        wall[:] = 0
    if place == "wall":
        number = (dark, light)[int(colors.mean() < 0.55)]
    else:
        inside = slice(wall[0], len(ink) - wall[0]), slice(wall[1], ink.shape[1] - wall[1])
        photo[inside] = plate
    photo += ink[:, :, None] * (number - photo)
    photo = ndimage.gaussian_filter(photo, (0.8, 0.8, 0))
    photo += rng.uniform(0.004, 0.02) * rng.standard_normal(photo.shape)
    return Example("", tuple(digits), tuple(boxes), levels(photo))


SCENES: dict[str, Drawer] = {
    "a sharp shadow, 45% darker": _shadow(0.45),
    "a sharp shadow, 60% darker": _shadow(0.60),
    "a sharp shadow, 75% darker": _shadow(0.75),
    "digits of 36 pixels on 3600×2600": _small_digits,
    "a line, and one of 30% of its size": _small_line,
    "a circled digit": _circled_digit,
    "a circled digit among others": _circled_in_line,
    "an underlined number": _underlined,
    "dates with /": _date("/"),
    "dates with .": _date("."),
    "dates with -": _date("-"),
    "times with :": _date(":"),
    "numbers with a decimal comma": _date(","),
    "1 with a long upstroke": _shape(1, _european_one),
    "plain 7": _shape(7, _plain_seven),
    "crossed 7": _shape(7, _crossed_seven),
    "crossed 0": _shape(0, _crossed_zero),
    "plain 0": _shape(0, lambda rng: pens.variant("0", rng)),
    "corrected digits": _corrected,
    "a line turned by 15°": _turned(15),
    "a line turned by 30°": _turned(30),
    "a line turned by 90°": _turned(90),
    "a line in a mirror": _turned(0, mirrored=True),
    "touching pairs of digits": _touching,
    "ink as light as the paper": _same_luma,
    "print with thin strokes": _printed(THIN),
    "plain print": _printed(PLAIN),
    "marker on a whiteboard": _whiteboard,
    "pencil on squared paper": _pencil_on_squares,
    "a page with coffee stains": _coffee,
    "a page in perspective": _in_perspective,
    "prices": _prices,
    "receipts": _receipt,
    "sudoku": _sudoku,
    "house numbers": _house_number,
}
FONTS = {  # those that a kind is printed with
    "print with thin strokes": THIN,
    "plain print": PLAIN,
    "receipts": PLAIN,
    "sudoku": PLAIN,
    "house numbers": PLAIN,
}
