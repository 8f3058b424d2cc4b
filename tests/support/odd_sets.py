"""Data sets that people have and nobody expects: a function per kind, which writes the set into a
directory and returns its path.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

Write = Callable[[Path, np.random.Generator], Path]
Pictures = Sequence[Image.Image]
PER_CLASS = 8


def picture(
    rng: np.random.Generator, label: int, size: tuple[int, int] = (40, 30), mode: str = "RGB"
) -> Image.Image:
    """A bar on a noisy ground; the class is its place and its colour."""
    noise = rng.integers(150, 256, (size[1], size[0], 3), np.uint8)
    image = Image.fromarray(noise)
    left = size[0] * (label % 4) // 5
    colour = (60 * (label % 3), 40 * (label % 5), 90)
    ImageDraw.Draw(image).rectangle((left, 0, left + size[0] // 5, size[1] - 1), fill=colour)
    return image.convert(mode)


def pictures(rng: np.random.Generator, label: int, count: int = PER_CLASS) -> list[Image.Image]:
    """Several of these pictures, each with noise of its own."""
    return [picture(rng, label) for _ in range(count)]


def write(root: Path, classes: Mapping[str, Pictures]) -> Path:
    """A folder per class."""
    for name, images in classes.items():
        (root / name).mkdir(parents=True)
        for number, image in enumerate(images):
            image.save(root / name / f"picture {number}.png")
    return root


def many_classes(root: Path, rng: np.random.Generator) -> Path:
    return write(root, {f"class {number}": pictures(rng, number, 3) for number in range(100)})


def transparent(rng: np.random.Generator, label: int) -> Image.Image:
    """A bar on nothing."""
    image = picture(rng, label, mode="RGBA")
    dark = picture(rng, label, mode="L").point(lambda level: 255 * (level < 130))
    image.putalpha(dark)
    return image


def byte_names(root: Path, rng: np.random.Generator) -> Path:
    """Bars on nothing; the names of folders are bytes in Latin-1, as old archives unpack them."""
    return write(
        root,
        {
            os.fsdecode(name): [transparent(rng, label) for _ in range(PER_CLASS)]
            for label, name in enumerate((b"caf\xe9", b"a"))
        },
    )


def names_for_programs(root: Path, rng: np.random.Generator) -> Path:
    """Names that programs interpret: a browser, a shell, a spreadsheet, Matplotlib."""
    names = ("<b>&amp;", "$x_1$", "-rf", "*[0]?", "%s {0}", "#1;,", "日本")
    return write(root, {name: pictures(rng, label) for label, name in enumerate(names)})


def two_per_class(root: Path, rng: np.random.Generator) -> Path:
    return write(root, {name: pictures(rng, label, 2) for label, name in enumerate("ab")})


def white(root: Path, rng: np.random.Generator) -> Path:
    """All pictures are the same."""
    return write(root, {name: [Image.new("RGB", (40, 30), "white")] * PER_CLASS for name in "ab"})


def one_for_training(root: Path, rng: np.random.Generator) -> Path:
    """A NumPy archive with one training image per class."""
    images = rng.integers(0, 90, (20, 28, 28), np.uint8)
    images[::2, :14] += 150
    images[1::2, 14:] += 150
    labels = np.arange(20) % 2
    arrays = {"x_train": images[:2], "y_train": labels[:2], "x_test": images, "y_test": labels}
    np.savez(root / "set.npz", **arrays)
    return root / "set.npz"


# `--odd-sets N` makes whole runs of the first ones.
ODD_SETS: dict[str, Write] = {
    "two pictures per class": two_per_class,
    "one training image per class": one_for_training,
    "strokes on nothing, names in bytes": byte_names,
    "100 classes": many_classes,
    "white": white,
    "names that programs interpret": names_for_programs,
}
