"""Draw a contact sheet: pictures with the digits found in them, and what each model reads.

Pillow loads within milliseconds. Matplotlib is too slow for a command that answers at once.
"""

import functools
import io
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
from mnist_pipeline.models import MODELS
from mnist_pipeline.utils.printable import count as count_of
from mnist_pipeline.utils.printable import printable

MAX_PICTURES = 20  # on a sheet; further pictures are counted
MAX_DIGITS = 120  # on a sheet, divided equally among its pictures; further digits are counted

# The light palette of the report.
INK, SOFT, PAPER, CARD, LINE, ACCENT = (
    "#24292f",
    "#57606a",
    "#ffffff",
    "#f6f8fa",
    "#d0d7de",
    "#0a58ca",
)
WARNING, WARNING_CARD = "#d1242f", "#ffebe9"

# Lengths in pixels.
MARGIN = 24
GAP = 16
PICTURE_WIDTH, PICTURE_HEIGHT = 360, 220  # the maximum
SCALE = 2  # of a 28×28 image
SIDE = SCALE * IMAGE_SIDE
ROW = SIDE + 24
HEAD = 44
TITLE = 34
TITLE_LENGTH = 90  # characters
SMALL, NORMAL, LARGE = 12, 14, 40  # font sizes
COMPRESSION = 3  # of the PNG

# Left edges of the columns of a digit's row.
ROWS = MARGIN + PICTURE_WIDTH + GAP
NUMBER = ROWS + 10
SEEN = ROWS + 40
ANSWER = SEEN + SIDE + 20
OTHERS = ANSWER + 112
NEAR = OTHERS + 120
NEAR_STEP = SIDE + 8
REBUILT = NEAR + 3 * NEAR_STEP + 12
DOUBT = REBUILT + SIDE + 20
DOUBT_LENGTH = 18  # characters of a line
WIDTH = DOUBT + 130 + MARGIN
CAPTIONS = {
    SEEN: "the {noun} as\nthe models see it",
    OTHERS: "the other\nmodels",
    NEAR: "the nearest\ntraining {noun}s",
    REBUILT: f"from {NUM_COMPONENTS}\ncomponents",
}


