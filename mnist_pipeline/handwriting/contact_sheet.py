"""Draw a contact sheet: pictures with their digits, and the answer of each model.

Pillow loads within milliseconds. Matplotlib is too slow for a command that answers at once.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.handwriting.recognizer import NUM_COMPONENTS, Reading, Recognizer, headline
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
ACCENT = "#0a58ca"
WARNING = "#d1242f"
WARNING_CARD = "#ffebe9"

# Lengths in pixels.
GAP = 12
SMALL, NORMAL = 12, 16  # font sizes
LINE = 22  # height of a line of text
PICTURE_SIZE = (360, 220)  # width and height, at most
SIDE = 2 * IMAGE_SIDE  # of a 28×28 image
STRIP = (2 + NUM_NEIGHBORS_SHOWN) * SIDE  # width of the images of a digit
CARD_WIDTH = STRIP + 300
CARDS_PER_ROW = 2
WIDTH = PICTURE_SIZE[0] + CARDS_PER_ROW * (CARD_WIDTH + GAP)


class Entry(NamedTuple):
    """A picture with the digits that were read in it."""

    title: str  # any text; it is drawn in one line
    picture: Image.Image  # grey, in its size on the sheet
    scale: float  # its size, as a share of the original one
    readings: Sequence[Reading]


def fitted(title: str, picture: np.ndarray, readings: Sequence[Reading]) -> Entry:
    """Fit a picture to the sheet, not blurred if enlarged, so that a large one takes no memory.

    The picture is upright and grey, (rows, columns), as `pictures.read` returns it.
    """
    height, width = picture.shape
    scale = min(PICTURE_SIZE[0] / width, PICTURE_SIZE[1] / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    small = Image.fromarray(_levels(picture)).resize(size, method, reducing_gap=2.0)
    return Entry(title, small, scale, readings)


def draw(entries: Sequence[Entry], recognizer: Recognizer, font: str | None = None) -> Image.Image:
    """Draw pictures with numbered digits, and a card for each digit.

    A card shows the digit as the models see it, its nearest training digits, the digit from its
    leading components, and the answers of all models. `font` is the path of a font for texts that
    are not ASCII; without one, they are escaped.

    The sheet shows at most `MAX_PICTURES` pictures and `MAX_DIGITS` digits in all, and counts the
    others.
    """
    sheet = _Sheet(recognizer, font)
    known = recognizer.known
    legend = (
        f"Each {known.noun} as the models see it, its nearest training {known.noun}s, and the "
        f"{known.noun} from {NUM_COMPONENTS} components"
    )
    shown = entries[:MAX_PICTURES]
    parts = [sheet.draw_line(legend, SOFT)]
    for entry in shown:
        numbered = [*enumerate(entry.readings, 1)]
        on_cards = numbered[: MAX_DIGITS // len(shown)]
        title = f"{entry.title}: {headline(entry.readings, known)}"
        if len(on_cards) < len(numbered):
            title = f"{len(on_cards)} of {count(len(numbered), known.noun)} in {title}"
        cards = _in_rows([sheet.draw_card(*digit) for digit in on_cards], CARDS_PER_ROW)
        parts += [sheet.draw_line(title, INK), _in_rows([_with_boxes(entry), cards], 2)]
    if len(shown) < len(entries):
        left_out = count(len(entries) - len(shown), "more picture")
        parts.append(sheet.draw_line(f"and {left_out}", SOFT))
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


def _with_boxes(entry: Entry) -> Image.Image:
    """The picture with the box and the number of each digit."""
    image = Image.new("RGB", (PICTURE_SIZE[0], entry.picture.height), PAPER)
    image.paste(entry.picture)
    pen = ImageDraw.Draw(image)
    for number, reading in enumerate(entry.readings, 1):
        left, top, width, height = (round(entry.scale * length) for length in reading.box)
        color = ACCENT if reading.recognition.looks_like_digit else WARNING
        pen.rectangle((left, top, left + width, top + height), outline=color)
        place = left, max(top, NORMAL)
        # A halo keeps the number legible on any picture.
        pen.text(place, str(number), color, _font(SMALL), "lb", stroke_width=2, stroke_fill=PAPER)
    return image


class _Sheet(NamedTuple):
    """Draws parts of a contact sheet."""

    recognizer: Recognizer
    font_path: str | None

    def draw_line(self, text: str, color: str) -> Image.Image:
        """A line of text over the whole width."""
        image = Image.new("RGB", (WIDTH, LINE), PAPER)
        self.write(image, (0, 0), [text], color, NORMAL)
        return image

    def draw_card(self, number: int, reading: Reading) -> Image.Image:
        """The images of a digit in a row, and the answers beside them."""
        answer = reading.recognition
        known = self.recognizer.known
        answers = [
            f"{MODELS[model].short_title}: {shortened(known.class_names[digit])} "
            f"{percent(float(answer.probabilities[model][digit]))}"
            for model, digit in answer.digits.items()
        ]
        labels = ", ".join(shortened(known.class_names[near.digit]) for near in answer.neighbors)
        height = max(SIDE, NORMAL * (2 + len(answers))) + 2 * GAP
        color = CARD if answer.looks_like_digit else WARNING_CARD
        card = Image.new("RGB", (CARD_WIDTH, height), color)
        neighbors = [self.recognizer.training_image(near.index) for near in answer.neighbors]
        strip = _levels(np.hstack([reading.image, *neighbors, answer.reconstruction]))
        # Digits are drawn in black on white; photos are not drawn as negatives.
        drawn = Image.fromarray(strip if known.whole_pictures else 255 - strip)
        card.paste(drawn.resize((STRIP, SIDE), Image.Resampling.NEAREST), (GAP, GAP))
        left = STRIP + 2 * GAP
        title = f"{number}: {answer.headline(known.noun)}"
        color = WARNING if answer.is_doubtful else INK
        self.write(card, (left, GAP), [title], color, NORMAL)
        self.write(card, (left, GAP + LINE), [*answers, f"nearest: {labels}"], SOFT, SMALL)
        return card

    def write(
        self, image: Image.Image, place: tuple[int, int], lines: list[str], color: str, size: int
    ) -> None:
        """Write lines, shortened to the width of the image; without a font, in ASCII."""
        if not self.font_path:
            lines = [line.encode("ascii", "backslashreplace").decode() for line in lines]
        length = 2 * (image.width - place[0]) // size
        text = "\n".join(shortened(line, length) for line in lines)
        font = _font(size, None if text.isascii() else self.font_path)
        ImageDraw.Draw(image).multiline_text(place, text, color, font)


def _levels(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else np.clip(np.rint(image), 0, 255).astype(np.uint8)


@functools.cache
def _font(size: int, path: str | None = None) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
