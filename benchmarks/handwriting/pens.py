"""Digits and letters that a script writes with pens of many kinds, as people photograph them.

A glyph consists of pen strokes: smooth curves through points in a box of height 1, with y
downwards. Pictures vary in the form of the digit, the hand (slant, proportion, unsteadiness), the
pen, the paper, the light and the camera.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.interpolate import CubicSpline

from benchmarks.handwriting import Box, Example, Picture, box_of, levels

Points = Sequence[tuple[float, float]]
Glyph = Sequence[Points]

SUPERSAMPLING = 3

# A glyph per line, after its name. Strokes are separated by |; points are x,y in hundredths of the
# height; * marks a corner.
GLYPHS = """\
0 38,0 14,12 2,48 12,88 33,100 56,85 62,46 52,10 36,0
0 30,2 6,20 0,55 12,90 36,100 62,86 72,50 60,12 32,0 20,6
1 5,0 3,50 0,100
1 2,22 14,12 24,0* 24,50 24,100 | 4,100 24,99 45,100
1 0,36 14,20 28,0* 27,50 25,100
2 4,22 18,3 42,3 54,22 42,52 20,80 0,100* 30,98 62,98
2 5,20 22,1 48,8 52,32 34,68 12,95 2,88 14,79 32,90 50,99 66,92
3 4,12 26,0 50,10 48,34 22,47* 50,54 58,76 40,97 15,99 0,86
3 4,2 30,2 54,0* 38,22 24,40* 50,46 60,70 44,95 16,100 0,88
4 10,2 7,28 0,56* 30,55 60,53 | 50,8 46,50 44,100
4 42,0 22,34 0,66* 32,66 64,64 | 42,0 43,50 42,100
5 10,2 8,20 5,44* 30,37 55,52 55,80 32,98 0,92 | 10,2 34,2 60,0
5 8,5 7,24 6,42 22,38 48,50 52,78 30,100 0,94 | 14,3 36,0 56,-2
6 42,0 20,20 4,55 8,88 30,100 52,86 48,62 28,55 8,72
6 32,0 14,30 2,66 10,94 32,99 48,82 42,60 22,58 5,76
7 0,3 30,3 58,0* 40,40 24,100
7 0,3 30,2 60,0* 40,42 22,100 | 14,50 34,49 56,47
8 50,14 28,0 8,14 14,34 36,50 56,72 48,94 28,100 6,90 8,70 30,48 50,30 50,10
8 30,0 10,10 10,34 30,46 50,34 50,10 28,0 | 30,46 5,60 5,88 30,100 56,88 55,60 28,46
9 52,14 30,0 7,14 6,38 26,48 46,36 53,12* 52,50 48,100
9 53,14 32,0 8,14 7,38 28,48 48,34 54,12* 54,55 44,88 22,100 3,90
A 0,100 16,50 32,0* 48,50 66,100 | 12,62 54,60
B 4,0 2,50 0,100 | 4,2 36,4 46,24 32,46 3,49* 44,54 54,76 38,98 0,99
C 58,16 40,0 12,14 0,50 12,88 40,100 60,84
D 4,0 2,50 0,100 | 4,2 40,10 60,48 42,90 0,99
E 52,2 2,0* 0,50 2,100* 56,98 | 0,50 44,48
F 54,2 2,0* 0,50 2,100 | 0,48 42,46
G 58,16 40,0 12,14 0,50 12,88 38,100 60,86 60,56* 36,55
H 3,0 2,50 0,100 | 58,0 58,50 56,100 | 2,52 58,50
I 3,0 2,50 0,100
J 40,0 40,60 34,92 16,100 0,84
K 3,0 2,50 0,100 | 54,2 30,28 3,52* 30,72 58,100
L 3,0 2,50 0,99* 28,100 50,99
M 0,100 6,0* 38,62* 70,0* 76,100
N 0,100 3,50 4,0* 30,52 56,100* 58,50 60,0
O 36,0 10,12 0,50 12,88 38,100 64,86 74,48 62,10 34,0
P 4,0 2,50 0,100 | 4,2 38,2 52,26 36,50 3,53
Q 36,0 10,12 0,50 12,88 38,100 64,86 74,48 62,10 34,0 | 44,72 60,88 78,106
R 4,0 2,50 0,100 | 4,2 34,0 50,20 36,44 3,50* 30,72 56,100
S 50,12 28,0 6,14 10,38 34,52 50,72 40,96 16,100 0,84
T 0,2 30,0 62,2 | 31,0 30,50 30,100
U 2,0 0,60 12,94 32,100 52,92 60,60 60,0
V 0,0 18,50 34,100* 50,50 66,0
W 0,0 18,100* 40,34* 62,100* 82,0
X 2,0 30,50 58,100 | 56,0 28,50 0,100
Y 0,0 16,28 30,50 | 62,0 46,28 30,50* 29,75 28,100
Z 2,2 30,2 60,0* 30,50 0,100* 30,99 62,98
"""
VARIANTS: dict[str, list[str]] = {}
for line in GLYPHS.splitlines():
    VARIANTS.setdefault(line[0], []).append(line[2:])
LETTERS = [name for name in VARIANTS if name.isalpha()]
DISTINCT = "AEHKMRWX"  # letters that do not resemble a digit


class Hand(NamedTuple):
    """How a person writes."""

    slant: float  # shift of the top to the right, as a share of the height
    aspect: float  # width, as a factor
    unsteadiness: float  # scatter of the points of a stroke, as a share of the height


class Pen(NamedTuple):
    """A pen."""

    width: float  # as a share of the glyph's height
    profile: str  # "round", "tapered", "soft" or "dry"
    ink: tuple[float, float, float]  # red, green, blue in [0, 1]
    opacity: float


class Setting(NamedTuple):
    """A hand, a pen, the paper, and how it is photographed."""

    hand: Hand
    pen: Pen
    paper: str
    light: str  # "even", "gradient" or "shadow"
    camera: str  # "clean", "scan" or "photo"


BLUE, BLACK, RED = (0.1, 0.15, 0.55), (0.08, 0.08, 0.1), (0.7, 0.1, 0.12)
GREEN, GREY = (0.1, 0.4, 0.2), (0.25, 0.25, 0.27)
TILT = 0.05  # rotation of a glyph in radians, standard deviation
PENS: list[Any] = [  # range of widths, profiles, inks, range of opacities
    ((0.025, 0.05), ("round", "tapered"), (BLUE, BLACK, RED), (0.75, 0.95)),  # ballpoint
    ((0.03, 0.06), ("round", "dry"), (GREY,), (0.6, 0.85)),  # pencil
    ((0.04, 0.08), ("tapered", "round"), (BLUE, BLACK), (0.85, 1.0)),  # fountain pen
    ((0.06, 0.10), ("round", "soft"), (BLUE, BLACK, RED, GREEN), (0.85, 1.0)),  # felt pen
    ((0.10, 0.15), ("round", "soft"), (BLUE, BLACK, RED, GREEN), (0.9, 1.0)),  # marker
]
CHALKS = ((0.95, 0.95, 0.92), (0.95, 0.9, 0.6))
PAPERS = {
    "white": (0.96, 0.96, 0.95),
    "yellowish": (0.95, 0.89, 0.72),
    "grey": (0.72, 0.72, 0.71),
    "ruled": (0.95, 0.95, 0.94),
    "squared": (0.95, 0.95, 0.93),
    "blackboard": (0.13, 0.17, 0.15),
}
LINES = ((0.1, 0.1, 0.1), (0.25, 0.25, 0.25), (0.5, 0.5, 0.5), (0.3, 0.45, 0.75))
LIGHTS = ("even", "gradient", "shadow")
CAMERAS = ("clean", "scan", "photo")


def setting(rng: np.random.Generator) -> Setting:
    """Draw a setting at random."""
    hand = Hand(
        slant=float(np.clip(rng.normal(0.08, 0.14), -0.25, 0.45)),
        aspect=rng.uniform(0.8, 1.25),
        unsteadiness=rng.uniform(0.006, 0.02),
    )
    paper = str(rng.choice(list(PAPERS)))
    if paper == "blackboard":
        ink = CHALKS[rng.integers(len(CHALKS))]
        width, profile = rng.uniform(0.05, 0.11), str(rng.choice(["dry", "soft"]))
        pen = Pen(width, profile, ink, rng.uniform(0.75, 0.95))
    else:
        widths, profiles, inks, opacities = PENS[rng.integers(len(PENS))]
        profile, ink = str(rng.choice(profiles)), inks[rng.integers(len(inks))]
        pen = Pen(rng.uniform(*widths), profile, ink, rng.uniform(*opacities))
    camera = str(rng.choice(CAMERAS, p=(0.2, 0.3, 0.5)))
    light = str(rng.choice(LIGHTS)) if camera == "photo" else "even"
    return Setting(hand, pen, paper, light, camera)


def glyph_picture(name: str, rng: np.random.Generator) -> Picture:
    """A picture with a digit or one of the `LETTERS`, 60 to 500 pixels per side."""
    return _single(variant(name, rng), setting(rng), rng)[0]


def scribble_picture(rng: np.random.Generator) -> Picture:
    """A picture with a scribble: a tangle, a hatching, or a spiral of many turns."""
    return _single(scribble(rng), setting(rng), rng)[0]


def page_picture(
    lines: Sequence[Sequence[int]], rng: np.random.Generator
) -> tuple[Picture, list[Box]]:
    """A picture with lines of digits, as in a form or a sum, and the box of each digit's ink in
    reading order.
    """
    chosen = setting(rng)
    height = float(np.exp(rng.uniform(np.log(32), np.log(90))))
    gap, drift = rng.uniform(0.2, 0.55) * height, rng.normal(0, 0.012)
    pitch = rng.uniform(1.4, 2.0) * height
    placed: list[tuple[int, int, NDArray[np.float32]]] = []
    for i, line in enumerate(lines):
        x = height * rng.uniform(0.4, 0.8)
        for digit in line:
            size = height * rng.normal(1, 0.06)
            ink = write(variant(digit, rng), size, chosen, rng)
            base = i * pitch + drift * x + rng.normal(0, 0.03) * height
            placed.append((int(base) - ink.shape[0], int(x), ink))
            x += ink.shape[1] + gap * rng.uniform(0.8, 1.4)
    margin = int(height * rng.uniform(0.3, 0.6))
    up = margin - min(top for top, _, _ in placed)
    rows = max(top + ink.shape[0] for top, _, ink in placed) + up + margin
    columns = max(left + ink.shape[1] for _, left, ink in placed) + margin
    coverage = np.zeros((rows, columns), np.float32)
    for top, left, ink in placed:
        window = coverage[top + up : top + up + ink.shape[0], left : left + ink.shape[1]]
        np.maximum(window, ink, out=window)
    return photographed(coverage, height, chosen, rng), [
        box_of(ink, left, top + up) for top, left, ink in placed
    ]


def form_picture(kind: str, rng: np.random.Generator) -> Example:
    """A printed form with a digit in each box: a "row" of five to eight boxes, which touch or not,
    a "grid", or a single "box".

    The lines are darker or lighter than the digits, the form reaches the edge of some pictures, and
    some digits cross the frame a little.
    """
    chosen = setting(rng)
    paper = "blackboard" if chosen.paper == "blackboard" else "white"
    chosen = chosen._replace(paper=paper)
    rows, columns = {
        "row": (1, int(rng.integers(5, 9))),
        "grid": tuple(map(int, rng.integers(2, 6, 2))),
        "box": (1, 1),
    }[kind]
    height = float(np.exp(rng.uniform(np.log(32), np.log(90))))
    across, down = height * rng.uniform(1.0, 1.5), height * rng.uniform(1.25, 1.7)
    gap = across * rng.uniform(0.1, 0.4) if kind == "row" and rng.random() < 0.4 else 0.0
    reaches = rng.random() < 0.25
    margin = 0.0 if reaches else height * rng.uniform(0.2, 0.8)
    tilt = np.radians(rng.normal(0, 0.6))
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    size = np.array([columns * (across + gap) - gap, rows * down]) + 2 * margin
    drop = abs(turn[0, 1]) * size[::-1] + 2

    def place(x: float, y: float) -> NDArray[np.float64]:
        return turn @ (margin + x, margin + y) + np.where(turn[[0, 1], [1, 0]] < 0, drop, 0)

    canvas = Image.new("L", tuple(int(n) * SUPERSAMPLING for n in np.ceil(size + drop)))
    draw = ImageDraw.Draw(canvas)
    width = max(SUPERSAMPLING, round(height * rng.uniform(0.012, 0.06) * SUPERSAMPLING))
    coverage = np.zeros((canvas.height // SUPERSAMPLING, canvas.width // SUPERSAMPLING), np.float32)
    room = np.array(coverage.shape)
    digits, boxes = [], []
    for row in range(rows):
        for column in range(columns):
            x, y = column * (across + gap), row * down
            corners = [
                place(x + a, y + b) for a, b in ((0, 0), (across, 0), (across, down), (0, down))
            ]
            ends = [tuple(SUPERSAMPLING * corner) for corner in (*corners, corners[0])]
            draw.line(ends, fill=255, width=width)
            digit = int(rng.integers(10))
            ink = write(variant(digit, rng), height * rng.normal(1, 0.06), chosen, rng)
            centre = place(x + across / 2, y + down / 2) + rng.normal(0, 0.06, 2) * height
            ink = ink[: room[0], : room[1]]
            corner = (centre[::-1] - np.array(ink.shape) / 2).round().astype(int)
            top, left = np.clip(corner, 0, room - ink.shape).tolist()
            window = coverage[top : top + ink.shape[0], left : left + ink.shape[1]]
            np.maximum(window, ink, out=window)
            digits.append(digit)
            boxes.append(box_of(ink, left, top))
    lines = np.asarray(canvas.reduce(SUPERSAMPLING), np.float32) / 255
    picture = photographed(coverage, height, chosen, rng, rng.uniform(0.5, 1.0) * lines)
    return Example(f"form, {kind}", tuple(digits), tuple(boxes), picture)


def blank_picture(rng: np.random.Generator) -> Picture:
    """A picture of blank paper."""
    shape = (int(rng.integers(80, 400)), int(rng.integers(80, 400)))
    return photographed(np.zeros(shape, np.float32), rng.uniform(40, 120), setting(rng), rng)


def evaluation_set(
    count_per_digit: int, seed: int, pasted: tuple[NDArray[np.uint8], NDArray[Any]]
) -> Iterator[Example]:
    """Pictures on which the accuracy of a reader is measured.

    `count_per_digit` single pictures of each digit; as many digits again in lines of two to eight,
    and in pages of two to four lines; and one pasted picture of each of the `pasted` MNIST images.
    """
    rng = np.random.default_rng(seed)
    for digit in np.repeat(np.arange(10), count_per_digit):
        chosen = setting(rng)
        picture, box = _single(variant(digit, rng), chosen, rng)
        yield Example("single", (int(digit),), (box,), picture)
    for kind, num_lines in (("line", (1, 2)), ("page", (2, 5))):
        remaining = 10 * count_per_digit
        while remaining > 0:
            lengths = rng.integers(2, 9, size=rng.integers(*num_lines))
            lines = [tuple(map(int, rng.integers(10, size=length))) for length in lengths]
            picture, boxes = page_picture(lines, rng)
            yield Example(kind, sum(lines, ()), tuple(boxes), picture)
            remaining -= len(boxes)
    for image, label in zip(*pasted):
        picture, box = _pasted(image, setting(rng), rng)
        yield Example("pasted", (int(label),), (box,), picture)


def variant(name: str | int, rng: np.random.Generator) -> Glyph:
    variants = VARIANTS[str(name)]
    return glyph(variants[rng.integers(len(variants))])


def glyph(text: str) -> Glyph:
    """Strokes of a glyph in units of the height. A corner is a repeated point."""
    strokes = []
    for stroke in text.split(" | "):
        points = []
        for token in stroke.split():
            x, y = token.rstrip("*").split(",")
            points += [(int(x) / 100, int(y) / 100)] * (2 if token.endswith("*") else 1)
        strokes.append(points)
    return strokes


def scribble(rng: np.random.Generator) -> Glyph:
    """A tangle, a hatching, or a spiral of many turns."""
    kind = rng.choice(["tangle", "hatching", "spiral"])
    if kind == "tangle":
        points = rng.uniform((0, 0), (0.9, 1.0), size=(int(rng.integers(12, 25)), 2))
    elif kind == "hatching":
        turns = int(rng.integers(10, 20))
        along, across = np.linspace(0, 1, turns), np.resize((0.0, 1.0), turns)
        points = (
            np.column_stack([across * 0.8, along])
            if rng.random() < 0.5
            else np.column_stack([along, across])
        )
        points = np.repeat(points + rng.normal(0, 0.05, points.shape), 2, axis=0)
    else:
        angles = np.linspace(0, 2 * np.pi * rng.uniform(3, 5), 60) * rng.choice([-1, 1])
        radii = np.linspace(0.05, 0.5, 60)
        points = 0.5 + np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None]
    return [[(float(x), float(y)) for x, y in points]]


def _single(glyph: Glyph, chosen: Setting, rng: np.random.Generator) -> tuple[Picture, Box]:
    """Write one glyph somewhere on blank paper."""
    height = float(np.exp(rng.uniform(np.log(36), np.log(200))))
    ink = write(glyph, height, chosen, rng)
    before, after = (0.2 + rng.uniform(0, 0.9, (2, 2))) * height
    return _on_paper(
        ink, np.round(before).astype(int), np.round(after).astype(int), height, chosen, rng
    )


def _pasted(
    image: NDArray[np.uint8], chosen: Setting, rng: np.random.Generator
) -> tuple[Picture, Box]:
    """Enlarge an MNIST image, and paste it onto paper as ink."""
    side = int(rng.integers(56, 281))
    enlarged = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    ink = (
        np.asarray(enlarged, np.float32)[
            slice(*_extent(image, 1, side)), slice(*_extent(image, 0, side))
        ]
        / 255
    )
    before, after = np.round(rng.uniform(0.3, 1.2, (2, 2)) * side).astype(int)
    return _on_paper(ink, before, after, side * 20 / 28, chosen, rng)


def _extent(image: NDArray[np.uint8], axis: int, side: int) -> tuple[int, int]:
    """First and last row or column of an enlarged image that holds ink."""
    inked = np.flatnonzero(image.max(axis=axis))
    return inked[0] * side // 28, -(-(inked[-1] + 1) * side // 28)


def _on_paper(
    ink: NDArray[np.float32],
    before: NDArray[np.intp],
    after: NDArray[np.intp],
    height: float,
    chosen: Setting,
    rng: np.random.Generator,
) -> tuple[Picture, Box]:
    """Surround ink with blank paper, and photograph it."""
    top, left = map(int, before)
    coverage = np.pad(ink, ((top, int(after[0])), (left, int(after[1]))))
    return photographed(coverage, height, chosen, rng), box_of(ink, left, top)


def write(
    glyph: Glyph, height: float, chosen: Setting, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Coverage with ink in [0, 1] of one glyph, cropped."""
    return draw(
        [height * curve for curve in _written(glyph, chosen.hand, rng)], height, chosen.pen, rng
    )[0]


