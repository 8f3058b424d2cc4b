"""Digits in hands that nothing was chosen on: handwriting fonts of Debian, 8×8 scans, pages on a
table.

Methods were chosen on other fonts, and on the first 797 of the 8×8 digits. A font that is not
installed is left out. These packages have all of them:

fonts-aoyagi-soseki fonts-dancingscript fonts-dkg-handwriting fonts-dustin fonts-ecolier-court
fonts-havana fonts-humor-sans fonts-isabella fonts-kiloji fonts-kristi fonts-lobster
fonts-ottilie fonts-rufscript fonts-sjfonts fonts-tlwg-purisa-otf fonts-yozvox-yozfont
fonts-yusei-magic

For development, there are fonts of fonts-bajaderka, fonts-breip, fonts-bwht and fonts-dustin, and
the first of the 8×8 digits.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from benchmarks.handwriting import Box, Example, Picture, box_of, levels
from mnist_pipeline.data.corruptions import corrupt

Ink = NDArray[np.float32]
Writer = Callable[[int, float, np.random.Generator], tuple[Ink, float]]
"""Draws a digit with a size in pixels.

Returns its coverage with ink, cropped, and how far its foot is above the baseline.
"""

ROOT = Path("/usr/share/fonts")
FONTS = """\
        aoyagi-soseki DancingScript-Regular Delphine dkg Domestic_Manners Ecolier-court
    Havana-Regular Humor-Sans     Isabella     Junkyard Kristi Ottilie-U1AY Purisa Rufscript010
    SteveHand YOzBAF YOzRSX YuseiMagic-Regular kiloji lobster"""
FONTS_OF_DEVELOPMENT = """\
    Bajaderka-Regular       BecauseWeBuild-Regular  BecauseWeConnect-Regular
    BecauseWeCreate-Regular BecauseWeLearn-Regular  BecauseWeMentor-Regular
    BecauseWeOrganize-Regular El_Abogado_Loco PenguinAttack breipfont"""
FIRST_OF_EIGHT = 797  # of the 1,797 8×8 digits: those before were used to choose methods
NUM_DIGITS = 6  # in a line
INK, PAPER = 0.12, 0.96


def installed(development: bool = False) -> list[Path]:
    """The handwriting fonts that this machine has."""
    return files(FONTS_OF_DEVELOPMENT if development else FONTS)


@cache
def files(names: str) -> list[Path]:
    """Those of the fonts whose files this machine has."""
    found = {path.stem: path for path in sorted(ROOT.rglob("*.[to]tf"))}
    return [found[name] for name in names.split() if name in found]


def single_digits(count: int, seed: int, fonts: Sequence[Path]) -> Iterator[Example]:
    """`count` pictures of each digit in each font, black on white."""
    for font in fonts:
        rng = np.random.default_rng((seed, *font.stem.encode()))
        for digit in np.repeat(np.arange(10), count):
            yield _line("single", [int(digit)], font_writer(font), rng)


def lines(count: int, seed: int, fonts: Sequence[Path]) -> Iterator[Example]:
    """`count` lines of six digits, black on white."""
    rng = np.random.default_rng((seed, 1))
    for number in range(count):
        digits = rng.integers(10, size=NUM_DIGITS).tolist()
        yield _line("six digits", digits, font_writer(fonts[number % len(fonts)]), rng)


def pages_on_a_table(count: int, seed: int, fonts: Sequence[Path]) -> Iterator[Example]:
    """`count` photographs of a sheet of paper on a dark table, which shows on two to four sides of
    the sheet.
    """
    rng = np.random.default_rng((seed, 3))
    for number in range(count):
        yield _page_on_a_table(font_writer(fonts[number % len(fonts)]), rng)


def eight_by_eight(development: bool = False) -> Iterator[Example]:
    """scikit-learn's 8×8 digits, enlarged, as dark ink on paper with a margin."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(8)
    own = slice(FIRST_OF_EIGHT) if development else slice(FIRST_OF_EIGHT, None)
    for image, label in zip(images[own].reshape(-1, 8, 8), labels[own], strict=True):
        side = int(rng.integers(8, 25)) * 8
        small = Image.fromarray(np.pad(image / 16, 2).astype(np.float32))
        kernel = rng.choice(
            [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.BOX]
        )
        ink = np.asarray(small.resize((side, side), Image.Resampling(int(kernel))))
        yield Example(
            "8×8", (int(label),), (box_of(ink, 0, 0),), levels(PAPER - (PAPER - INK) * ink)
        )


