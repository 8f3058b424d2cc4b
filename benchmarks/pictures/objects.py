"""Hearts, emoji, icons, and photographed shapes."""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.pictures import canvas
from benchmarks.pictures.canvas import CLEAR, OUTLINES, WHITE, Color, Field, Rng, Sketch, arc, box

# Hue in turns, and the ranges of saturation and value.
HEART_COLORS = {
    "red": (0.99, (0.75, 1), (0.75, 1)),
    "orange": (0.075, (0.75, 1), (0.9, 1)),
    "yellow": (0.14, (0.6, 1), (0.9, 1)),
    "green": (0.34, (0.5, 1), (0.45, 0.85)),
    "blue": (0.59, (0.6, 1), (0.6, 1)),
    "purple": (0.77, (0.45, 0.9), (0.5, 0.9)),
    "brown": (0.06, (0.5, 0.85), (0.3, 0.6)),
}


def heart(kind: str, rng: Rng) -> Image.Image:
    """A heart, a book or a circle on white or pale ground. The class is its colour."""
    hue, saturation, value = HEART_COLORS[kind]
    paint = canvas.color(hue + rng.normal(0, 0.008), rng.uniform(*saturation), rng.uniform(*value))
    ground = WHITE if rng.random() < 0.5 else canvas.any_color(rng, (0.02, 0.15), (0.88, 1))
    size = rng.uniform(0.25, 0.7)
    place = rng.uniform(size - 1, 1 - size, 2)
    sketch = Sketch(canvas.side(rng), ground, size)
    sketch.middle, sketch.degrees = place, rng.uniform(-40, 40)
    form = canvas.chosen(rng, ("heart", "book", "circle"))
    if form == "book":
        sketch.fill(box(-0.75, -1, 0.75, 1), paint)
        sketch.fill(box(-0.65, 0.72, 0.75, 0.9), WHITE)
        sketch.stroke([(-0.5, -1), (-0.5, 0.7)], 0.05, canvas.mixed(paint, (0, 0, 0, 255), 0.3))
    else:
        sketch.fill(OUTLINES[form], paint)
    if rng.random() < 0.5:  # a highlight
        sketch.fill(arc(0, 1, 0.15, (-0.4, -0.35)), canvas.mixed(paint, WHITE, 0.6))
    return sketch.finished().convert("RGB")


class Maker(NamedTuple):
    """How a maker draws emoji. Lengths are in half sides."""

    outline: float  # width of the dark outline
    corner: float  # radius of rounded corners
    gradient: float  # how much lighter the top is than the bottom
    gloss: float  # opacity of the highlight
    saturation: float
    hue: float  # added to each hue, in turns


MAKERS = {
    "alder": Maker(0.0, 0.03, 0.0, 0.0, 0.75, 0.0),
    "birch": Maker(0.022, 0.06, 0.06, 0.0, 0.78, -0.004),
    "cedar": Maker(0.0, 0.1, 0.14, 0.1, 0.78, 0.004),
    "elder": Maker(0.03, 0.03, 0.04, 0.12, 0.72, 0.0),
}


def emoji(maker: str, rng: Rng) -> Image.Image:
    """A face or a thing on transparent ground. The class is its maker."""
    style = Maker(*(value * rng.uniform(0.6, 1.4) for value in MAKERS[maker]))
    style = style._replace(hue=style.hue + rng.normal(0, 0.012))
    sketch = Sketch(canvas.side(rng, 64, 144), CLEAR, size=rng.uniform(0.6, 0.85))
    sketch.middle, sketch.degrees = rng.uniform(-0.1, 0.1, 2), rng.normal(0, 8)
    for outline, hue, brightness in _subject(rng):
        saturation = min(1.0, style.saturation) if hue is not None else 0.0
        value = min(1.0, brightness * rng.uniform(0.95, 1.05))
        _paint(sketch, outline, canvas.color((hue or 0) + style.hue, saturation, value), style)
    return sketch.finished()


