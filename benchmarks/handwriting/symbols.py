"""Symbols that are not digits, as strokes in a box of height 1. As in `pens`, y points down."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.handwriting.pens import Glyph, glyph

Floats = NDArray[np.float64]
TURN = 2 * np.pi

# A symbol per line, as in `pens.GLYPHS`.
GLYPHS = """\
triangle 50,0* 100,90* 0,90* 50,0
triangle 0,0* 100,0* 50,90* 0,0
house 0,45* 0,100* 80,100* 80,45* 0,45* 40,0* 80,45
house 0,45* 0,100* 80,100* 80,45 | -8,50 40,0* 88,50 | 30,100 30,70* 50,70* 50,100
cross 40,0 40,100 | 0,40 80,40
cross 50,0 50,100 | 0,50 100,50
moon 60,0 25,8 2,50 25,92 60,100* 36,80 28,50 36,20 60,0
fish 0,40 30,10 70,12 110,40 140,70* 140,10* 110,40 70,70 30,70 0,40 | 25,32 26,34
tree 40,0* 0,70* 80,70* 40,0 | 40,70 40,100
tree 50,0 20,10 5,35 25,60 50,62 75,60 95,35 80,10 50,0 | 50,62 50,100
question-mark 0,25 12,4 34,0 54,12 50,34 30,50 26,70 | 26,94 27,96
note 22,85 10,78 0,88 8,100 22,95 24,80* 24,0* 55,25 50,45
"""
VARIANTS: dict[str, list[str]] = {}
for line in GLYPHS.splitlines():
    name, _, points = line.partition(" ")
    VARIANTS.setdefault(name, []).append(points)


def _heart(rng: np.random.Generator) -> Glyph:
    """From the dip around to the dip; the lobes and the tip vary."""
    t = np.linspace(0, TURN, 40)
    depth, lobes = rng.uniform(3, 6), rng.uniform(1.5, 2.5)
    x = 16 * np.sin(t) ** 3
    y = depth * np.cos(2 * t) + lobes * np.cos(3 * t) + np.cos(4 * t) - 13 * np.cos(t)
    return [_stroke(np.column_stack([x * rng.uniform(0.8, 1.15), y]))]


def _smiley(rng: np.random.Generator) -> Glyph:
    """A circle with eyes, a mouth and sometimes a nose, happy or sad."""
    width = rng.uniform(0.8, 1.1)
    apart, high = rng.uniform(0.17, 0.24), rng.uniform(-0.22, -0.1)
    smile = rng.uniform(0.08, 0.2) * rng.choice([1, 1, 1, -1])
    mouth = np.linspace(-1, 1, 9)
    below, wide = rng.uniform(0.12, 0.2), rng.uniform(0.2, 0.3)
    tall = rng.choice([0.01, 0.08])
    inner = [
        np.column_stack([wide * mouth, below + smile * (1 - mouth**2) - 0.2 * smile]),
        *(np.array([(side * apart, high - tall), (side * apart, high + tall)]) for side in (-1, 1)),
    ]
    if rng.random() < 0.3:
        inner.append(np.array([(0.0, -0.05), (0.02, 0.07)]))
    strokes = [_circle(rng), *inner]
    return [_stroke(points * (width, 1) + 0.5, fit=False) for points in strokes]


def _star(rng: np.random.Generator) -> Glyph:
    """A pentagram, an outline with five or six points, or an asterisk."""
    kind = rng.choice(["pentagram", "outline", "outline", "asterisk"])
    if kind == "pentagram":
        return [_polygon(_around(5)[[0, 2, 4, 1, 3, 0]])]
    num_points = int(rng.integers(5, 7))
    if kind == "asterisk":
        ends = _around(2 * int(rng.integers(3, 5)))
        half = len(ends) // 2
        return [_stroke(0.5 + np.stack([ends[i], ends[i + half]]) / 2, False) for i in range(half)]
    corners = _around(2 * num_points)
    corners[1::2] *= rng.uniform(0.38, 0.55)
    return [_polygon(np.concatenate([corners, corners[:1]]))]


def _arrow(rng: np.random.Generator) -> Glyph:
    """A shaft with a head at one end or both, or an outline, in any of eight directions."""
    head, spread = rng.uniform(0.25, 0.4), rng.uniform(0.18, 0.3)
    strokes = [
        np.array([(0.0, 0.0), (1.0, 0.0)]),
        np.array([(1 - head, -spread), (1.0, 0.0), (1 - head, spread)]),
    ]
    kind = rng.choice(["one", "one", "both", "outline"])
    if kind == "both":
        strokes.append(np.array([(head, -spread), (0.0, 0.0), (head, spread)]))
    if kind == "outline":
        thick, wide = rng.uniform(0.1, 0.18), rng.uniform(0.28, 0.4)
        upper = [(0, -thick), (1 - head, -thick), (1 - head, -wide), (1, 0)]
        strokes = [np.array(upper + [(x, -y) for x, y in upper[-2::-1]] + upper[:1])]
    angle = TURN * rng.integers(8) / 8
    return [_polygon(points, angle) for points in strokes]


def _circle(rng: np.random.Generator, radius: float = 0.5) -> Floats:
    """A circle around the origin that begins anywhere and does not quite close."""
    angles = rng.uniform(0, TURN) + np.linspace(0, TURN * rng.uniform(0.95, 1.03), 24)
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


def _around(count: int) -> Floats:
    """Points on a circle, the first at the top."""
    angles = TURN * np.arange(count) / count
    return np.column_stack([np.sin(angles), -np.cos(angles)])


def _polygon(corners: Floats, angle: float = 0.0) -> list[tuple[float, float]]:
    """A stroke from corner to corner, turned around the origin."""
    cos, sin = np.cos(angle), np.sin(angle)
    turned = corners @ np.array([[cos, sin], [-sin, cos]])
    return _stroke(np.repeat(turned, 2, axis=0), fit=False)


def _stroke(points: Floats, fit: bool = True) -> list[tuple[float, float]]:
    if fit:
        points = (points - points.min(axis=0)) / np.ptp(points, axis=0)[1]
    return [(float(x), float(y)) for x, y in points]


DRAWN: dict[str, Callable[[np.random.Generator], Glyph]] = {
    "heart": _heart,
    "smiley": _smiley,
    "star": _star,
    "arrow": _arrow,
}
SYMBOLS = [*DRAWN, *VARIANTS]


def symbol(name: str, rng: np.random.Generator) -> Glyph:
    """Strokes of one of the `SYMBOLS`."""
    return DRAWN[name](rng) if name in DRAWN else glyph(str(rng.choice(VARIANTS[name])))
