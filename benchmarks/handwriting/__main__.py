"""Write the small pictures of the tests: `python -m benchmarks.handwriting DIRECTORY`."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.bench import ROOT
from benchmarks.handwriting import Example, Picture, pens
from mnist_pipeline.data.datasets import load_digits

SEED = 7
# How many pictures of each kind, and their pixels, at most.
LIMITS = {
    "single": (10, 25_000),
    "pasted": (5, 40_000),
    "line": (5, 80_000),
    "page": (5, 80_000),
    "form": (7, 80_000),
    "letter": (8, 25_000),
    "scribble": (4, 25_000),
    "blank": (4, 25_000),
}
NUM_LEVELS = 16  # of grey, so that a pixel takes half a byte


def main() -> None:
    """Write KIND_TEXT.png, where "-" separates the lines of a text."""
    counts = Counter[str]()
    directory = Path(sys.argv[1])
    for name, picture in _pictures():
        kind = name.partition("_")[0]
        number, pixels = LIMITS[kind]
        path = directory / f"{name}.png"
        is_small = picture.shape[0] * picture.shape[1] <= pixels
        if is_small and counts[kind] < number and not path.exists():
            counts[kind] += 1
            image = Image.fromarray(picture).convert("L")
            image.quantize(NUM_LEVELS, dither=Image.Dither.NONE).save(path, optimize=True)


def _pictures() -> Iterator[tuple[str, Picture]]:
    """Names and pictures of all kinds, more than are written."""
    test = load_digits(ROOT / "data", "test")
    for example in pens.evaluation_set(20, SEED, (test.images[:100], test.labels[:100])):
        yield _name(example), example.picture
    rng = np.random.default_rng(SEED)
    for kind in ("row", "grid", "box") * 8:
        form = pens.form_picture(kind, rng)
        yield _name(form), form.picture
    for number in range(20):
        for letter in pens.DISTINCT:
            yield f"letter_{letter}", pens.glyph_picture(letter, rng)
        yield f"scribble_{number}", pens.scribble_picture(rng)
        yield f"blank_{number}", pens.blank_picture(rng)


def _name(example: Example) -> str:
    text = str(example.digits[0])
    for i in range(1, len(example.digits)):
        is_next_line = example.boxes[i][0] < example.boxes[i - 1][0]
        text += "-" * is_next_line + str(example.digits[i])
    return f"{example.kind.partition(',')[0]}_{text}"


if __name__ == "__main__":
    main()
