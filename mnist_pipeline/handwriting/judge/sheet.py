"""A sheet of paper with ink and the truth about its digits, and what can be written on it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mnist_pipeline.data.drawn_digits import SHAPES
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.handwriting.judge.classes import OTHER
from mnist_pipeline.handwriting.judge.glyphs import LETTERS, SIGNS

Floats = NDArray[np.floating]
Generator = np.random.Generator

FINE = 3  # strokes are drawn this many times as large, and then reduced
CORNER = 4  # points per point of a stroke, before it is smoothed
FONTS = (
    *("DejaVuSans*.ttf", "DejaVuSerif*.ttf", "STIXGeneral*.ttf"),
    *("cm[br]10.ttf", "cm[st][sti]10.ttf"),
)
# The lit segments of each digit of a display: top, upper left, upper right, middle, lower left,
# lower right, bottom.
SEGMENTS = (
    *("1110111", "0010010", "1011101", "1011011", "0111010"),
    *("1101011", "1101111", "1010010", "1111111", "1111011"),
)


PLAIN_ONE = [np.array([[0, 0], [0, 0.5], [0, 1]])]  # the project's strokes of a 1 have a hook
# Alone, these letters and signs look like a digit.
LIKE_DIGITS = ("O", "S", "Z", "b", "g", "s", "z", "slash", "backslash", "circle", "open", "close")


class Digit(NamedTuple):
    """Where a digit stands."""

    label: int
    box: tuple[float, float, float, float]  # x, y, width, height of its ink


class Sheet:
    """Paper that is written on: how much ink each pixel has, and the digits."""

    def __init__(self, width: int, height: int, digits: DigitSet, generator: Generator) -> None:
        self.ink: Floats = np.zeros((height, width), np.float32)
        self.printed: Floats = np.zeros((height, width), np.float32)  # ruling, of another strength
        self.digits: list[Digit] = []
        self.on_screen = False  # drawn on a screen instead of written on paper
        self.examples = digits
        self.random = generator
        # Width of strokes, as a share of the height.
        self.pen = float(np.exp(generator.uniform(np.log(0.03), np.log(0.28))))
        self.slant = generator.normal(0, 0.12)
        # Of handwritten digits: training digits, strokes of this project, or segments of a display.
        self.source = generator.choice(["mnist", "strokes", "segments"], p=[0.56, 0.4, 0.04])
        self.font = str(generator.choice(fonts()))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        rows, columns = self.ink.shape
        return rows, columns

    def put(self, ink: Floats, x: float, y: float, label: int = OTHER, strength: float = 1) -> None:
        """Write ink with its upper left corner at x, y; a digit that is cut off is none."""
        rows, columns = self.shape
        left, top = round(x), round(y)
        height, width = ink.shape
        right, bottom = min(columns, left + width), min(rows, top + height)
        first_x, first_y = max(0, left), max(0, top)
        if right <= first_x or bottom <= first_y:
            return
        part = ink[first_y - top : bottom - top, first_x - left : right - left]
        area = self.ink[first_y:bottom, first_x:right]
        np.maximum(area, strength * part, out=area)
        if label != OTHER and (left, top) == (first_x, first_y) and part.shape == ink.shape:
            y_ink, x_ink = np.nonzero(ink > 0.4)
            if len(y_ink):
                box = (
                    float(left + x_ink.min()),
                    float(top + y_ink.min()),
                    float(np.ptp(x_ink) + 1),
                    float(np.ptp(y_ink) + 1),
                )
                self.digits.append(Digit(label, box))


def cropped(sheet: Sheet) -> Sheet:
    """The part of a sheet around its digits, with little paper around it."""
    random = sheet.random
    rows, columns = sheet.shape
    boxes = np.array([digit.box for digit in sheet.digits])
    margin = random.uniform(0.02, 0.3) * boxes[:, 3].max() + 2
    left, top = np.maximum(boxes[:, :2].min(axis=0) - margin, 0).astype(int)
    right, bottom = np.minimum((boxes[:, :2] + boxes[:, 2:]).max(axis=0) + margin, [columns, rows])
    part = Sheet(int(right) - left, int(bottom) - top, sheet.examples, random)
    part.ink = sheet.ink[top : int(bottom), left : int(right)]
    part.printed = sheet.printed[top : int(bottom), left : int(right)]
    part.on_screen = sheet.on_screen
    part.digits = [
        digit._replace(box=(digit.box[0] - left, digit.box[1] - top, *digit.box[2:]))
        for digit in sheet.digits
    ]
    return part


@cache
def fonts() -> list[str]:
    """The files of the fonts that come with Matplotlib."""
    import matplotlib

    directory = Path(matplotlib.get_data_path(), "fonts", "ttf")
    found = sorted(path for pattern in FONTS for path in directory.glob(pattern))
    return [str(path) for path in found if "Display" not in path.name]


@cache
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@cache
def _shapes(table: str) -> list[tuple[str, list[NDArray[np.float64]]]]:
    """Names and strokes of a table of shapes; points (n, 2) in heights."""
    shapes = []
    for line in table.splitlines():
        name, rest = line.split(" ", 1)
        strokes = [
            np.array([point.split(",") for point in stroke.split()], float) / 100
            for stroke in rest.split(" | ")
        ]
        shapes.append((name, strokes))
    return shapes


def draw_strokes(
    strokes: Sequence[NDArray[np.float64]],
    height: float,
    pen: float,
    slant: float,
    random: Generator,
) -> Floats:
    """Draw strokes with an unsteady hand; `height` in pixels, `pen` as a share of it."""
    curves = []
    wobble = random.uniform(0.01, 0.04)
    aspect = random.uniform(0.75, 1.25)
    for stroke in strokes:
        points = stroke + random.normal(0, wobble, stroke.shape)
        curve = np.repeat(points, CORNER, axis=0)
        curve = scipy.ndimage.gaussian_filter1d(curve, CORNER / 2, axis=0, mode="nearest")
        curve = curve * [aspect, 1]
        curve[:, 0] -= slant * curve[:, 1]
        curves.append(curve)
    scale = FINE * height
    width = max(1, round(pen * scale))
    everything = np.concatenate(curves)
    least = everything.min(axis=0)
    size = (np.ptp(everything, axis=0) * scale + width + 2 * FINE).astype(int) + 1
    image = Image.new("L", (int(size[0]), int(size[1])))
    pencil = ImageDraw.Draw(image)
    for curve in curves:
        path = [tuple(point) for point in (curve - least) * scale + width / 2 + FINE]
        pencil.line(path, 255, width, "curve")
        for x, y in (path[0], path[-1]):
            pencil.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), 255)
    return np.asarray(image.reduce(FINE), np.float32) / 255


def draw_print(text: str, height: float, font: str) -> Floats:
    """Printed letters, about `height` pixels high."""
    face = _font(font, max(4, round(1.35 * height)))
    left, top, right, bottom = face.getbbox(text)
    width, rows = int(right - left + 2), int(bottom - top + 2)
    if width <= 2 or rows <= 2:
        return np.zeros((1, 1), np.float32)
    image = Image.new("L", (width, rows))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, 255, face)
    return np.asarray(image, np.float32) / 255


def draw_segments(label: int, height: float, pen: float, slant: float) -> Floats:
    """A digit of a seven-segment display."""
    scale = FINE * height
    width = max(0.06, pen) * scale
    gap = 0.15 * width
    across, half = 0.55 * scale, (scale - width) / 2
    image = Image.new("L", (int(across + 2 * width + abs(slant) * scale) + 2, int(scale) + 2))
    pencil = ImageDraw.Draw(image)
    corners = [(0, 0), (0, 0), (1, 0), (0, 1), (0, 1), (1, 1), (0, 2)]
    for index, (column, row) in enumerate(corners):
        if SEGMENTS[label][index] == "0":
            continue
        x, y = width / 2 + column * across, width / 2 + row * half
        is_level = index in (0, 3, 6)
        end = (x + across - gap, y) if is_level else (x, y + half - gap)
        start = (x + gap, y) if is_level else (x, y + gap)
        path = [(a + max(0, slant) * scale - slant * b, b) for a, b in (start, end)]
        pencil.line(path, 255, max(1, round(width)))
    return np.asarray(image.reduce(FINE), np.float32) / 255


def _example(sheet: Sheet, label: int, height: float, thickness: float) -> Floats:
    """A training digit, enlarged, with sharp edges."""
    of_label = np.flatnonzero(sheet.examples.labels == label)
    image = np.asarray(sheet.examples.images[sheet.random.choice(of_label)], np.uint8)
    rows, columns = np.nonzero(image > 64)
    part = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = height / part.shape[0]
    size = (max(2, round(part.shape[1] * scale)), max(2, round(height)))
    padded = Image.fromarray(np.pad(part, 2))
    margin = round(2 * scale)
    large = padded.resize((size[0] + 2 * margin, size[1] + 2 * margin), Image.Resampling.BICUBIC)
    levels = np.asarray(large, np.float32) / 255
    return np.clip((levels - thickness) * max(2.0, scale / 2) + 0.5, 0, 1)


def handwritten(sheet: Sheet, label: int, height: float) -> Floats:
    """A handwritten digit, `height` pixels high."""
    random = sheet.random
    if sheet.source == "segments":
        return draw_segments(label, height, sheet.pen, sheet.slant)
    if sheet.source == "mnist":
        return _example(sheet, label, height, random.uniform(0.3, 0.6))
    shapes = [strokes for name, strokes in _shapes(SHAPES) if name == str(label)]
    strokes = shapes[random.integers(len(shapes))]
    if label == 1 and random.random() < 0.5:
        strokes = PLAIN_ONE
    return draw_strokes(strokes, height * (1 - sheet.pen), sheet.pen, sheet.slant, random)


def digit_of(sheet: Sheet, label: int, height: float, printed: bool = False) -> Floats:
    """A digit by hand or in print."""
    if printed:
        return draw_print(str(label), height, sheet.font)
    return handwritten(sheet, label, height)


def letter(sheet: Sheet, height: float, alone: bool = False) -> Floats:
    """A handwritten letter; `alone`: none that looks like a digit."""
    return _one_of(_shapes(LETTERS), sheet, height, alone)


def sign(sheet: Sheet, height: float, names: Sequence[str] = (), alone: bool = False) -> Floats:
    """A sign by hand: one of some names, or any; `alone`: none that looks like a digit."""
    signs = [(name, strokes) for name, strokes in _shapes(SIGNS) if not names or name in names]
    return _one_of(signs, sheet, height, alone)


def scribble(sheet: Sheet, height: float) -> Floats:
    """A random curve, or some straight strokes across each other."""
    random = sheet.random
    if random.random() < 0.6:
        lines = [random.random((int(random.integers(3, 13)), 2)) * [random.uniform(0.6, 2), 1]]
    else:
        lines = [random.random((2, 2)) for _ in range(int(random.integers(2, 7)))]
    return draw_strokes(lines, height, sheet.pen, 0, random)


def _one_of(
    shapes: Sequence[tuple[str, list[NDArray[np.float64]]]],
    sheet: Sheet,
    height: float,
    alone: bool,
) -> Floats:
    shapes = [shape for shape in shapes if not (alone and shape[0] in LIKE_DIGITS)]
    _, strokes = shapes[sheet.random.integers(len(shapes))]
    return draw_strokes(strokes, height, sheet.pen, sheet.slant, sheet.random)


def some_label(random: Generator) -> int:
    """A digit, 1 as often as three others, since it is the one that most other ink resembles."""
    return int(random.choice(10, p=np.array([1, 3, 1, 1, 1, 1, 1, 1, 1, 1]) / 12))