def thick_zeros(images: NDArray[np.uint8], seed: int) -> Iterator[Example]:
    """MNIST images, 200 pixels high, with a pen up to a quarter as broad, as dark ink on paper."""
    for number, image in enumerate(images):
        rng = np.random.default_rng((seed, number))
        large = Image.fromarray(image).resize((280, 280), Image.Resampling.BICUBIC)
        distance = ndimage.distance_transform_edt(np.pad(np.asarray(large), 40) <= 127)
        cover = np.clip(rng.uniform(0, 16) + 0.5 - distance, 0, 1).astype(np.float32)
        x, y, width, height = box_of(cover, 0, 0)
        margins = [(int(rng.integers(10, 90)), int(rng.integers(10, 90))) for _ in range(2)]
        ink = np.pad(cover[y : y + height, x : x + width], margins)
        box = margins[1][0], margins[0][0], width, height
        yield Example("thick", (0,), (box,), levels(PAPER - (PAPER - INK) * ink))


def in_light_ink(examples: Iterable[Example]) -> Iterator[Example]:
    """The same pictures with the levels of ink and paper exchanged."""
    for example in examples:
        yield example._replace(picture=levels(PAPER + INK - example.picture / 255))


def on_ruled_paper(examples: Iterable[Example], seed: int) -> Iterator[Example]:
    """The same pictures on ruled paper, in the shadow of a hand."""
    for number, example in enumerate(examples):
        rng = np.random.default_rng((seed, number))
        picture = example.picture / 255
        paper, size = np.median(picture), example.boxes[0][3]
        ink = picture[np.unravel_index(np.abs(picture - paper).argmax(), picture.shape)]
        period = size * rng.uniform(0.8, 1.8)
        rows = np.arange(len(picture))[:, None] + rng.normal(0, 0.015) * np.arange(picture.shape[1])
        distance = np.abs((rows + rng.uniform(0, period)) % period - period / 2)
        line = np.clip(max(1, 0.02 * size) / 2 + 0.5 - distance, 0, 1) * rng.uniform(0.15, 0.3)
        cover = np.maximum((picture - paper) / (ink - paper), line)
        photo = (paper + (ink - paper) * cover) * _shadow(picture.shape, rng)
        yield example._replace(picture=levels(photo + 0.006 * rng.standard_normal(picture.shape)))


def in_dark_mode(examples: Iterable[Example], seed: int) -> Iterator[Example]:
    """Screenshots of an application in dark mode: the digits in a panel, below a bar."""
    for number, example in enumerate(examples):
        rng = np.random.default_rng((seed, number))
        ink, size = (
            np.clip((PAPER - example.picture / 255) / (PAPER - INK), 0, 1),
            example.boxes[0][3],
        )
        back, text = rng.uniform(0.05, 0.13), rng.uniform(0.7, 0.95)
        bar, panel = back + rng.uniform(0.05, 0.12), back + rng.uniform(0.03, 0.07)
        margin, height = int(size * rng.uniform(0.2, 0.8)), int(size * rng.uniform(0.3, 0.6))
        window = np.pad(panel + (text - panel) * ink, margin, constant_values=back)
        window = np.pad(window, ((height, 0), (0, 0)), constant_values=bar)
        boxes = tuple((x + margin, y + margin + height, *rest) for x, y, *rest in example.boxes)
        yield example._replace(boxes=boxes, picture=levels(window))


def corrupted(images: Picture, labels: NDArray[np.integer], name: str) -> Iterator[Example]:
    """Digits of MNIST in pictures, black on white and eight times as large, with a corruption, or
    "plain".
    """
    made = images if name == "plain" else corrupt(images, name)
    for image, label, original in zip(made, labels, images, strict=True):
        large = np.kron(255 - image, np.ones((8, 8), np.uint8))
        box = box_of(np.kron(original / 255, np.ones((8, 8))).astype(np.float32), 0, 0)
        yield Example(name, (int(label),), (box,), large)


def font_writer(font: Path) -> Writer:
    large = ImageFont.truetype(str(font), 200)
    _, top, _, bottom = large.getbbox("0", anchor="ls")

    def write(digit: int, size: float, rng: np.random.Generator) -> tuple[Ink, float]:
        drawn = ImageFont.truetype(
            str(font), max(8, 200 * size * rng.normal(1, 0.03) / (bottom - top))
        )
        left, above, right, below = drawn.getbbox(str(digit), anchor="ls")
        image = Image.new("L", (int(right - left) + 4, int(below - above) + 4))
        ImageDraw.Draw(image).text((2 - left, 2 - above), str(digit), 255, drawn, anchor="ls")
        return np.asarray(image, np.float32) / np.float32(255), -below - 2

    return write


def _line(kind: str, digits: Sequence[int], writer: Writer, rng: np.random.Generator) -> Example:
    """Digits on one baseline."""
    size = float(np.exp(rng.uniform(np.log(32), np.log(110))))
    ink, boxes, _ = written_line(digits, writer, size, rng)
    before, after = (size * rng.uniform(0.5, 1.1, (2, 2))).astype(int)
    ink = np.pad(ink, ((before[0], after[0]), (before[1], after[1])))
    boxes = [(x + before[1], y + before[0], width, height) for x, y, width, height in boxes]
    return Example(kind, tuple(digits), tuple(boxes), levels(PAPER - (PAPER - INK) * ink))


