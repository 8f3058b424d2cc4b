"""Photographs of three shapes in a folder per class: a data set to try, such as a person may have.

`write_shapes` writes 300 pictures by default.
"""

import math
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

NAMES = ("circle", "square", "star")
NUM_POINTS = {"circle": 60, "square": 4, "star": 10}


def write_shapes(directory: Path, per_class: int = 100, seed: int = 0) -> Path:
    """Write pictures of each shape with random size, place, angle, colours and noise, as JPEG files."""
    generator = np.random.default_rng(seed)
    for name in NAMES:
        (directory / name).mkdir(parents=True)
        for number in range(per_class):
            _photograph(name, generator).save(directory / name / f"{name} {number}.jpg", quality=85)
    return directory


def _photograph(name: str, generator: np.random.Generator) -> Image.Image:
    width, height = (int(side) for side in generator.integers(200, 500, 2))
    dark, light = (tuple(generator.integers(*levels, 3).tolist()) for levels in ((0, 90), (120, 256)))
    radius, turned = min(width, height) * generator.uniform(0.25, 0.45), generator.uniform(0, 2 * math.pi)
    middle = np.array([width, height]) * generator.uniform(0.4, 0.6, 2)
    count = NUM_POINTS[name]
    radii = [radius * (0.4 if name == "star" and k % 2 else 1) for k in range(count)]
    angles = [turned + 2 * math.pi * k / count for k in range(count)]
    points = [(middle[0] + r * math.cos(a), middle[1] + r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]
    image = Image.new("RGB", (width, height), dark)
    ImageDraw.Draw(image).polygon(points, fill=light)
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(2)), float)
    return Image.fromarray(np.clip(blurred + generator.normal(0, 12, blurred.shape), 0, 255).astype(np.uint8))


if __name__ == "__main__":
    write_shapes(Path(sys.argv[1]))