def draw(
    curves: Sequence[NDArray[np.float64]], height: float, pen: Pen, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Coverage with ink in [0, 1] of curves in pixels, cropped, and its left top corner.

    `height` is the height of the digits that the same pen writes.
    """
    scale = height * SUPERSAMPLING
    radius = max(pen.width * scale / 2, 1.2)
    curves = [SUPERSAMPLING * curve for curve in curves]
    corner = np.min([curve.min(axis=0) for curve in curves], axis=0) - 1.5 * radius - 2
    extent = np.max([curve.max(axis=0) for curve in curves], axis=0) - corner + 1.5 * radius + 2
    columns, rows = (int(n) for n in np.ceil(extent / SUPERSAMPLING) * SUPERSAMPLING)
    canvas = Image.new("L", (columns, rows))
    brush = ImageDraw.Draw(canvas)
    for curve in curves:
        curve = _resampled(curve - corner, radius / 3)
        for (x, y), r in zip(curve, radius * _pressure(len(curve), pen.profile, rng)):
            brush.ellipse((x - r, y - r, x + r, y + r), fill=255)
    ink = np.asarray(canvas.reduce(SUPERSAMPLING), np.float32) / 255
    if pen.profile == "soft":
        ink = ndimage.gaussian_filter(np.pad(ink, 3), 0.2 * pen.width * height)
        corner = corner - 3 * SUPERSAMPLING
    if pen.profile == "dry":
        grain = ndimage.gaussian_filter(rng.standard_normal(ink.shape), 0.7)
        ink = ink * np.clip(0.85 + 0.5 * grain / grain.std(), 0.25, 1)
    return ink.astype(np.float32), corner / SUPERSAMPLING


def _written(glyph: Glyph, hand: Hand, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Curves of a glyph as a hand writes it, (n, 2) each, in units of the height."""
    moved = {point: rng.normal(0, hand.unsteadiness, 2) for stroke in glyph for point in stroke}
    amplitude, phase = rng.normal(0, 0.02, (2, 2)), rng.uniform(0, 2 * np.pi, (2, 2))
    tilt, stretch = rng.normal(0, TILT), hand.aspect * rng.normal(1, 0.05)
    curves = []
    for stroke in glyph:
        offset = rng.normal(0, hand.unsteadiness, 2)  # of the whole stroke
        points = np.array([np.add(point, moved[point]) + offset for point in stroke])
        curve = _smooth(points, stroke)
        waves = amplitude[:, None] * np.sin(2 * np.pi * curve[None] * 0.9 + phase[:, None])
        x, y = (curve + waves.sum(axis=0)[:, ::-1]).T
        x = stretch * x + hand.slant * (1 - y)
        curves.append(
            np.column_stack(
                [np.cos(tilt) * x - np.sin(tilt) * y, np.sin(tilt) * x + np.cos(tilt) * y]
            )
        )
    return curves


def _smooth(points: NDArray[np.float64], stroke: Points) -> NDArray[np.float64]:
    """Splines through points, from corner to corner."""
    corners = [i for i in range(1, len(stroke)) if stroke[i] == stroke[i - 1]]
    parts = []
    for part in np.split(points, corners):
        if len(part) == 1:
            continue
        t = np.concatenate([[0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(part, axis=0), axis=1)))])
        parts.append(CubicSpline(t, part, bc_type="natural")(np.linspace(0, t[-1], 12 * len(part))))
    return np.concatenate(parts)