def written_line(
    digits: Sequence[int], writer: Writer, size: float, rng: np.random.Generator
) -> tuple[Ink, list[Box], int]:
    """Coverage with ink of a line, the box of each digit, and the row of the baseline."""
    glyphs = [writer(digit, size, rng) for digit in digits]
    feet = [round(foot + size * rng.normal(0, 0.02)) for _, foot in glyphs]
    base = max(len(ink) + foot for (ink, _), foot in zip(glyphs, feet))
    rows = base - min(feet)
    line = np.zeros((rows, 0), np.float32)
    boxes: list[Box] = []
    for (ink, _), foot in zip(glyphs, feet):
        top = base - foot - len(ink)
        own = np.pad(ink, ((top, rows - top - len(ink)), (0, 0)))
        x = line.shape[1] + int(size * rng.uniform(0.14, 0.4)) if boxes else 0
        line = np.pad(line, ((0, 0), (0, max(0, x + own.shape[1] - line.shape[1]))))
        window = line[:, x : x + own.shape[1]]
        np.maximum(window, own, out=window)
        boxes.append(box_of(ink, x, top))
    return line, boxes, base


def _shadow(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Light that falls off, with the soft edge of a shadow."""
    rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * columns + np.sin(angle) * rows
    edge = (along - rng.uniform(-0.5, 0.5)) / rng.uniform(0.05, 0.3)
    falling = 1 - rng.uniform(0, 0.25) * (along + 1.5) / 3
    return np.asarray(falling * (1 - rng.uniform(0.25, 0.5) / (1 + np.exp(-edge))))


def _page_on_a_table(writer: Writer, rng: np.random.Generator) -> Example:
    """A sheet with two to four lines of digits, turned by a few degrees, on a dark table."""
    size = float(np.exp(rng.uniform(np.log(26), np.log(60))))
    pitch, margin = int(size * rng.uniform(1.5, 2.2)), int(size * rng.uniform(0.8, 1.6))
    written = [
        (rng.integers(10, size=n).tolist(), int(size * rng.uniform(0, 1)))
        for n in rng.integers(3, 7, size=rng.integers(2, 5))
    ]
    drawn = [(written_line(digits, writer, size, rng), indent) for digits, indent in written]
    width = max(line.shape[1] + indent for (line, _, _), indent in drawn) + 2 * margin
    height = int(2 * margin + pitch * len(drawn) + size)
    ink, boxes = np.zeros((height, width), np.float32), []
    for number, ((line, own, base), indent) in enumerate(drawn):
        left, top = margin + indent, int(margin + size + number * pitch) - base
        window = ink[max(top, 0) : top + len(line), left : left + line.shape[1]]
        np.maximum(window, line[max(-top, 0) :], out=window)
        boxes += [(x + left, y + top, *rest) for x, y, *rest in own]
    paper = rng.uniform(0.75, PAPER)
    picture = paper * (1 - ink) + rng.uniform(0.05, 0.25) * ink
    sides = rng.uniform(0.08, 0.6, 4) * (rng.permutation(4) >= rng.integers(0, 3))
    above, right, below, before = (
        int(side * extent) for side, extent in zip(sides, (height, width) * 2)
    )
    angle = rng.normal(0, 2.5) if sides.all() else 0.0
    scene = np.pad(picture, ((above, below), (before, right)), constant_values=np.nan)
    boxes = [(x + before, y + above, *rest) for x, y, *rest in boxes]
    turned = np.asarray(
        Image.fromarray(np.nan_to_num(scene, nan=-9).astype(np.float32)).rotate(
            angle, Image.Resampling.NEAREST, fillcolor=-9
        )
    )
    grain = ndimage.gaussian_filter(
        rng.standard_normal(scene.shape), rng.choice([1.0, 3.0, 8.0], 2)
    )
    table = rng.uniform(0.06, 0.3) + rng.uniform(0.005, 0.03) * grain / grain.std()
    photo = np.where(turned < -1, table, turned) * _shadow(scene.shape, rng)
    photo = ndimage.gaussian_filter(photo, rng.uniform(0.4, 0.9))
    photo += rng.uniform(0.003, 0.015) * rng.standard_normal(photo.shape)
    digits = tuple(digit for line, _ in written for digit in line)
    return Example(
        "page on a table",
        digits,
        tuple(_turned(box, angle, scene.shape) for box in boxes),
        levels(photo),
    )


def _turned(box: Box, angle: float, shape: tuple[int, ...]) -> Box:
    """A box whose middle turns about the middle of the picture."""
    x, y, width, height = box
    middle = np.array([shape[1], shape[0]]) / 2
    across, down = np.array([x + width / 2, y + height / 2]) - middle
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    across, down = cosine * across + sine * down, cosine * down - sine * across
    return int(middle[0] + across - width / 2), int(middle[1] + down - height / 2), width, height
