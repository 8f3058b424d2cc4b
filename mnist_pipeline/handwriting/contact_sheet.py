"""Draw a contact sheet: pictures with their digits, and the answer of each model.

Pillow loads within milliseconds. Matplotlib is too slow for a command that answers at once.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

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
TITLE = NORMAL + 2 * GAP
PICTURE_SIZE = (360, 220)  # width and height, at most
SIDE = 2 * IMAGE_SIDE  # of a 28×28 image
STRIP = (2 + NUM_NEIGHBORS_SHOWN) * SIDE  # width of the images of a digit
CARD_WIDTH = STRIP + 300
CARDS_PER_ROW = 2
WIDTH = PICTURE_SIZE[0] + CARDS_PER_ROW * (CARD_WIDTH + GAP) + 2 * GAP


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
        scale = min(PICTURE_SIZE[0] / width, PICTURE_SIZE[1] / height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
        resized = Image.fromarray(_levels(self.picture)).resize(size, method, reducing_gap=2.0)
        return self._replace(picture=np.asarray(resized), width=self.width or width)


def draw(entries: Sequence[Entry], recognizer: Recognizer, font: str | None = None) -> Image.Image:
    """Draw pictures with numbered digits, and a card for each digit.

    A card shows the digit as the models see it, its nearest training digits, the digit from its
    leading components, and the answers of all models. `font` is the path of a font for texts that
    are not ASCII; without one, they are escaped.

    The sheet shows at most `MAX_PICTURES` pictures and `MAX_DIGITS` digits in all, and counts the
    others.
    """
    sheet = _Sheet(recognizer, font)
    noun = recognizer.known.noun
    legend = f"Each {noun} as the models see it, its nearest training {noun}s, and the {noun} from"
    parts = [sheet.draw_line(f"{legend} {NUM_COMPONENTS} components")]
    shown = entries[:MAX_PICTURES]
    parts += [sheet.draw_entry(entry.fitted(), MAX_DIGITS // len(shown)) for entry in shown]
    if len(shown) < len(entries):
        left_out = count(len(entries) - len(shown), "more picture")
        parts.append(sheet.draw_line(f"and {left_out}"))
    image = Image.new("RGB", (WIDTH, sum(part.height for part in parts)))
    top = 0
    for part in parts:
        image.paste(part, (0, top))
        top += part.height
    return image


def shortened(text: str, length: int = 18) -> str:
    """A text in one printable line of at most `length` characters."""
    line = printable(text)
    return line if len(line) <= length else f"{line[: length - 1]}…"


def percent(share: float) -> str:
    """A share in percent with one decimal, never rounded up to certainty."""
    return ">99.9%" if share >= 0.9995 else f"{share:.1%}"


class _Sheet(NamedTuple):
    """Draws the parts of a contact sheet."""

    recognizer: Recognizer
    font_path: str | None

    def draw_line(self, text: str) -> Image.Image:
        """A line of text over the whole width."""
        image = Image.new("RGB", (WIDTH, TITLE), PAPER)
        self.write(image, (GAP, GAP), [text], SOFT, NORMAL)
        return image

    def draw_entry(self, entry: Entry, num_cards: int) -> Image.Image:
        """A title, the picture with boxes around its digits, and cards for the first digits."""
        known = self.recognizer.known
        height, width = entry.picture.shape
        numbered = [*enumerate(entry.readings, 1)]
        cards = [self.draw_card(number, reading) for number, reading in numbered[:num_cards]]
        row = cards[0].height + GAP if cards else 0
        below = max(height + GAP, -(-len(cards) // CARDS_PER_ROW) * row)
        image = Image.new("RGB", (WIDTH, TITLE + below), PAPER)
        title = f"{entry.title}: {headline(entry.readings, known)}"
        if num_cards < len(numbered):
            title = f"{num_cards} of {count(len(numbered), known.noun)} in {title}"
        self.write(image, (GAP, GAP), [title], INK, NORMAL)
        image.paste(Image.fromarray(entry.picture), (GAP, TITLE))
        pen = ImageDraw.Draw(image)
        scale = width / (entry.width or width)
        for number, reading in numbered:
            x, y, width, height = (round(scale * length) for length in reading.box)
            left, top = GAP + x, TITLE + y
            color = ACCENT if reading.recognition.looks_like_digit else WARNING
            pen.rectangle((left, top, left + width, top + height), outline=color)
            # A halo keeps the number legible on any picture.
            place = left, max(top, TITLE + NORMAL)
            font = _font(SMALL)
            pen.text(place, str(number), color, font, "lb", stroke_width=2, stroke_fill=PAPER)
        for i, card in enumerate(cards):
            left = WIDTH - (CARDS_PER_ROW - i % CARDS_PER_ROW) * (CARD_WIDTH + GAP)
            image.paste(card, (left, TITLE + i // CARDS_PER_ROW * row))
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
        self.write(card, (left, GAP + 20), [*answers, f"nearest: {labels}"], SOFT, SMALL)
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