def _resampled(curve: NDArray[np.float64], spacing: float) -> NDArray[np.float64]:
    """The same curve in equal steps."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    at = np.linspace(0, length[-1], int(length[-1] / spacing) + 2)
    return np.column_stack([np.interp(at, length, curve[:, axis]) for axis in range(2)])


def _pressure(count: int, profile: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Width along a stroke, as a factor: unsteady by a tenth, and thinner towards the ends if
    tapered.
    """
    along = np.linspace(0, 1, count)
    factor = np.interp(along, np.linspace(0, 1, 5), rng.normal(1, 0.08, 5))
    if profile == "tapered":
        factor *= 0.45 + 0.6 * np.minimum(1, 4 * np.minimum(along + 0.1, 1 - along))
    return factor


def photographed(
    ink: NDArray[np.float32],
    height: float,
    chosen: Setting,
    rng: np.random.Generator,
    printed: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """Put ink on paper into light, and take its picture; `printed` is the coverage with lines."""
    pen = chosen.pen
    paper = _paper(ink.shape, height, chosen.paper, rng)
    if printed is not None:
        line = np.float32(LINES[rng.integers(len(LINES))])
        line = 1 - line if chosen.paper == "blackboard" else line
        paper = paper + printed[:, :, None] * (line - paper)
    cover = (pen.opacity * ink)[:, :, None]
    picture = (paper * (1 - cover) + np.float32(pen.ink) * cover) * _light(
        ink.shape, chosen.light, rng
    )[:, :, None]
    if chosen.camera == "clean":
        pixels = levels(picture)
    else:
        photo = chosen.camera == "photo"
        blur = rng.uniform(0.4, 0.02 * height) if photo else rng.uniform(0.2, 0.6)
        noise = rng.uniform(0.005, 0.035) if photo else rng.uniform(0.002, 0.012)
        picture = ndimage.gaussian_filter(picture, (blur, blur, 0)) * (
            rng.uniform(0.7, 1.0) if photo else 1
        )
        picture += noise * rng.standard_normal(picture.shape, np.float32)
        pixels = compressed(
            levels(picture), int(rng.integers(35, 96) if photo else rng.integers(75, 96))
        )
    return np.asarray(Image.fromarray(pixels).convert("L")) if rng.random() < 0.3 else pixels


def _paper(
    shape: tuple[int, int], height: float, paper: str, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Colour of the paper, with its printed lines, (rows, columns, 3)."""
    colour = np.float32(PAPERS[paper]) * np.float32(rng.uniform(0.94, 1.03))
    sheet = np.broadcast_to(colour, (*shape, 3)).copy()
    if paper not in ("ruled", "squared"):
        return sheet
    period = height * (rng.uniform(1.1, 1.7) if paper == "ruled" else rng.uniform(0.55, 1.1))
    line = np.float32(rng.choice([(0.72, 0.8, 0.9), (0.75, 0.75, 0.76), (0.8, 0.74, 0.82)]))
    width, softness = max(1.0, 0.012 * height), 0.6
    turn = np.radians(rng.normal(0, 1.0))
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None]
    across = (
        np.cos(turn) * rows + np.sin(turn) * columns,
        np.cos(turn) * columns - np.sin(turn) * rows,
    )
    for position in across if paper == "squared" else across[:1]:
        distance = np.abs((position + rng.uniform(0, period)) % period - period / 2)
        weight = np.clip((width / 2 + softness - distance) / softness, 0, 1).astype(np.float32)[
            :, :, None
        ]
        sheet = sheet * (1 - weight) + line * weight
    return sheet


def _light(shape: tuple[int, int], light: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """Brightness over the picture: even, falling off to a side, or with the soft shadow of a
    hand.
    """
    rows, columns = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])[None]
    angle = rng.uniform(0, 2 * np.pi)
    across = (np.cos(angle) * columns + np.sin(angle) * rows) / np.sqrt(2)
    if light == "gradient":
        return np.float32(1 - rng.uniform(0.15, 0.45) * (across + 1) / 2)
    if light == "shadow":
        edge = (
            across
            + 0.15 * np.sin(3 * (np.cos(angle) * rows - np.sin(angle) * columns))
            - rng.uniform(-0.4, 0.4)
        )
        return np.float32(1 - rng.uniform(0.2, 0.45) / (1 + np.exp(-edge / rng.uniform(0.05, 0.2))))
    return np.ones(shape, np.float32)


def compressed(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))
