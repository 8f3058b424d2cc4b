"""Sets of labelled pictures, with a folder of files per class, as a person has them.

Six sets are real, from packages; scripts draw four.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.pictures import diagrams, packages

SEED = 2_026


class PictureSet(NamedTuple):
    """How the pictures of a set are drawn and stored."""

    draw: Callable[[str, np.random.Generator], Image.Image]
    classes: tuple[str, ...]
    count: int  # of the pictures of each class


DRAWN = {
    "clocks": PictureSet(diagrams.clock, diagrams.HOURS, 60),
    "plots": PictureSet(diagrams.plot, diagrams.PLOTS, 60),
    "letters": PictureSet(diagrams.letter, diagrams.LETTERS, 40),
    "spectrograms": PictureSet(diagrams.spectrogram, diagrams.SOUNDS, 60),
}
SETS = (*packages.SETS, *DRAWN)
LARGEST_SIDE = 128  # pixels of a stored picture


def write(name: str, directory: Path) -> Path:
    """Write a set into a folder of its name.

    A picture that is drawn depends only on its set, its class and its number.
    """
    root = directory / name
    pictures = packages.SETS[name]() if name in packages.SETS else _drawn(name)
    for number, (kind, group, picture) in enumerate(pictures):
        folder = root / kind / group
        folder.mkdir(parents=True, exist_ok=True)
        small = picture.convert("RGBA")
        small.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        small.save(folder / f"{number:04}.png")
    return root


def _drawn(name: str) -> packages.Labelled:
    chosen = DRAWN[name]
    for label, kind in enumerate(chosen.classes):
        for number in range(chosen.count):
            rng = np.random.default_rng((SEED, *name.encode(), label, number))
            yield kind, "", chosen.draw(kind, rng)
