"""Colours, outlines, noise and photographs, which the sets share.

Places are in units in which a picture extends from -1 to 1, with y downwards.
"""

import colorsys
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

T = TypeVar("T")
Rng = np.random.Generator
Color = tuple[int, ...]  # red, green, blue and perhaps opacity
Field = NDArray[np.float64]
Points = Sequence[tuple[float, float]] | Field

SCALE = 3  # a sketch is drawn this many times as large, which makes its edges smooth
WHITE, CLEAR = (255, 255, 255, 255), (0, 0, 0, 0)


def color(hue: float, saturation: float, value: float) -> Color:
    """An opaque colour. The hue is in turns, from 0 (red) over 1/3 (green) to 1 (red)."""
    return (*(round(255 * part) for part in colorsys.hsv_to_rgb(hue % 1, saturation, value)), 255)


def any_color(rng: Rng, saturation: tuple[float, float], value: tuple[float, float]) -> Color:
    """A colour of any hue."""
    return color(rng.random(), rng.uniform(*saturation), rng.uniform(*value))


def mixed(first: Color, second: Color, amount: float) -> Color:
    """A colour between two opaque colours: the first for an amount of 0."""
    return tuple(round(a + (b - a) * amount) for a, b in zip(first, second, strict=True))


def arc(start: float, end: float, radius: float = 1, middle: tuple[float, float] = (0, 0)) -> Field:
    """Points of a circle. Angles are in turns, clockwise from the top."""
    angles = 2 * np.pi * np.linspace(start, end, 40)
    return radius * np.stack([np.sin(angles), -np.cos(angles)], axis=1) + middle


def polygon(corners: int, inner: float = 0) -> Field:
    """A regular polygon with a corner at the top, or a star whose inner corners have a radius."""
    count = 2 * corners if inner else corners
    turns = 2 * np.pi * np.arange(count) / count
    radii = np.where(np.arange(count) % 2, inner or 1, 1)
    return np.stack([radii * np.sin(turns), -radii * np.cos(turns)], axis=1)


def box(left: float, top: float, right: float, bottom: float) -> Field:
    """A rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def _heart() -> Field:
    turn = np.linspace(0, 2 * np.pi, 60)
    lobes = 13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)
    return np.stack([np.sin(turn) ** 3, -(lobes + 2.5) / 16], axis=1)


def _bar(quarters: int) -> Field:
    """One of the four bars of a cross."""
    angle = quarters * np.pi / 2
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    return np.array([(-0.3, -0.3), (-0.3, -1), (0.3, -1), (0.3, -0.3)]) @ turn


OUTLINES: dict[str, Field] = {
    "circle": arc(0, 1),
    "triangle": polygon(3),
    "square": box(-0.8, -0.8, 0.8, 0.8),
    "star": polygon(5, 0.42),
    "ring": np.concatenate([arc(0, 1), arc(1, 0, 0.55)]),
    "cross": np.concatenate([_bar(turn) for turn in range(4)]),
    "heart": _heart(),
    "crescent": np.concatenate([arc(0.1, 0.9), arc(0.8, 0.2, 0.62, (0, -0.62))]),
    "hexagon": polygon(6),
}


class Sketch:
    """A square picture in which a thing has a place, a size and an angle."""

    def __init__(self, side: int, ground: Color = CLEAR, size: float = 0.9) -> None:
        self.image = Image.new("RGBA", (side * SCALE, side * SCALE), ground)
        self.draw = ImageDraw.Draw(self.image)
        self.side = side
        self.size = size
        self.middle = np.zeros(2)
        self.degrees = 0.0

    def pixels(self, points: Points) -> list[tuple[float, float]]:
        """The pixels of points of the thing."""
        angle = np.radians(self.degrees)
        turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
        placed = np.asarray(points) @ turn * self.size + self.middle
        return [(float(x), float(y)) for x, y in (placed + 1) * self.side * SCALE / 2]

    def fill(self, points: Points, fill: Color) -> None:
        """Fill an outline."""
        self.draw.polygon(self.pixels(points), fill=fill)

    def stroke(self, points: Points, width: float, fill: Color, closed: bool = False) -> None:
        """Draw a line with round joints and ends."""
        pixels = self.pixels(points)
        pixels += pixels[:2] if closed else []
        wide = max(1, round(width * self.size * self.side * SCALE / 2))
        self.draw.line(pixels, fill=fill, width=wide, joint="curve")
        for x, y in (pixels[0], pixels[-1]):
            radius = (wide - 1) / 2
            self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)

    def finished(self) -> Image.Image:
        """The picture in its own size."""
        return self.image.reduce(SCALE)


def side(rng: Rng, least: int = 64, most: int = 192) -> int:
    """The side of a picture, in pixels."""
    return int(rng.integers(least, most + 1))


def noise(rng: Rng, shape: tuple[int, int], power: float) -> Field:
    """Noise in [0, 1] whose spectrum falls with a power of the frequency."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) / frequency**power, shape)
    return np.clip(0.5 + field / field.std() / 5, 0, 1)


def blend(first: Color, second: Color, amount: Field) -> Field:
    """Light (rows, columns, 3) in [0, 1]: the first colour where the amount is 0."""
    low, high = np.array(first[:3]) / 255, np.array(second[:3]) / 255
    return low + (high - low) * amount[..., None]


def grid(rows: int, columns: int) -> tuple[Field, Field]:
    """x and y of each pixel."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    return x, y


def photograph(light: Field, rng: Rng, blur: tuple[float, float] = (0.3, 1.2)) -> Image.Image:
    """A scene in uneven light, out of focus, with the noise of a camera."""
    x, y = grid(*light.shape[:2])
    angle = rng.uniform(0, 2 * np.pi)
    falling = 1 + rng.uniform(0, 0.3) * (np.cos(angle) * x + np.sin(angle) * y)
    tint = rng.uniform(0.92, 1.08, 3) * rng.uniform(0.75, 1.15)
    scene = picture(light * falling[..., None] * tint)
    blurred = np.asarray(scene.filter(ImageFilter.GaussianBlur(rng.uniform(*blur)))) / 255
    return picture(blurred + rng.normal(0, rng.uniform(0.005, 0.03), light.shape))


def picture(light: Field) -> Image.Image:
    """A picture of light in [0, 1], (rows, columns, 3)."""
    return Image.fromarray(np.uint8(np.clip(255 * light + 0.5, 0, 255)))


def chosen(rng: Rng, values: Sequence[T]) -> T:
    """One of the values."""
    return values[int(rng.integers(len(values)))]
