"""Pictures and what was read in them as one picture, to look at.

Drawn with Pillow, which is there within milliseconds; a command that answers at once has no time for Matplotlib.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnist_pipeline.data.datasets import IMAGE_SIDE
from mnist_pipeline.models import MODELS
from mnist_pipeline.recognition.recognizer import NUM_COMPONENTS, Neighbor, Reading, Recognition, Recognizer

MAX_PICTURES = 20  # on a sheet; further ones are counted
MAX_DIGITS = 120  # on a sheet, shared among its pictures; further ones are counted

# The light palette of the report.
INK, SOFT, PAPER, CARD, LINE, ACCENT = "#24292f", "#57606a", "#ffffff", "#f6f8fa", "#d0d7de", "#0a58ca"
WARNING, WARNING_CARD = "#d1242f", "#ffebe9"

MARGIN = 24
GAP = 16
PICTURE_WIDTH, PICTURE_HEIGHT = 360, 220  # at most
SCALE = 2  # of a 28×28 image
SIDE = SCALE * IMAGE_SIDE
ROW = SIDE + 24
HEAD = 44
TITLE = 34
TITLE_LENGTH = 90
SMALL, NORMAL, LARGE = 12, 14, 40
COMPRESSION = 3

# Left edges of the columns of a digit's row.
ROWS = MARGIN + PICTURE_WIDTH + GAP
NUMBER = ROWS + 10
SEEN = ROWS + 40
ANSWER = SEEN + SIDE + 20
OTHERS = ANSWER + 112
NEAR = OTHERS + 120
NEAR_STEP = SIDE + 8
REBUILT = NEAR + 3 * NEAR_STEP + 12
UNUSUAL = REBUILT + SIDE + 20
WIDTH = UNUSUAL + 178 + MARGIN
CAPTIONS = {
    SEEN: "the digit as\nthe models see it",
    OTHERS: "the other\nmodels",
    NEAR: "the nearest\ntraining digits",
    REBUILT: f"from {NUM_COMPONENTS}\ncomponents",
    UNUSUAL + 10: "how unusual,\namong test digits",
}


class Page(NamedTuple):
    """A picture with what was read in it.

    Attributes
    ----------
    title : str
        Its name; whatever it holds is drawn in one line.
    picture : ndarray of shape (rows, columns)
        Upright and grey, as `images.read` gives it.
    readings : sequence of Reading
        As `Recognizer.read` gives them.
    """

    title: str
    picture: np.ndarray
    readings: Sequence[Reading]


def draw(pages: Sequence[Page], recognizer: Recognizer) -> bytes:
    """Pictures with their digits numbered, and a row for each digit, as PNG.

    Shown are at most `MAX_PICTURES` pictures and `MAX_DIGITS` digits of them all; a picture with few digits shows
    all of its own before one with many shows more. What is left out is counted.

    Parameters
    ----------
    pages : sequence of Page
    recognizer : Recognizer
        From which the images of the nearest training digits come.
    """
    shown = pages[:MAX_PICTURES]
    pictures = [_fitted(page.picture) for page in shown]
    shares = share([len(page.readings) for page in shown], MAX_DIGITS)
    heights = [_height(page, picture, n) for page, picture, n in zip(shown, pictures, shares, strict=True)]
    left_out = len(pages) - len(shown)
    bottom = TITLE if left_out or not pages else MARGIN // 2
    sheet = Image.new("RGB", (WIDTH, HEAD + sum(heights) + bottom), PAPER)
    pen = ImageDraw.Draw(sheet)
    for x, caption in CAPTIONS.items():
        pen.multiline_text((x, 10), caption, SOFT, _font(SMALL), spacing=2)
    top = HEAD
    for page, picture, count, height in zip(shown, pictures, shares, heights, strict=True):
        _draw_page(sheet, pen, top, page, picture, count, recognizer)
        top += height
    if bottom == TITLE:
        told = f"and {_counted(left_out, 'more picture')}" if pages else "no picture"
        pen.text((MARGIN, top + 8), told, SOFT, _font(NORMAL))
    buffer = io.BytesIO()
    sheet.save(buffer, "png", compress_level=COMPRESSION)
    return buffer.getvalue()


def share(wanted: Sequence[int], limit: int) -> list[int]:
    """What each gets of `limit` places: all that it wants, where that is no more than an equal part of the rest."""
    given = [0] * len(wanted)
    waiting = sorted(range(len(wanted)), key=lambda i: wanted[i])
    for position, i in enumerate(waiting):
        given[i] = min(wanted[i], limit // (len(waiting) - position))
        limit -= given[i]
    return given


def _height(page: Page, picture: Image.Image, count: int) -> int:
    rows = count * ROW + (TITLE if count < len(page.readings) or not count else 0)
    return TITLE + max(picture.height, rows) + GAP


def _draw_page(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    top: int,
    page: Page,
    picture: Image.Image,
    count: int,
    recognizer: Recognizer,
) -> None:
    pen.line((MARGIN, top, WIDTH - MARGIN, top), LINE)
    title, found = one_line(page.title), _counted(len(page.readings), "digit")
    pen.text((MARGIN, top + 9), title, INK, _font(NORMAL))
    pen.text((WIDTH - MARGIN, top + 9), found, SOFT, _font(NORMAL), anchor="ra")
    top += TITLE
    sheet.paste(picture, (MARGIN, top))
    pen.rectangle((MARGIN - 1, top - 1, MARGIN + picture.width, top + picture.height), outline=LINE)
    _draw_boxes(pen, top, picture.width / page.picture.shape[1], page.readings)
    for number, reading in enumerate(page.readings[:count], 1):
        _draw_row(sheet, pen, top, number, reading, recognizer)
        top += ROW
    left_out = len(page.readings) - count
    if left_out or not count:
        told = f"and {_counted(left_out, 'more digit')}" if left_out else "no digit was found"
        pen.text((ROWS + 10, top + 8), told, SOFT, _font(NORMAL))


def _draw_boxes(pen: ImageDraw.ImageDraw, top: int, scale: float, readings: Sequence[Reading]) -> None:
    """The box of each digit with its number, which stands on a ground of its own to be read on any picture."""
    font = _font(SMALL)
    for number, reading in enumerate(readings, 1):
        x, y, width, height = (scale * side for side in reading.box)
        color = ACCENT if reading.recognition.looks_like_digit else WARNING
        left, upper = MARGIN + round(x), top + round(y)
        pen.rectangle((left, upper, left + round(width), upper + round(height)), outline=color)
        upper = max(top, upper - SMALL)
        pen.rectangle((left, upper, left + 3 + round(font.getlength(str(number))), upper + SMALL), fill=color)
        pen.text((left + 2, upper + SMALL // 2), str(number), PAPER, font, anchor="lm")


def _draw_row(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, top: int, number: int, reading: Reading, recognizer: Recognizer
) -> None:
    said = reading.recognition
    card, color = (CARD, INK) if said.looks_like_digit else (WARNING_CARD, WARNING)
    pen.rounded_rectangle((ROWS, top, WIDTH - MARGIN, top + ROW - 8), 6, card)
    inner, middle = top + 8, top + 8 + SIDE // 2
    pen.text((NUMBER, middle), str(number), ACCENT if said.looks_like_digit else WARNING, _font(NORMAL), anchor="lm")
    _paste(sheet, reading.image, (SEEN, inner))
    pen.text((ANSWER, middle), str(said.digit), color, _font(LARGE), anchor="lm")
    pen.text((ANSWER + 36, middle - 9), MODELS[said.champion].short_title, SOFT, _font(SMALL), anchor="lm")
    pen.text((ANSWER + 36, middle + 9), percent(said.probability), INK, _font(NORMAL), anchor="lm")
    _draw_others(pen, inner, said)
    for i, near in enumerate(said.neighbors):
        _draw_neighbor(sheet, pen, (NEAR + i * NEAR_STEP, inner), near, said.digit, recognizer)
    _paste(sheet, said.reconstruction, (REBUILT, inner))
    _draw_unusual(pen, inner, said)


def _draw_others(pen: ImageDraw.ImageDraw, top: int, said: Recognition) -> None:
    """What the other models say, a line each; in red where it is another digit."""
    others = [(model, digit) for model, digit in said.digits.items() if model != said.champion]
    for i, (model, digit) in enumerate(others):
        y = top + SIDE * (2 * i + 1) // (2 * len(others))
        pen.text((OTHERS, y), MODELS[model].short_title, SOFT, _font(SMALL), anchor="lm")
        told = f"{digit}   {percent(float(said.probabilities[model][digit]))}"
        pen.text((OTHERS + 54, y), told, INK if digit == said.digit else WARNING, _font(SMALL), anchor="lm")


def _draw_neighbor(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    near: Neighbor,
    digit: int,
    recognizer: Recognizer,
) -> None:
    """A training digit with its label in a corner; in red where it is another than the answer."""
    _paste(sheet, recognizer.training_image(near.index), place)
    x, y = place
    color = INK if near.digit == digit else WARNING
    pen.rectangle((x + SIDE - 13, y + SIDE - 15, x + SIDE, y + SIDE), fill=PAPER)
    pen.text((x + SIDE - 6, y + SIDE - 7), str(near.digit), color, _font(SMALL), anchor="mm")


def _draw_unusual(pen: ImageDraw.ImageDraw, top: int, said: Recognition) -> None:
    """The percentile as a bar to 100; and whether it does not look like a digit."""
    left, width, middle = UNUSUAL + 10, 140, top + SIDE // 2
    color = ACCENT if said.looks_like_digit else WARNING
    told = f"above {said.unusual:.0f}%" if said.unusual < 99 else f"above {said.unusual:.1f}%"
    pen.text((left, middle - 18), told, INK, _font(NORMAL), anchor="lm")
    pen.rectangle((left, middle - 5, left + width, middle + 1), LINE)
    pen.rectangle((left, middle - 5, left + round(width * said.unusual / 100), middle + 1), color)
    if not said.looks_like_digit:
        for i, line in enumerate(("does not look", "like a digit")):
            pen.text((left, middle + 12 + 14 * i), line, WARNING, _font(NORMAL), anchor="lm")


def _paste(sheet: Image.Image, image: np.ndarray, place: tuple[int, int]) -> None:
    """A 28×28 image, ink drawn black, each pixel a square."""
    levels = 255 - _levels(image)
    sheet.paste(Image.fromarray(levels.repeat(SCALE, axis=0).repeat(SCALE, axis=1)), place)


def _levels(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _fitted(picture: np.ndarray) -> Image.Image:
    """A picture within its column; a small one is not blurred."""
    height, width = picture.shape
    scale = min(PICTURE_HEIGHT / height, PICTURE_WIDTH / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    return Image.fromarray(_levels(picture)).resize(size, method, reducing_gap=2.0)


def one_line(title: str) -> str:
    """A title in characters that the font has, and no longer than there is room for; others are escaped."""
    begin = "".join(c if c.isascii() and c.isprintable() else ascii(c)[1:-1] for c in title[:TITLE_LENGTH])
    if len(title) <= TITLE_LENGTH and len(begin) <= TITLE_LENGTH:
        return begin
    return begin[: TITLE_LENGTH - 1] + "…"


def percent(share: float) -> str:
    """A share in percent with one decimal, never rounded up to certainty."""
    return ">99.9%" if share >= 0.9995 else f"{share:.1%}"


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
