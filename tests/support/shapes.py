"""Photographs of three shapes in a folder per class: a data set such as a person may have."""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

NUM_POINTS = {"circle": 60, "square": 4, "star": 10}
NAMES = tuple(NUM_POINTS)


def write_shapes(directory: Path, per_class: int = 100, seed: int = 0) -> Path:
    """Write pictures of each shape with random size, position, angle, colours and noise, as JPEG
    files.
    """
    generator = np.random.default_rng(seed)
    for name in NAMES:
        (directory / name).mkdir(parents=True)
        for number in range(per_class):
            _photograph(name, generator).save(directory / name / f"{name} {number}.jpg", quality=85)
    return directory


def _photograph(name: str, generator: np.random.Generator) -> Image.Image:
    size = generator.integers(200, 500, 2)
    dark, light = (
        tuple(generator.integers(*levels, 3).tolist()) for levels in ((0, 90), (120, 256))
    )
    radius = size.min() * generator.uniform(0.25, 0.45)
    middle = size * generator.uniform(0.4, 0.6, 2)
    count = NUM_POINTS[name]
    angles = generator.uniform(0, 2 * math.pi) + 2 * math.pi * np.arange(count) / count
    radii = radius * np.where((np.arange(count) % 2 == 1) & (name == "star"), 0.4, 1)
    points = middle + np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])
    image = Image.new("RGB", tuple(size.tolist()), dark)
    ImageDraw.Draw(image).polygon([tuple(point) for point in points.tolist()], fill=light)
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(2)), float)
    return Image.fromarray(
        np.clip(blurred + generator.normal(0, 12, blurred.shape), 0, 255).astype(np.uint8)
    )
