"""Draw a contact sheet: pictures with their digits, and the answer of each model.

Pillow loads within milliseconds. Matplotlib is too slow for a command that answers at once.
"""

import functools
from collections.abc import Sequence
from textwrap import wrap
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.handwriting.recognizer import (
    NUM_COMPONENTS,
    Neighbor,
    Reading,
    Recognition,
    Recognizer,
    headline,
)
from mnist_pipeline.methods.knn.method import NUM_NEIGHBORS_SHOWN
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.utils.printable import count, printable

MAX_PICTURES = 20  # on a sheet; further pictures are counted
MAX_DIGITS = 120  # on a sheet, divided equally among its pictures; further digits are counted

# The light palette of the report.
INK = "#24292f"
SOFT = "#57606a"
PAPER = "#ffffff"
CARD = "#f6f8fa"
LINE = "#d0d7de"
ACCENT = "#0a58ca"
WARNING = "#d1242f"
WARNING_CARD = "#ffebe9"

# Lengths in pixels.
MARGIN = 24
GAP = 16
PICTURE_WIDTH = 360  # at most
PICTURE_HEIGHT = 220  # at most
SCALE = 2  # of a 28×28 image
SIDE = SCALE * IMAGE_SIDE
ROW = SIDE + 24
HEAD = 44
TITLE = 34
TITLE_LENGTH = 90  # characters
SMALL, NORMAL, LARGE = 12, 14, 40  # font sizes

# Left edges of the columns of a digit's row.
ROWS = MARGIN + PICTURE_WIDTH + GAP
NUMBER = ROWS + 10
SEEN = ROWS + 40
ANSWER = SEEN + SIDE + 20
OTHERS = ANSWER + 112
NEIGHBORS = OTHERS + 120
NEIGHBOR_STEP = SIDE + 8
REBUILT = NEIGHBORS + NUM_NEIGHBORS_SHOWN * NEIGHBOR_STEP + 12
DOUBT = REBUILT + SIDE + 20
DOUBT_LENGTH = 18  # characters of a line
WIDTH = DOUBT + 130 + MARGIN
CAPTIONS = {
    SEEN: "the {noun} as\nthe models see it",
    OTHERS: "the other\nmodels",
    NEIGHBORS: "the nearest\ntraining {noun}s",
    REBUILT: f"from {NUM_COMPONENTS}\ncomponents",
}