class Page(NamedTuple):
    """A picture with the digits that were read in it."""

    title: str  # any text; it is drawn in one line
    picture: np.ndarray  # (rows, columns), upright and grey, as `pictures.read` returns it
    readings: Sequence[Reading]  # as `Recognizer.read` returns them
    width: int | None = (
        None  # of the picture to which the boxes belong, if `picture` is a copy of another size
    )

    def fitted(self) -> "Page":
        """The same page with the picture in the size in which it is drawn; a small picture is not
        blurred.
        """
        height, width = self.picture.shape
        scale = min(PICTURE_HEIGHT / height, PICTURE_WIDTH / width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
        resized = Image.fromarray(_levels(self.picture)).resize(size, method, reducing_gap=2.0)
        return self._replace(picture=np.asarray(resized), width=self.width or width)


def draw(pages: Sequence[Page], recognizer: Recognizer) -> bytes:
    """Draw pictures with numbered digits, and one row per digit, as PNG.

    The sheet shows at most `MAX_PICTURES` pictures and `MAX_DIGITS` digits in all, and counts what
    is left out. The images of the nearest training digits come from the recognizer.
    """
    shown = [page.fitted() for page in pages[:MAX_PICTURES]]
    counts = [min(len(page.readings), MAX_DIGITS // len(shown)) for page in shown]
    tops = HEAD + np.cumsum([0, *map(_height, shown, counts)])
    sheet = _Sheet(int(tops[-1]) + TITLE, recognizer)
    for top, page, count in zip(map(int, tops), shown, counts):
        sheet.draw_page(top, page, count)
    if left_out := len(pages) - len(shown):
        sheet.text((MARGIN, int(tops[-1]) + 8), f"and {count_of(left_out, 'more picture')}", SOFT)
    buffer = io.BytesIO()
    sheet.image.save(buffer, "png", compress_level=COMPRESSION)
    return buffer.getvalue()


def cut(text: str, length: int = 18) -> str:
    """A text as one line of ASCII, which the font has, of at most so many characters; other
    characters are escaped.
    """
    line = printable(text.encode("ascii", "backslashreplace").decode())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def percent(share: float) -> str:
    """A share in percent with one decimal, never rounded up to certainty."""
    return ">99.9%" if share >= 0.9995 else f"{share:.1%}"


class _Sheet:
    def __init__(self, height: int, recognizer: Recognizer) -> None:
        self.image = Image.new("RGB", (WIDTH, height), PAPER)
        self.pen = ImageDraw.Draw(self.image)
        self.recognizer, self.known = recognizer, recognizer.known
        self.names, self.noun = self.known.names, self.known.noun
        for x, caption in CAPTIONS.items():
            self.pen.multiline_text(
                (x, 10), caption.format(noun=self.noun), SOFT, _font(SMALL), spacing=2
            )

    def text(
        self, place: tuple[int, int], text: str, color: str, size: int = NORMAL, anchor: str = "la"
    ) -> None:
        self.pen.text(place, text, color, _font(size), anchor=anchor)

    def paste(self, image: np.ndarray, place: tuple[int, int]) -> None:
        """Paste a 28×28 image with black ink, enlarged without interpolation."""
        levels = 255 - _levels(image)
        self.image.paste(Image.fromarray(levels.repeat(SCALE, axis=0).repeat(SCALE, axis=1)), place)

    def draw_page(self, top: int, page: Page, count: int) -> None:
        """Draw a picture with boxes around its digits, and the rows of its first `count` digits."""
        height, width = page.picture.shape
        self.pen.line((MARGIN, top, WIDTH - MARGIN, top), LINE)
        self.text((MARGIN, top + 9), cut(page.title, TITLE_LENGTH), INK)
        self.text(
            (WIDTH - MARGIN, top + 9),
            cut(headline(page.readings, self.known), 60),
            INK,
            anchor="ra",
        )
        top += TITLE
        self.image.paste(Image.fromarray(page.picture), (MARGIN, top))
        self.pen.rectangle((MARGIN - 1, top - 1, MARGIN + width, top + height), outline=LINE)
        self.draw_boxes(top, width / (page.width or width), page.readings)
        for number, reading in enumerate(page.readings[:count], 1):
            self.draw_row(top, number, reading)
            top += ROW
        left_out = len(page.readings) - count
        if left_out or not count:
            remark = (
                f"and {count_of(left_out, f'more {self.noun}')}"
                if left_out
                else f"no {self.noun} was found"
            )
            self.text((ROWS + 10, top + 8), remark, SOFT)

    def draw_boxes(self, top: int, scale: float, readings: Sequence[Reading]) -> None:
        """Draw the box of each digit with its number, on a background of its own so that it is
        always legible.
        """
        for number, reading in enumerate(readings, 1):
            x, y, width, height = (scale * side for side in reading.box)
            color = _color(reading.recognition)
            left, upper = MARGIN + round(x), top + round(y)
            self.pen.rectangle(
                (left, upper, left + round(width), upper + round(height)), outline=color
            )
            upper = max(top, upper - SMALL)
            right = left + 3 + round(_font(SMALL).getlength(str(number)))
            self.pen.rectangle((left, upper, right, upper + SMALL), fill=color)
            self.text((left + 2, upper + SMALL // 2), str(number), PAPER, SMALL, "lm")

    def draw_row(self, top: int, number: int, reading: Reading) -> None:
        """Draw one digit: its image, all answers, the nearest training digits, the reconstruction,
        and the doubt.
        """
        answer = reading.recognition
        card, color = CARD, SOFT if answer.is_doubtful else INK
        if not answer.looks_like_digit:
            card, color = WARNING_CARD, WARNING
        self.pen.rounded_rectangle((ROWS, top, WIDTH - MARGIN, top + ROW - 8), 6, card)
        inner, middle = top + 8, top + 8 + SIDE // 2
        self.text((NUMBER, middle), str(number), _color(answer), anchor="lm")
        self.paste(reading.image, (SEEN, inner))
        size = LARGE if len(answer.text) == 1 else NORMAL
        self.text((ANSWER, inner + 12), cut(answer.text, 13), color, size, "lm")
        model = MODELS[answer.champion].short_title + (
            "" if answer.looks_like_digit else f": {answer.name}"
        )
        self.text((ANSWER, inner + 38), cut(model), SOFT, SMALL, "lm")
        self.text((ANSWER, inner + 54), percent(answer.probability), INK, anchor="lm")
        self.draw_others(inner, answer)
        for i, neighbor in enumerate(answer.neighbors):
            self.draw_neighbor((NEAR + i * NEAR_STEP, inner), neighbor, answer.digit)
        self.paste(answer.reconstruction, (REBUILT, inner))
        if answer.is_doubtful:
            doubt = "\n".join(wrap(cut(self.known.headline(answer), 60), DOUBT_LENGTH))
            self.pen.multiline_text((DOUBT, middle), doubt, WARNING, _font(NORMAL), "lm", spacing=2)

    def draw_others(self, top: int, answer: Recognition) -> None:
        """Draw one line per other model, in red if its digit differs from the answer."""
        others = [
            (model, digit) for model, digit in answer.digits.items() if model != answer.champion
        ]
        for i, (model, digit) in enumerate(others):
            y = top + SIDE * (2 * i + 1) // (2 * len(others))
            self.text((OTHERS, y), MODELS[model].short_title, SOFT, SMALL, "lm")
            share = percent(float(answer.probabilities[model][digit]))
            line = (
                f"{self.names[digit]}   {share}"
                if len(self.names[digit]) == 1
                else cut(self.names[digit], 10)
            )
            self.text(
                (OTHERS + 54, y), line, INK if digit == answer.digit else WARNING, SMALL, "lm"
            )

    def draw_neighbor(self, place: tuple[int, int], neighbor: Neighbor, digit: int) -> None:
        """Draw a training digit with its label in a corner, in red if the label differs from the
        answer.
        """
        self.paste(self.recognizer.training_image(neighbor.index), place)
        x, y = place[0] + SIDE, place[1] + SIDE
        label = cut(self.names[neighbor.digit], 7)
        width = max(13, round(_font(SMALL).getlength(label)) + 4)
        self.pen.rectangle((x - width, y - 15, x, y), fill=PAPER)
        self.text(
            (x - width // 2, y - 7), label, INK if neighbor.digit == digit else WARNING, SMALL, "mm"
        )


def _color(answer: Recognition) -> str:
    return ACCENT if answer.looks_like_digit else WARNING


def _height(page: Page, count: int) -> int:
    rows = count * ROW + (TITLE if count < len(page.readings) or not count else 0)
    return TITLE + max(len(page.picture), rows) + GAP


def _levels(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else np.clip(np.rint(image), 0, 255).astype(np.uint8)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
