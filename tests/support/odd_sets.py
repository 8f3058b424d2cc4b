"""Data sets that people have and nobody expects: a function per kind, which writes the set into a
directory and returns its path.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Write = Callable[[Path, np.random.Generator], Path]
Pictures = Sequence[Image.Image]
PER_CLASS = 8
FORMATS = (
    *(("1", "png"), ("RGBA", "png"), ("LA", "png"), ("L", "jpg")),
    *(("RGB", "webp"), ("RGB", "bmp"), ("CMYK", "tif"), ("P", "gif")),
)


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


def write(root: Path, classes: Mapping[str, Pictures], suffix: str = "png", **options: Any) -> Path:
    """A folder per class."""
    for name, images in classes.items():
        (root / name).mkdir(parents=True)
        for number, image in enumerate(images):
            image.save(root / name / f"picture {number}.{suffix}", **options)
    return root


def named(*names: str) -> Write:
    """Class folders with these names."""
    return lambda root, rng: write(
        root, {name: pictures(rng, label) for label, name in enumerate(names)}
    )


def painted(paint: Callable[[np.random.Generator, int], Image.Image], **options: Any) -> Write:
    """Two classes of pictures that `paint` makes."""
    return lambda root, rng: write(
        root,
        {name: [paint(rng, label) for _ in range(PER_CLASS)] for label, name in enumerate("ab")},
        **options,
    )


def plain(mode: str, colour: Any, size: tuple[int, int] = (40, 30)) -> Write:
    """All pictures are the same."""
    return painted(lambda rng, label: Image.new(mode, size, colour))


def beside(write_set: Write, name: str, text: str) -> Write:
    """A set with a file beside it."""

    def write_both(root: Path, rng: np.random.Generator) -> Path:
        path = write_set(root, rng)
        (root / name).write_text(text, encoding="utf-8")
        return path

    return write_both


def levels(rng: np.random.Generator, count: int, shape: tuple[int, ...] = (28, 28)) -> np.ndarray:
    """Images of two classes that take turns: bright at the top, or at the bottom."""
    images = rng.integers(0, 90, (count, *shape), np.uint8)
    images[::2, : shape[0] // 2] += 150
    images[1::2, shape[0] // 2 :] += 150
    return images


def archive(
    change: Callable[[np.ndarray], np.ndarray],
    shape: tuple[int, ...] = (28, 28),
    label: Callable[[np.ndarray], np.ndarray] = lambda labels: labels,
) -> Write:
    """A NumPy archive in one part."""

    def write_archive(root: Path, rng: np.random.Generator) -> Path:
        images = change(levels(rng, 4 * PER_CLASS, shape))
        np.savez(root / "set.npz", images=images, labels=label(np.arange(4 * PER_CLASS) % 2))
        return root / "set.npz"

    return write_archive


def split_archive(train: Iterable[int], test: Iterable[int]) -> Write:
    """A NumPy archive with these labels in each split."""

    def write_archive(root: Path, rng: np.random.Generator) -> Path:
        arrays = {}
        for split, labels in (("train", list(train)), ("test", list(test))):
            both = levels(rng, 2 * len(labels))
            arrays[f"x_{split}"] = both[2 * np.arange(len(labels)) + labels]
            arrays[f"y_{split}"] = np.array(labels)
        np.savez(root / "set.npz", **arrays)
        return root / "set.npz"

    return write_archive


def mixed(root: Path, rng: np.random.Generator) -> Path:
    """Pictures of many formats, modes and sizes in one folder."""
    for label, name in enumerate("ab"):
        (root / name).mkdir()
        for number, (mode, suffix) in enumerate(FORMATS):
            image = picture(rng, label, (20 + 30 * number, 90 - 9 * number), mode)
            image.save(root / name / f"{number}.{suffix}")
    return root


def animated(root: Path, rng: np.random.Generator) -> Path:
    second = pictures(rng, 1, 1)
    return painted(picture, suffix="gif", save_all=True, append_images=second)(root, rng)


def many_classes(root: Path, rng: np.random.Generator) -> Path:
    return write(root, {f"class {number}": pictures(rng, number, 3) for number in range(256)})


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


ODD_SETS: dict[str, Write] = {
    "names in other scripts": named("emoji 🙂", "Ångström", "日本", "עברית", "e\u0301"),
    "names that programs interpret": named("<b>&amp;", "$x_1$", "-rf", "*[0]?", "%s {0}", "#1;,"),
    "names with control characters": named("two\nlines", "a\tb", "\x1b[31mred", "zero\u200bwidth"),
    "long names": named("n" * 250, "m" * 250),
    "names that are numbers": named("1", "01", "-1", "1e3", "nan", "None"),
    "names that differ in case": named("owl", "Owl", "OWL"),
    "strokes on nothing, names in bytes": byte_names,
    "two pictures per class": lambda root, rng: write(
        root, {name: pictures(rng, label, 2) for label, name in enumerate("ab")}
    ),
    "256 classes": many_classes,
    "white": plain("RGB", "white"),
    "fully transparent": plain("RGBA", (0, 0, 0, 0)),
    "one pixel": painted(lambda rng, label: picture(rng, label, (1, 1))),
    "one bit": painted(lambda rng, label: picture(rng, label, mode="1")),
    "animations": animated,
    "many formats": mixed,
    "an archive of truth values": archive(lambda images: images > 100),
    "an archive of large numbers": archive(lambda images: images * 1e300),
    "an archive with four channels": archive(lambda images: images, (28, 28, 4)),
    "labels below 0": archive(lambda images: images, label=lambda labels: labels - 1),
    "labels that are truth values": archive(lambda images: images, label=lambda labels: labels > 0),
    "one class per split": split_archive([0] * 9, [1] * 9),
    "one test image": split_archive([0, 1] * 9, [1]),
    "one training image per class": split_archive([0, 1], [0, 1] * 9),
    "a title": beside(named("a", "b"), "dataset.yaml", 'title: "<i>\\e[1m $x$ {{ 1 }}"\n'),
    "pictures converted as handwriting": beside(named("a", "b"), "dataset.yaml", "fit: mnist\n"),
    "a number for a title": beside(named("a", "b"), "dataset.yaml", "title: .nan\nnoun: 0x1f\n"),
    "odd names in classes.txt": beside(named("a", "b"), "classes.txt", "\u202e<x>\0\n'\"\\\n"),
}
