"""Colours and outlines, which the drawn sets share.

Places are in units in which a picture extends from -1 to 1, with y downwards.
"""

import colorsys
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

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


def picture(light: Field) -> Image.Image:
    """A picture of light in [0, 1], (rows, columns, 3)."""
    return Image.fromarray(np.uint8(np.clip(255 * light + 0.5, 0, 255)))


def chosen(rng: Rng, values: Sequence[T]) -> T:
    """One of the values."""
    return values[int(rng.integers(len(values)))]
