"""Pictures without a digit: noise, textures, scribbles, blank paper and objects, the same for the
same seed.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from benchmarks.handwriting import Picture
from benchmarks.handwriting.pens import blank_picture, scribble_picture

Field = NDArray[np.float64]


def nondigit_pictures(count_per_kind: int, seed: int) -> Iterator[tuple[str, Picture]]:
    """Pairs of kind and picture, `count_per_kind` of each of the `KINDS`.

    A picture depends only on the seed, its kind and its number, so a longer series begins with the
    shorter one.
    """
    for number, (kind, draw) in enumerate(KINDS.items()):
        for index in range(count_per_kind):
            yield kind, draw(np.random.default_rng((seed, number, index)))


def _white_noise(rng: np.random.Generator) -> Picture:
    return rng.integers(0, 256, _shape(rng), dtype=np.uint8)


def _clouds(rng: np.random.Generator) -> Picture:
    """Noise at all scales, stronger the coarser: its spectrum falls with a power of the
    frequency.
    """
    shape = _shape(rng)
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) / frequency ** rng.uniform(1.0, 2.0)
    return _levels(np.fft.irfft2(spectrum, shape), rng)


def _pattern(rng: np.random.Generator) -> Picture:
    """Stripes, checks or dots, at any angle."""
    rows, columns = _grid(_shape(rng))
    angle, period = rng.uniform(0, np.pi), rng.uniform(8, 50)
    u = (np.cos(angle) * columns + np.sin(angle) * rows) / period
    v = (np.cos(angle) * rows - np.sin(angle) * columns) / period
    across, along = np.sin(2 * np.pi * u), np.sin(2 * np.pi * v)
    pattern = (across, np.sign(across * along), across + along - 0.6)[rng.integers(3)]
    return _levels(np.clip(3 * pattern, -1, 1) + rng.normal(0, 0.05, rows.shape), rng)


def _things(rng: np.random.Generator) -> Picture:
    """Round and rectangular objects, out of focus, on an uneven background."""
    shape = _shape(rng)
    canvas = Image.new("L", shape[::-1], int(rng.integers(40, 216)))
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(3, 12))):
        x, y = rng.random(2) * shape[::-1]
        width, height = rng.uniform(0.1, 0.5, 2) * min(shape)
        form = draw.ellipse if rng.random() < 0.6 else draw.rectangle
        form(
            (x - width / 2, y - height / 2, x + width / 2, y + height / 2),
            fill=int(rng.integers(0, 256)),
        )
    light = ndimage.gaussian_filter(rng.standard_normal(shape), min(shape) / 5)
    blurred = ndimage.gaussian_filter(np.asarray(canvas, np.float64), rng.uniform(0.5, 8))
    return _clipped(blurred + 25 * light / light.std() + _grain(rng, shape))


KINDS: dict[str, Callable[[np.random.Generator], Picture]] = {
    "white noise": _white_noise,
    "clouds": _clouds,
    "pattern": _pattern,
    "scribble": scribble_picture,
    "empty paper": blank_picture,
    "things": _things,
}


def _shape(rng: np.random.Generator) -> tuple[int, int]:
    rows, columns = rng.integers(60, 240, 2)
    return int(rows), int(columns)


def _grid(shape: tuple[int, int]) -> Field:
    """Row and column of each pixel, (2, rows, columns)."""
    return np.mgrid[: shape[0], : shape[1]].astype(np.float64)


def _grain(rng: np.random.Generator, shape: tuple[int, ...]) -> Field:
    return rng.normal(0, rng.uniform(0.5, 6), shape)


def _clipped(levels: Field) -> Picture:
    return np.uint8(np.clip(levels, 0, 255))


def _levels(field: Field, rng: np.random.Generator) -> Picture:
    """Scale a field to grey levels, such that three standard deviations are 30 to 120 levels."""
    scaled = (field - field.mean()) / field.std() / 3
    return _clipped(rng.uniform(80, 176) + rng.uniform(30, 120) * scaled)
