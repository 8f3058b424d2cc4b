"""A photograph of a sheet: pen, paper, light, lens, sensor and compression."""

import io

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from mnist_pipeline.handwriting.judge.sheet import Sheet


def photographed(sheet: Sheet) -> NDArray[np.uint8]:
    """Grey levels of a sheet: pen, paper, light, lens, sensor and compression.

    What is drawn on a screen has two colours, and no photograph is taken of it.
    """
    random = sheet.random
    rows, columns = sheet.shape
    if sheet.on_screen:
        light, dark = random.uniform(225, 255), random.uniform(0, 40)
        levels = light + (dark - light) * sheet.ink
        return _as_bytes(255 - levels if random.random() < 0.2 else levels)
    ink = sheet.ink
    if random.random() < 0.3:  # pencil, chalk, crayon
        sizes = random.uniform(0.3, 1.2) * random.choice([[1, 1], [1, 4], [4, 1]])  # or streaks
        grain = scipy.ndimage.gaussian_filter(random.random((rows, columns)), sizes)
        grain = (grain - grain.min()) / np.ptp(grain)
        ink = ink * (1 - random.uniform(0.2, 0.7) * grain)
    strength = random.choice([1.0, random.uniform(0.25, 1)])
    paper = random.uniform(170, 255)
    dark = paper * (1 - strength) + random.uniform(0, 60) * strength
    ruling = random.uniform(0.4, 0.9)
    written = np.maximum(ink, sheet.printed * ruling)
    levels = paper + (dark - paper) * written
    if random.random() < 0.35:  # light from a side
        y, x = np.mgrid[:rows, :columns]
        angle = random.uniform(0, 2 * np.pi)
        slope = np.cos(angle) * x / columns + np.sin(angle) * y / rows
        levels = levels * (1 - random.uniform(0.1, 0.6) * (slope - slope.min()) / np.ptp(slope))
    if random.random() < 0.12:  # the edge of a shadow
        y, x = np.mgrid[:rows, :columns]
        angle = random.uniform(0, 2 * np.pi)
        across = np.cos(angle) * (x - columns * random.random()) + np.sin(angle) * (
            y - rows * random.random()
        )
        shadow = np.clip(0.5 + across / random.uniform(2, 40), 0, 1)
        levels = levels * (1 - random.uniform(0.2, 0.6) * shadow)
    if random.random() < 0.5:
        levels = scipy.ndimage.gaussian_filter(levels, random.uniform(0.3, 1.6))
    if random.random() < 0.5:
        levels = levels + random.normal(0, random.uniform(1, 12), (rows, columns))
    if random.random() < 0.25:
        levels = 255 - levels
    picture = _as_bytes(levels)
    if random.random() < 0.3:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=int(random.integers(25, 90)))
        picture = np.asarray(Image.open(file))
    return picture


def _as_bytes(levels: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