def _paint(sketch: Sketch, outline: Field, paint: Color, style: Maker) -> None:
    """One part of an emoji."""
    black = (0, 0, 0, 255)
    if style.outline:
        dark = canvas.mixed(paint, black, 0.45)
        sketch.stroke(outline, 2 * style.outline + style.corner, dark, closed=True)
    large = sketch.image.size
    part = Sketch(large[0] // canvas.SCALE, size=sketch.size)
    part.middle, part.degrees = sketch.middle, sketch.degrees
    part.fill(outline, WHITE)
    part.stroke(outline, style.corner, WHITE, closed=True)
    mask = part.image.getchannel("A")
    _, top, _, bottom = mask.getbbox() or (0, 0, 1, 1)
    colors = np.linspace(
        canvas.mixed(paint, WHITE, style.gradient),
        canvas.mixed(paint, black, style.gradient),
        bottom - top,
    )
    column = Image.fromarray(np.uint8(colors)[:, None]).resize((large[0], bottom - top))
    sketch.image.paste(column, (0, top), mask.crop((0, top, large[0], bottom)))
    if style.gloss and bottom - top > large[1] // 3:
        middle = (0.0, 2 * (top + 0.3 * (bottom - top)) / large[1] - 1)
        shine = Sketch(large[0] // canvas.SCALE, size=1)
        shine.fill(arc(0, 1, 0.45) * (1, 0.5) + middle, WHITE)
        gloss = np.asarray(shine.image.getchannel("A")) * (np.asarray(mask) / 255 * style.gloss)
        sketch.image.paste(WHITE, mask=Image.fromarray(np.uint8(gloss)))


def _subject(rng: Rng) -> list[tuple[Field, float | None, float]]:
    """The parts of a face or a thing: outline, hue (None for grey) and brightness."""
    hue = rng.random()
    kind = int(rng.integers(10))
    if kind < 4:
        return _face(rng)
    if kind == 4:
        petals = int(rng.integers(5, 9))
        around = [arc(0, 1, 0.38, tuple(0.6 * canvas.polygon(petals)[i])) for i in range(petals)]
        return [*((petal, hue, 0.9) for petal in around), (arc(0, 1, 0.35), 0.13, 1.0)]
    if kind == 5:
        leaves = [canvas.polygon(3) * (0.9 - 0.2 * i, 0.6) + (0, 0.35 - 0.4 * i) for i in range(3)]
        trunk = (box(-0.12, 0.5, 0.12, 1), 0.07, 0.5)
        return [trunk, *((leaf, 0.36, 0.65) for leaf in leaves)]
    if kind == 6:
        handle = OUTLINES["ring"] * 0.4 + (0.55, 0.1)
        return [(handle, hue, 0.85), (box(-0.7, -0.6, 0.5, 0.8), hue, 0.9)]
    if kind == 7:
        return [(OUTLINES["heart"] * rng.uniform(0.7, 1), hue, 0.95)]
    if kind == 8:
        puffs = [(-0.5, 0.2, 0.4), (0.5, 0.2, 0.4), (0, 0, 0.55)]
        return [(arc(0, 1, radius, (x, y)), 0.58, 1.0) for x, y, radius in puffs]
    points = int(rng.integers(5, 12))
    return [(canvas.polygon(points, rng.uniform(0.45, 0.75)), 0.12, 1.0)]


def _face(rng: Rng) -> list[tuple[Field, float | None, float]]:
    parts: list[tuple[Field, float | None, float]] = [(arc(0, 1, 0.95), 0.125, 1.0)]
    height, apart = rng.uniform(-0.35, -0.1), rng.uniform(0.25, 0.42)
    for x in (-apart, apart):
        eye = arc(0, 1, 0.12) * (1, rng.uniform(0.7, 1.7)) + (x, height)
        if rng.random() < 0.15:  # closed
            lid = [arc(*turns, (x, height)) for turns in ((-0.25, 0.25, 0.18), (0.25, -0.25, 0.13))]
            eye = np.concatenate(lid)
        parts.append((eye, None, 0.25))
    bend, width = rng.uniform(-1, 1), rng.uniform(0.25, 0.55)
    mouth = np.concatenate([arc(0.25, 0.75) * (1, bend), arc(0.75, 0.25) * (1, 0.2 * bend - 0.1)])
    return [*parts, (mouth * width + (0, 0.35), 0.0, 0.4)]


ICONS = ("house", "arrow", "gear", "envelope", "lock", "bell")


def icon(kind: str, rng: Rng) -> Image.Image:
    """An icon on transparent ground: filled or in outline, dark or coloured, perhaps on a badge."""
    paint = canvas.any_color(rng, (0, 0.3), (0.1, 0.3))
    if rng.random() < 0.5:
        paint = canvas.any_color(rng, (0.5, 1), (0.5, 0.95))
    hole = CLEAR
    sketch = Sketch(canvas.side(rng, 64, 160), size=rng.uniform(0.65, 0.9))
    sketch.middle = rng.uniform(-0.5, 0.5, 2) * (1 - sketch.size)
    if rng.random() < 0.4:
        badge = canvas.chosen(rng, (arc(0, 1), box(-1, -1, 1, 1)))
        sketch.fill(badge, paint)
        paint, hole = WHITE, paint
        sketch.size *= rng.uniform(0.5, 0.65)
    sketch.degrees = rng.normal(0, 8)
    pen = Pen(sketch, paint, hole, rng.uniform(0.08, 0.2), rng.random() < 0.5)
    _DRAW_ICON[kind](pen, rng)
    return sketch.finished()


class Pen(NamedTuple):
    """Draws the parts of an icon, filled or in outline."""

    sketch: Sketch
    paint: Color
    hole: Color
    width: float
    filled: bool

    def part(self, points: canvas.Points, hole: bool = False) -> None:
        """A part with an area, or a hole in one."""
        if self.filled:
            self.sketch.fill(points, self.hole if hole else self.paint)
        else:
            self.sketch.stroke(points, self.width, self.paint, closed=True)

    def line(self, points: canvas.Points, on_part: bool = False) -> None:
        """A line, perhaps on a part."""
        paint = self.hole if self.filled and on_part else self.paint
        self.sketch.stroke(points, self.width, paint)


def _house(pen: Pen, rng: Rng) -> None:
    eaves, wall = rng.uniform(-0.25, 0.15), rng.uniform(0.55, 0.8)
    if rng.random() < 0.5:
        pen.part(box(0.35, -0.75, 0.6, eaves))  # the chimney
    pen.part([(-1, eaves), (0, rng.uniform(-1, -0.7)), (1, eaves)])
    pen.part(box(-wall, eaves - 0.03, wall, 0.9))
    door = rng.uniform(-0.3, 0.3)
    pen.part(box(door - 0.18, rng.uniform(0.2, 0.45), door + 0.18, 0.9), hole=True)


def _arrow(pen: Pen, rng: Rng) -> None:
    pen.sketch.degrees += 45 * int(rng.integers(8))
    back, spread, thick = rng.uniform(-0.2, 0.3), rng.uniform(0.45, 0.9), rng.uniform(0.12, 0.35)
    if rng.random() < 0.4:
        pen.line([(-1, 0), (1, 0)])
        pen.line([(back, -spread), (1, 0), (back, spread)])
    else:
        above = [(-1, -thick), (back, -thick), (back, -spread), (1, 0)]
        pen.part(above + [(x, -y) for x, y in above[-2::-1]])


def _gear(pen: Pen, rng: Rng) -> None:
    teeth, depth = int(rng.integers(6, 13)), rng.uniform(0.15, 0.32)
    turns = (np.arange(4 * teeth) + np.tile([0.15, -0.15, 0.15, -0.15], teeth)) / (4 * teeth)
    radii = np.tile([1, 1, 1 - depth, 1 - depth], teeth)[:, None]
    pen.part(np.concatenate([arc(turn, turn)[:1] for turn in turns]) * radii)
    pen.part(arc(0, 1, rng.uniform(0.2, 0.45)), hole=True)


def _envelope(pen: Pen, rng: Rng) -> None:
    height, fold = rng.uniform(0.5, 0.8), rng.uniform(-0.05, 0.35)
    pen.part(box(-1, -height, 1, height))
    pen.line([(-0.95, -height), (0, fold), (0.95, -height)], on_part=True)
    if rng.random() < 0.4:
        pen.line([(-0.95, height), (-0.3, fold - 0.2)], on_part=True)
        pen.line([(0.95, height), (0.3, fold - 0.2)], on_part=True)


def _lock(pen: Pen, rng: Rng) -> None:
    top, wide = rng.uniform(-0.2, 0.05), rng.uniform(0.6, 0.85)
    radius = wide * rng.uniform(0.55, 0.8)
    shackle = arc(-0.25, 0.25, radius) * (1, 1.2) + (0, top - 0.1)
    if rng.random() < 0.3:  # open
        shackle += np.array([0.9 * radius, -0.1])
    pen.line(np.concatenate([[(shackle[0, 0], top)], shackle, [(shackle[-1, 0], top)]]))
    pen.part(box(-wide, top, wide, 0.95))
    if rng.random() < 0.7:
        pen.line([(0, 0.35 + top / 2), (0, 0.55 + top / 2)], on_part=True)


def _bell(pen: Pen, rng: Rng) -> None:
    pen.sketch.degrees += rng.normal(0, 12)
    wide, shoulder = rng.uniform(0.7, 0.95), rng.uniform(0.4, 0.6)
    dome = arc(-0.25, 0.25, shoulder, (0, -0.3))
    pen.part(np.concatenate([[(-wide, 0.6)], dome, [(wide, 0.6)]]))
    pen.line([(-0.2, 0.85), (0.2, 0.85)])
    if rng.random() < 0.6:
        pen.line([(0, -0.95), (0, -0.8)])


_DRAW_ICON = dict(zip(ICONS, (_house, _arrow, _gear, _envelope, _lock, _bell), strict=True))


def shape(kind: str, rng: Rng) -> Image.Image:
    """A shape of any colour, photographed on a ground of any colour, with its shadow."""
    side = canvas.side(rng, 96, 224)
    texture = canvas.noise(rng, (side, side), rng.uniform(0.3, 2))
    if rng.random() < 0.4:  # boards or tiles
        x, y = canvas.grid(side, side)
        slope, period = rng.uniform(-1, 1), rng.uniform(8, 30)
        texture = 0.5 * texture + 0.25 + 0.25 * np.sin(period * (x + slope * y))
    is_dark = rng.random() < 0.15
    values = ((0.15, 0.5), (0.7, 1)) if is_dark else ((0.7, 1), (0.15, 0.6))
    ground, paint = (canvas.any_color(rng, (0.2, 0.8), value) for value in values)
    other = canvas.mixed(ground, canvas.any_color(rng, (0, 1), (0, 1)), rng.uniform(0.1, 0.4))
    light = canvas.blend(ground, other, texture)
    sketch = Sketch(side, size=rng.uniform(0.5, 0.75))
    sketch.middle = rng.uniform(-0.5, 0.5, 2) * (1 - sketch.size)
    sketch.degrees = rng.normal(0, 15)
    sketch.fill(OUTLINES[kind] * (1, rng.uniform(0.75, 1)), WHITE)
    mask = sketch.finished().getchannel("A")
    shadow = np.asarray(mask.filter(ImageFilter.GaussianBlur(side / 40))) / 255
    offset = rng.integers(-side // 20, side // 20 + 1, 2)
    light *= 1 - rng.uniform(0.2, 0.6) * np.roll(shadow, offset, (0, 1))[..., None]
    cover = np.asarray(mask)[..., None] / 255
    light += (np.array(paint[:3]) / 255 - light) * cover
    return canvas.photograph(light, rng)