class Entry(NamedTuple):
    """A picture with the digits that were read in it."""

    title: str  # any text; it is drawn in one line
    picture: np.ndarray  # (rows, columns), upright and grey, as `pictures.read` returns it
    readings: Sequence[Reading]  # as `Recognizer.read` returns them
    # Of the picture to which the boxes belong, if `picture` is a copy of another size.
    width: int | None = None

    def fitted(self) -> "Entry":
        """The same entry with the picture in its size on the sheet, not blurred if enlarged."""
        height, width = self.picture.shape
        scale = min(PICTURE_HEIGHT / height, PICTURE_WIDTH / width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
        resized = Image.fromarray(_levels(self.picture)).resize(size, method, reducing_gap=2.0)
        return self._replace(picture=np.asarray(resized), width=self.width or width)


def draw(entries: Sequence[Entry], recognizer: Recognizer, font: str | None = None) -> Image.Image:
    """Draw pictures with numbered digits, and one row per digit.

    `font` is the path of a font for texts that are not ASCII; without one, they are escaped.

    The sheet shows at most `MAX_PICTURES` pictures and `MAX_DIGITS` digits in all, and counts the
    others. The images of the nearest training digits come from the recognizer.
    """
    shown = [entry.fitted() for entry in entries[:MAX_PICTURES]]
    num_rows = [min(len(entry.readings), MAX_DIGITS // len(shown)) for entry in shown]
    heights = [_height(entry, rows) for entry, rows in zip(shown, num_rows)]
    bottom = HEAD + sum(heights)
    sheet = _Sheet(bottom + TITLE, recognizer, font)
    top = HEAD
    for entry, rows, height in zip(shown, num_rows, heights):
        sheet.draw_entry(top, entry, rows)
        top += height
    left_out = len(entries) - len(shown)
    if left_out:
        sheet.text((MARGIN, bottom + 8), f"and {count(left_out, 'more picture')}", SOFT)
    return sheet.image


def cut(text: str, length: int = 18) -> str:
    """A text in one line of at most `length` characters; all but ASCII is escaped for the font."""
    return shortened(text.encode("ascii", "backslashreplace").decode(), length)


def shortened(text: str, length: int = 18) -> str:
    """A text in one printable line of at most `length` characters."""
    line = printable(text)
    return line if len(line) <= length else f"{line[: length - 1]}…"


def percent(share: float) -> str:
    """A share in percent with one decimal, never rounded up to certainty."""
    return ">99.9%" if share >= 0.9995 else f"{share:.1%}"


class _Sheet:
    def __init__(self, height: int, recognizer: Recognizer, font: str | None) -> None:
        self.font_path = font
        self.image = Image.new("RGB", (WIDTH, height), PAPER)
        self.pen = ImageDraw.Draw(self.image)
        self.recognizer = recognizer
        self.known = recognizer.known
        for x, caption in CAPTIONS.items():
            text = caption.format(noun=self.known.noun)
            self.pen.multiline_text((x, 10), text, SOFT, _font(SMALL), spacing=2)

    def text(
        self, place: tuple[int, int], text: str, color: str, size: int = NORMAL, anchor: str = "la"
    ) -> None:
        self.pen.text(place, text, color, self.font(size, text), anchor=anchor)

    def font(self, size: int, text: str) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return _font(size, None if text.isascii() else self.font_path)

    def cut(self, text: str, length: int = 18) -> str:
        return shortened(text, length) if self.font_path else cut(text, length)

    def paste(self, image: np.ndarray, place: tuple[int, int]) -> None:
        """Paste a 28×28 image with black ink, enlarged without interpolation."""
        levels = 255 - _levels(image)
        self.image.paste(Image.fromarray(levels.repeat(SCALE, axis=0).repeat(SCALE, axis=1)), place)

    def draw_entry(self, top: int, entry: Entry, num_rows: int) -> None:
        """Draw a picture with boxes around its digits, and rows for the first digits."""
        height, width = entry.picture.shape
        title = self.cut(entry.title, TITLE_LENGTH)
        answer = self.cut(headline(entry.readings, self.known), 60)
        self.pen.line((MARGIN, top, WIDTH - MARGIN, top), LINE)
        self.text((MARGIN, top + 9), title, INK)
        self.text((WIDTH - MARGIN, top + 9), answer, INK, anchor="ra")
        top += TITLE
        self.image.paste(Image.fromarray(entry.picture), (MARGIN, top))
        self.pen.rectangle((MARGIN - 1, top - 1, MARGIN + width, top + height), outline=LINE)
        self.draw_boxes(top, width / (entry.width or width), entry.readings)
        for number, reading in enumerate(entry.readings[:num_rows], 1):
            self.draw_row(top, number, reading)
            top += ROW
        left_out = len(entry.readings) - num_rows
        if left_out:
            self.text((NUMBER, top + 8), f"and {count(left_out, f'more {self.known.noun}')}", SOFT)
        elif not num_rows:
            self.text((NUMBER, top + 8), f"no {self.known.noun} was found", SOFT)

    def draw_boxes(self, top: int, scale: float, readings: Sequence[Reading]) -> None:
        """Draw the box of each digit, with its number on a background that keeps it legible."""
        for number, reading in enumerate(readings, 1):
            x, y, width, height = (round(scale * side) for side in reading.box)
            color = _color(reading.recognition)
            left = MARGIN + x
            upper = top + y
            self.pen.rectangle((left, upper, left + width, upper + height), outline=color)
            upper = max(top, upper - SMALL)
            right = left + 3 + round(_font(SMALL).getlength(str(number)))
            self.pen.rectangle((left, upper, right, upper + SMALL), fill=color)
            self.text((left + 2, upper + SMALL // 2), str(number), PAPER, SMALL, "lm")

    def draw_row(self, top: int, number: int, reading: Reading) -> None:
        """Draw a digit: image, answers, nearest training digits, reconstruction, and doubt."""
        answer = reading.recognition
        card = CARD
        color = SOFT if answer.is_doubtful else INK
        model = MODELS[answer.champion].short_title
        if not answer.looks_like_digit:
            card = WARNING_CARD
            color = WARNING
            model = f"{model}: {answer.name}"
        self.pen.rounded_rectangle((ROWS, top, WIDTH - MARGIN, top + ROW - 8), 6, card)
        inner = top + 8
        middle = inner + SIDE // 2
        self.text((NUMBER, middle), str(number), _color(answer), anchor="lm")
        self.paste(reading.image, (SEEN, inner))
        size = LARGE if len(answer.text) == 1 else NORMAL
        self.text((ANSWER, inner + 12), self.cut(answer.text, 13), color, size, "lm")
        self.text((ANSWER, inner + 38), self.cut(model), SOFT, SMALL, "lm")
        self.text((ANSWER, inner + 54), percent(answer.probability), INK, anchor="lm")
        self.draw_others(inner, answer)
        for i, neighbor in enumerate(answer.neighbors):
            self.draw_neighbor((NEIGHBORS + i * NEIGHBOR_STEP, inner), neighbor, answer.digit)
        self.paste(answer.reconstruction, (REBUILT, inner))
        if answer.is_doubtful:
            doubt = "\n".join(wrap(self.cut(answer.headline(self.known.noun), 60), DOUBT_LENGTH))
            self.pen.multiline_text(
                (DOUBT, middle), doubt, WARNING, self.font(NORMAL, doubt), "lm", spacing=2
            )

    def draw_others(self, top: int, answer: Recognition) -> None:
        """Draw one line per other model, in red if its digit differs from the answer."""
        others = [model for model in answer.digits if model != answer.champion]
        for i, model in enumerate(others):
            y = top + SIDE * (2 * i + 1) // (2 * len(others))
            self.text((OTHERS, y), MODELS[model].short_title, SOFT, SMALL, "lm")
            digit = answer.digits[model]
            line = self.cut(self.known.class_names[digit], 10)
            if len(line) == 1:
                line += f"   {percent(float(answer.probabilities[model][digit]))}"
            color = INK if digit == answer.digit else WARNING
            self.text((OTHERS + 54, y), line, color, SMALL, "lm")

    def draw_neighbor(self, place: tuple[int, int], neighbor: Neighbor, digit: int) -> None:
        """Draw a training digit and its label, in red if the label differs from the answer."""
        self.paste(self.recognizer.training_image(neighbor.index), place)
        x, y = place[0] + SIDE, place[1] + SIDE
        label = self.cut(self.known.class_names[neighbor.digit], 7)
        width = max(13, round(self.font(SMALL, label).getlength(label)) + 4)
        color = INK if neighbor.digit == digit else WARNING
        self.pen.rectangle((x - width, y - 15, x, y), fill=PAPER)
        self.text((x - width // 2, y - 7), label, color, SMALL, "mm")


def _color(answer: Recognition) -> str:
    return ACCENT if answer.looks_like_digit else WARNING


def _height(entry: Entry, num_rows: int) -> int:
    rows = num_rows * ROW
    if num_rows < len(entry.readings) or not num_rows:
        rows += TITLE  # a remark
    return TITLE + max(len(entry.picture), rows) + GAP


def _levels(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else np.clip(np.rint(image), 0, 255).astype(np.uint8)


@functools.cache
def _font(size: int, path: str | None = None) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
