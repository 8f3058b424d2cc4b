"""Pictures without a digit: noise, textures, scribbles, blank paper and objects, the same for the same seed."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from support.handwriting import Picture, blank_picture, noise_picture, scribble_picture, texture_picture

Field = NDArray[np.float64]


def nondigit_pictures(count_per_kind: int, seed: int) -> Iterator[tuple[str, Picture]]:
    """Pairs of kind and picture, `count_per_kind` of each of the `KINDS`.

    A picture depends only on the seed, its kind and its number, so a longer series begins with the shorter one.
    """
    for number, (kind, draw) in enumerate(KINDS.items()):
        for index in range(count_per_kind):
            yield kind, draw(np.random.default_rng((seed, number, index)))


def _white_noise(rng: np.random.Generator) -> Picture:
    return rng.integers(0, 256, _shape(rng), dtype=np.uint8)


def _salt_and_pepper(rng: np.random.Generator) -> Picture:
    picture = np.full(_shape(rng), rng.integers(100, 256), np.uint8)
    share = rng.uniform(0.01, 0.2)
    chance = rng.random(picture.shape)
    picture[chance < share] = 0
    picture[chance > 1 - share] = 255
    return picture


def _clouds(rng: np.random.Generator) -> Picture:
    """Noise at all scales, stronger the coarser: its spectrum falls with a power of the frequency."""
    shape = _shape(rng)
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) / frequency ** rng.uniform(1.0, 2.0)
    return _levels(np.fft.irfft2(spectrum, shape), rng)


def _wood(rng: np.random.Generator) -> Picture:
    """The grain of wood."""
    rows, _ = _grid(_shape(rng))
    bend = ndimage.gaussian_filter(rng.standard_normal(rows.shape), (6, 40)) * rng.uniform(20, 80)
    rings = np.sin((rows + rng.uniform(2, 10) * bend) * 2 * np.pi / rng.uniform(6, 30))
    fibres = ndimage.gaussian_filter(rng.standard_normal(rows.shape), (0.5, 12))
    grain = rings + rng.uniform(0.5, 2) * fibres / fibres.std()
    return _levels(grain.T if rng.random() < 0.5 else grain, rng)


def _fabric(rng: np.random.Generator) -> Picture:
    """A plain weave."""
    rows, columns = _grid(_shape(rng))
    period = rng.uniform(4, 16)
    warp, weft = np.abs(np.sin(np.pi * columns / period)), np.abs(np.sin(np.pi * rows / period))
    over = (columns // period + rows // period) % 2 == 0
    return _levels(np.where(over, warp, 0.7 * weft) + rng.normal(0, 0.1, rows.shape), rng)


def _gradient(rng: np.random.Generator) -> Picture:
    rows, columns = _grid(_shape(rng))
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * columns / columns.max() + np.sin(angle) * rows / rows.max()
    return _levels(ramp ** (1 if rng.random() < 0.5 else 3) + rng.normal(0, rng.uniform(0, 0.02), rows.shape), rng)


def _zigzag(rng: np.random.Generator) -> Picture:
    """A line back and forth, five to twelve times."""
    teeth = int(rng.integers(5, 13))
    along, across = np.linspace(0, rng.uniform(0.8, 2.5), teeth), np.resize((0.0, 1.0), teeth)
    return _drawn([np.column_stack([along, across]) + rng.normal(0, 0.06, (teeth, 2))], rng)


def _loops(rng: np.random.Generator) -> Picture:
    """A pen line in loops from left to right."""
    angle = np.linspace(0, 2 * np.pi * rng.uniform(3.5, 7), 200)
    radius = rng.uniform(0.3, 0.5)
    return _drawn([np.column_stack([angle * rng.uniform(0.03, 0.12) + radius * np.cos(angle), np.sin(angle) / 2])], rng)


def _strokes(rng: np.random.Generator) -> Picture:
    """Five to nine straight strokes that cross near one point."""
    angle = rng.uniform(0, np.pi, int(rng.integers(5, 10)))
    tip = np.column_stack([np.cos(angle), np.sin(angle)])
    ends = np.stack([-tip, tip], axis=1) * rng.uniform(0.3, 1, (len(tip), 2, 1))
    return _drawn(list(ends + rng.normal(0, 0.1, (len(tip), 1, 2))), rng)


def _shadowed(rng: np.random.Generator) -> Picture:
    """Paper with the edge of a shadow."""
    rows, columns = _grid(_shape(rng))
    angle = rng.uniform(0, 2 * np.pi)
    side = np.cos(angle) * (columns - columns.mean()) + np.sin(angle) * (rows - rows.mean())
    shadow = 1 / (1 + np.exp(-side / rng.uniform(1, 15)))
    return _clipped(rng.uniform(180, 250) * (1 - rng.uniform(0.2, 0.6) * shadow) + _grain(rng, rows.shape))


def _crumpled(rng: np.random.Generator) -> Picture:
    """Paper folded into facets of different brightness."""
    shape = _shape(rng)
    rows, columns = _grid(shape)
    corners = rng.random((int(rng.integers(8, 40)), 2)) * shape
    distance = np.hypot(rows[..., None] - corners[:, 0], columns[..., None] - corners[:, 1])
    tilt = rng.normal(0, 1, (len(corners), 3))
    facet = distance.argmin(axis=2)
    brightness = tilt[facet, 0] + tilt[facet, 1] * rows / shape[0] + tilt[facet, 2] * columns / shape[1]
    brightness = ndimage.gaussian_filter(brightness, rng.uniform(0.5, 3)) * rng.uniform(3, 15)
    return _clipped(rng.uniform(180, 240) + brightness + _grain(rng, shape))


def _things(rng: np.random.Generator) -> Picture:
    """Round and rectangular objects, out of focus, on an uneven background."""
    shape = _shape(rng)
    canvas = Image.new("L", shape[::-1], int(rng.integers(40, 216)))
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(3, 12))):
        x, y = rng.random(2) * shape[::-1]
        width, height = rng.uniform(0.1, 0.5, 2) * min(shape)
        form = draw.ellipse if rng.random() < 0.6 else draw.rectangle
        form((x - width / 2, y - height / 2, x + width / 2, y + height / 2), fill=int(rng.integers(0, 256)))
    light = ndimage.gaussian_filter(rng.standard_normal(shape), min(shape) / 5)
    blurred = ndimage.gaussian_filter(np.asarray(canvas, np.float64), rng.uniform(0.5, 8))
    return _clipped(blurred + 25 * light / light.std() + _grain(rng, shape))


KINDS: dict[str, Callable[[np.random.Generator], Picture]] = {
    "white noise": _white_noise,
    "coarse noise": noise_picture,
    "salt and pepper": _salt_and_pepper,
    "clouds": _clouds,
    "pattern": texture_picture,
    "wood": _wood,
    "fabric": _fabric,
    "gradient": _gradient,
    "scribble": scribble_picture,
    "zigzag": _zigzag,
    "loops": _loops,
    "strokes": _strokes,
    "empty paper": blank_picture,
    "shadowed paper": _shadowed,
    "crumpled paper": _crumpled,
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


def _drawn(strokes: list[NDArray[np.float64]], rng: np.random.Generator) -> Picture:
    """Draw strokes with a pen on paper, about 100 pixels high."""
    points = np.concatenate(strokes)
    low, extent = points.min(axis=0), np.ptp(points, axis=0).max()
    width, height = (int(120 + rng.integers(60)) for _ in range(2))
    canvas = Image.new("L", (2 * width, 2 * height))
    draw = ImageDraw.Draw(canvas)
    pen = rng.uniform(5, 20)
    corner = rng.uniform(15, 30, 2)
    for stroke in strokes:
        path = [tuple(2 * (corner + 90 * (point - low) / extent)) for point in stroke]
        draw.line(path, fill=255, width=round(pen), joint="curve")
        for x, y in path:
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    ink = np.asarray(canvas.reduce(2), np.float64) / 255
    return _clipped(rng.uniform(190, 250) * (1 - rng.uniform(0.6, 0.95) * ink) + _grain(rng, ink.shape))
