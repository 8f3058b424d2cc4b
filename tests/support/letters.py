"""Capital letters in the printed fonts of this machine, a folder per class: no font is in both parts.

`python -m generators.letters DIRECTORY` writes a picture of each letter in each font.
"""

import string
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from support import other_hands

HANDS = set(" ".join(other_hands.FONTS.values()).split())
FONTS = Path("/usr/share/fonts")
TEST_SHARE = 0.25  # of the families
SIZE, MARGIN = 64, 8  # pixels


def families(root: Path = FONTS) -> list[list[Path]]:
    """The font files by the name of their directory: Debian's packages have one for a family, or a few of one maker.

    Directories with a handwriting font, from which `other_hands` draws digits, are left out.
    """
    files = sorted(path for suffix in ("ttf", "otf") for path in root.rglob(f"*.{suffix}"))
    names = sorted({path.parent.name for path in files} - {path.parent.name for path in files if path.stem in HANDS})
    return [[each for each in files if each.parent.name == name] for name in names]


def write_letters(directory: Path, fonts: Sequence[Sequence[Path]], seed: int = 0) -> Path:
    """Write a picture of each capital letter in each font as PNG; some families, drawn at random, are the test part."""
    order = np.random.default_rng(seed).permutation(len(fonts))
    for place, number in enumerate(order):
        part = "test" if place < TEST_SHARE * len(fonts) else "train"
        for file in fonts[number]:
            font = ImageFont.truetype(str(file), SIZE)
            for letter in string.ascii_uppercase:
                folder = directory / part / letter
                folder.mkdir(parents=True, exist_ok=True)
                _draw(letter, font).save(folder / f"{file.stem}{file.suffix[1:]}.png")
    return directory


def _draw(letter: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """A letter as large as its ink, in white on black, as MNIST has it."""
    left, top, right, bottom = font.getbbox(letter)
    image = Image.new("L", (int(right - left) + 2 * MARGIN, int(bottom - top) + 2 * MARGIN))
    ImageDraw.Draw(image).text((MARGIN - left, MARGIN - top), letter, 255, font)
    return image


if __name__ == "__main__":
    write_letters(Path(sys.argv[1]), families())
