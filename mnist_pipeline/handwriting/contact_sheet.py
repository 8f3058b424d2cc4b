"""Draw a contact sheet: pictures with their digits, and the answer of each model.

Pillow loads within milliseconds. Matplotlib is too slow for a command that answers at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.handwriting.recognizer import Reading, Recognizer, headline
from mnist_pipeline.methods.knn.method import NUM_NEIGHBORS_SHOWN
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.utils.printable import count, printable

MAX_PICTURES = 20  # on a sheet; further pictures are counted
MAX_DIGITS = 120  # on a sheet, divided equally among its pictures; further digits are counted

# The light palette of the report.
INK = "#24292f"
PAPER = "#ffffff"
CARD = "#f6f8fa"
ACCENT = "#0a58ca"
WARNING = "#d1242f"
WARNING_CARD = "#ffebe9"

# Lengths in pixels.
GAP = 12
FONT_SIZE = 14
LINE = 18  # height of a line of text
PICTURE_SIZE = (360, 220)  # width and height, at most
SIDE = 2 * IMAGE_SIDE  # of a 28×28 image
STRIP = (1 + NUM_NEIGHBORS_SHOWN) * SIDE  # width of the images of a digit
CARD_WIDTH = STRIP + 320
CARDS_PER_ROW = 2
WIDTH = PICTURE_SIZE[0] + CARDS_PER_ROW * (CARD_WIDTH + GAP)


class Entry(NamedTuple):
    """A picture with the digits that were read in it."""

    title: str  # any text; it is drawn in one line
    picture: Image.Image  # in its size on the sheet, with the box and the number of each digit
    readings: Sequence[Reading]


def fitted(title: str, picture: np.ndarray, readings: Sequence[Reading]) -> Entry:
    """Fit a picture to the sheet, not blurred if enlarged, so that a large one takes no memory.

    The picture is upright and grey, (rows, columns), as `pictures.read` returns it.
    """
    height, width = picture.shape
    scale = min(PICTURE_SIZE[0] / width, PICTURE_SIZE[1] / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    image = Image.new("RGB", (PICTURE_SIZE[0], size[1]), PAPER)
    image.paste(Image.fromarray(picture).resize(size, method, reducing_gap=2.0))
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(FONT_SIZE)
    for number, reading in enumerate(readings, 1):
        left, top, width, height = (round(scale * length) for length in reading.box)
        color = WARNING if reading.recognition.is_doubtful else ACCENT
        pen.rectangle((left, top, left + width, top + height), outline=color)
        place = left, max(top, FONT_SIZE)
        # A halo keeps the number legible on any picture.
        pen.text(place, str(number), color, font, "lb", stroke_width=2, stroke_fill=PAPER)
    return Entry(title, image, readings)


def draw(entries: Sequence[Entry], recognizer: Recognizer, font: str | None = None) -> Image.Image:
    """Draw pictures with numbered digits, and a card for each digit.

    A card shows the digit as the models see it, its nearest training digits, and the answers of
    all models; it is red if the answer is in doubt. `font` is the path of a font for texts that are
    not ASCII; without one, they are escaped.

    The sheet shows at most `MAX_PICTURES` pictures and `MAX_DIGITS` digits in all, and counts the
    others.
    """
    known = recognizer.known
    shown = entries[:MAX_PICTURES]
    parts = []
    for entry in shown:
        on_cards = entry.readings[: MAX_DIGITS // len(shown)]
        title = f"{entry.title}: {headline(entry.readings, known)}"
        if len(on_cards) < len(entry.readings):
            title = f"{len(on_cards)} of {count(len(entry.readings), known.noun)} in {title}"
        cards = [_card(*numbered, recognizer, font) for numbered in enumerate(on_cards, 1)]
        parts += [
            _written([title], WIDTH, PAPER, font),
            _in_rows([entry.picture, _in_rows(cards, CARDS_PER_ROW)], 2),
        ]
    if len(shown) < len(entries):
        left_out = count(len(entries) - len(shown), "more picture")
        parts.append(_written([f"and {left_out}"], WIDTH, PAPER, font))
    return ImageOps.expand(_in_rows(parts), GAP, PAPER)


def shortened(text: str, length: int = 18) -> str:
    """A text in one printable line of at most `length` characters."""
    line = printable(text)
    return line if len(line) <= length else f"{line[: length - 1]}…"


def percent(share: float) -> str:
    """A share in percent with one decimal, never rounded up to certainty."""
    return ">99.9%" if share >= 0.9995 else f"{share:.1%}"


def _in_rows(images: Sequence[Image.Image], columns: int = 1) -> Image.Image:
    """Images in rows, each row as high as its highest image."""
    rows = [images[i : i + columns] for i in range(0, len(images), columns)]
    heights = [max(image.height for image in row) + GAP for row in rows]
    joined = Image.new("RGB", (WIDTH, sum(heights)), PAPER)
    top = 0
    for row, height in zip(rows, heights):
        left = 0
        for image in row:
            joined.paste(image, (left, top))
            left += image.width + GAP
        top += height
    return joined


def _card(number: int, reading: Reading, recognizer: Recognizer, font: str | None) -> Image.Image:
    """The images of a digit in a row, and the answers beside them."""
    answer = reading.recognition
    known = recognizer.known
    names = [shortened(name) for name in known.class_names]
    answers = [
        f"{MODELS[model].short_title}: {names[digit]} "
        f"{percent(float(answer.probabilities[model][digit]))}"
        for model, digit in answer.digits.items()
    ]
    nearest = ", ".join(names[near.digit] for near in answer.neighbors)
    lines = [f"{number}: {answer.headline(known.noun)}", *answers, f"nearest: {nearest}"]
    color = WARNING_CARD if answer.is_doubtful else CARD
    card = _written(lines, CARD_WIDTH, color, font, STRIP + GAP)
    neighbors = [recognizer.training_image(near.index) for near in answer.neighbors]
    strip = np.hstack([reading.image, *neighbors])
    # Digits are drawn in black on white; photos are not drawn as negatives.
    images = Image.fromarray(strip if known.whole_pictures else 255 - strip)
    card.paste(images.resize((STRIP, SIDE), Image.Resampling.NEAREST))
    return card


def _written(
    lines: list[str], width: int, color: str, font_path: str | None, left: int = 0
) -> Image.Image:
    """Lines of text on a ground, shortened to its width; without a font, in ASCII."""
    if not font_path:
        lines = [line.encode("ascii", "backslashreplace").decode() for line in lines]
    length = 2 * (width - left) // FONT_SIZE
    text = "\n".join(shortened(line, length) for line in lines)
    image = Image.new("RGB", (width, LINE * len(lines)), color)
    font = (
        ImageFont.truetype(font_path, FONT_SIZE)
        if font_path and not text.isascii()
        else ImageFont.load_default(FONT_SIZE)
    )
    ImageDraw.Draw(image).multiline_text((left, 0), text, INK, font)
    return image
