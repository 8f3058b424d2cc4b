"""Draw a contact sheet: pictures with their digits, and the answer of each model.

Pillow loads within milliseconds. Matplotlib is too slow for a command that answers at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from mnist_pipeline.handwriting.pictures import Page
from mnist_pipeline.handwriting.recognizer import Reading, Recognizer, headline
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.utils import printable

MAX_PICTURES = 20  # on a sheet; further pictures are counted
MAX_DIGITS = 120  # on a sheet, divided equally among its pictures; further digits are counted

# The light palette of the report.
INK = "#24292f"
PAPER = "#ffffff"
ROW = "#f6f8fa"
ACCENT = "#0a58ca"
WARNING = "#d1242f"
WARNING_ROW = "#ffebe9"

# Lengths in pixels.
GAP = 6  # around each row
FONT_SIZE = 14
LINE = 18  # height of a line of text
PICTURE_SIZE = (360, 220)  # width and height, at most
ZOOM = 2  # of 28×28 images
WIDTH = 1_200


class Entry(NamedTuple):
    """A picture with the digits that were read in it."""

    title: str  # any text; it is drawn in one line
    picture: Image.Image  # in its size on the sheet, with the box and the number of each digit
    readings: Sequence[Reading]
    warnings: Sequence[str] = ()


def fitted(title: str, page: Page, readings: Sequence[Reading]) -> Entry:
    """Reduce a picture to its size on the sheet, so that a large one takes no memory."""
    image = Image.fromarray(page.picture)
    image.thumbnail(PICTURE_SIZE)
    image = image.convert("RGB")
    scale = max(image.size) / max(page.picture.shape)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(FONT_SIZE)
    for number, reading in enumerate(readings, 1):
        left, top, width, height = (round(scale * length) for length in reading.box)
        color = WARNING if reading.recognition.is_doubtful else ACCENT
        pen.rectangle((left, top, left + width, top + height), outline=color)
        place = left, max(top, FONT_SIZE)
        # A halo keeps the number legible on any picture.
        pen.text(place, str(number), color, font, "lb", stroke_width=2, stroke_fill=PAPER)
    return Entry(title, image, readings, page.warnings)


def draw(entries: Sequence[Entry], recognizer: Recognizer, font: str | None = None) -> Image.Image:
    """Draw pictures with numbered digits, each with a row for each digit below it.

    A row shows the digit as the models see it, its nearest training digits, and the answers of all
    models; it is red if the answer is in doubt. `font` is the path of a font for texts that are not
    ASCII; without one, they are escaped.

    The sheet shows at most `MAX_PICTURES` pictures and `MAX_DIGITS` digits in all, and counts the
    others.
    """
    known = recognizer.known
    shown = entries[:MAX_PICTURES]
    rows = []
    for entry in shown:
        readings = entry.readings[: MAX_DIGITS // len(shown)]
        lines = [f"{entry.title}: {headline(entry.readings, known, entry.warnings)}"]
        if len(readings) < len(entry.readings):
            num_digits = printable.count(len(entry.readings), known.noun)
            lines.append(f"the first {len(readings)} of {num_digits}")
        rows.append(_row(entry.picture, lines, PAPER, font))
        rows += [_digit(*numbered, recognizer, font) for numbered in enumerate(readings, 1)]
    if len(shown) < len(entries):
        left_out = printable.count(len(entries) - len(shown), "more picture")
        rows.append(_row(Image.new("RGB", (0, 0)), [f"and {left_out}"], PAPER, font))
    framed = [np.asarray(ImageOps.expand(row, GAP, PAPER)) for row in rows]
    return Image.fromarray(np.vstack(framed))


def shortened(text: str, length: int = 18) -> str:
    """A text in one printable line of at most `length` characters."""
    return printable.shortened(printable.printable(text), length)


def percent(share: float) -> str:
    """A share in percent with one decimal, never rounded up to certainty."""
    return ">99.9%" if share >= 0.9995 else f"{share:.1%}"


def _digit(number: int, reading: Reading, recognizer: Recognizer, font: str | None) -> Image.Image:
    """A digit and its nearest training digits, with the answers of all models."""
    answer = reading.recognition
    known = recognizer.known
    names = [shortened(name) for name in known.class_names]
    answers = [
        f"{MODELS[model].short_title}: {names[digit]} "
        f"{percent(float(answer.probabilities[model][digit]))}"
        for model, digit in answer.digits.items()
    ]
    nearest = [names[near.digit] for near in answer.neighbors]
    lines = [
        f"{number}: {answer.headline(known.noun)}",
        ", ".join(answers),
        f"nearest: {', '.join(nearest)}",
    ]
    neighbors = [recognizer.training_image(near.index) for near in answer.neighbors]
    strip = known.shown(np.hstack([reading.image, *neighbors]))
    image = Image.fromarray(255 - strip if strip.ndim == 2 else strip)  # ink in black on white
    image = image.resize((ZOOM * image.width, ZOOM * image.height), Image.Resampling.NEAREST)
    return _row(image, lines, WARNING_ROW if answer.is_doubtful else ROW, font)


def _row(image: Image.Image, lines: list[str], color: str, font_path: str | None) -> Image.Image:
    """An image with lines of text to its right. Long lines are cut. Without a font, the text is
    ASCII.
    """
    if not font_path:
        lines = [line.replace("…", "...") for line in lines]
        lines = [line.encode("ascii", "backslashreplace").decode() for line in lines]
    left = image.width + 2 * GAP
    length = 2 * (WIDTH - left) // FONT_SIZE
    text = "\n".join(shortened(line, length) for line in lines)
    row = Image.new("RGB", (WIDTH, max(image.height, LINE * len(lines))), color)
    row.paste(image)
    font = (
        ImageFont.truetype(font_path, FONT_SIZE)
        if font_path and not text.isascii()
        else ImageFont.load_default(FONT_SIZE)
    )
    ImageDraw.Draw(row).multiline_text((left, 0), text, INK, font)
    return row
