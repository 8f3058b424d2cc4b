"""Sets of labelled pictures, with a folder of files per class, as a person has them."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.pictures import diagrams, objects, scenes

SEED = 2_026


class PictureSet(NamedTuple):
    """How the pictures of a set are drawn and stored."""

    draw: Callable[[str, np.random.Generator], Image.Image]
    classes: tuple[str, ...]
    counts: tuple[int, ...]  # of the pictures of each class, in turn
    suffix: str = "png"


SHAPES = ("circle", "triangle", "square", "star", "ring", "cross", "crescent", "hexagon")
SETS = {
    "hearts": PictureSet(objects.heart, tuple(objects.HEART_COLORS), (50,)),
    "flags": PictureSet(scenes.flag, scenes.FLAGS, (30,), "jpg"),
    "emoji": PictureSet(objects.emoji, tuple(objects.MAKERS), (300,)),
    "icons": PictureSet(objects.icon, objects.ICONS, (175,), "webp"),
    "textures": PictureSet(scenes.texture, scenes.TEXTURES, (60,), "jpg"),
    "clocks": PictureSet(diagrams.clock, diagrams.HOURS, (60,)),
    "plots": PictureSet(diagrams.plot, diagrams.PLOTS, (60,)),
    "letters": PictureSet(diagrams.letter, diagrams.LETTERS, (40,)),
    "shapes": PictureSet(objects.shape, SHAPES, (50, 44, 40, 36, 50, 40, 30, 10), "jpg"),
    "spectrograms": PictureSet(diagrams.spectrogram, diagrams.SOUNDS, (60,)),
}


def write(name: str, directory: Path, seed: int = SEED, limit: int | None = None) -> Path:
    """Write a set into a folder of its name, with at most `limit` pictures per class.

    A picture depends only on the seed, its set, its class and its number.
    """
    chosen = SETS[name]
    for label, kind in enumerate(chosen.classes):
        folder = directory / name / kind
        folder.mkdir(parents=True, exist_ok=True)
        count = chosen.counts[label % len(chosen.counts)]
        for number in range(min(count, limit or count)):
            rng = np.random.default_rng((seed, *name.encode(), label, number))
            picture = chosen.draw(kind, rng)
            picture.save(
                folder / f"{number:03}.{chosen.suffix}", lossless=True, quality=90, method=0
            )
    return directory / name
