"""Clocks, charts, printed letters and spectrograms."""

import string
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy import signal

from benchmarks.pictures import canvas
from benchmarks.pictures.canvas import WHITE, Field, Rng, Sketch, arc, box

FONT_FILES = Path(matplotlib.get_data_path(), "fonts", "ttf")  # the same on every machine
FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold",
    "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol",
    "STIXGeneralItalic", "STIXGeneralBolIta", "cmr10", "cmb10", "cmss10", "cmtt10", "cmti10",
)  # fmt: skip


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT_FILES / f"{name}.ttf"), size)


HOURS = tuple(f"{hour:02}" for hour in range(1, 13))


def clock(hour: str, rng: Rng) -> Image.Image:
    """A clock with two or three hands at any minute. The class is the hour."""
    is_dark = rng.random() < 0.25
    pale = canvas.any_color(rng, (0, 0.25), (0.85, 1))
    dark = canvas.any_color(rng, (0.2, 0.9), (0.05, 0.35))
    dial, ink = (dark, pale) if is_dark else (pale, dark)
    sketch = Sketch(canvas.side(rng, 96), canvas.any_color(rng, (0, 0.6), (0.3, 1)))
    sketch.size, sketch.degrees = rng.uniform(0.75, 0.95), rng.normal(0, 3)
    rim = box(-1, -1, 1, 1) if rng.random() < 0.2 else arc(0, 1)
    sketch.fill(rim, ink)
    sketch.fill(rim * rng.uniform(0.88, 0.97), dial)
    has_numerals = rng.random() < 0.4
    for tick in range(12):
        direction = canvas.polygon(12)[tick]
        if has_numerals:
            (place,) = sketch.pixels([0.76 * direction])
            font = _font("DejaVuSans", max(12, round(0.09 * sketch.image.width) // 6 * 6))
            sketch.draw.text(place, str(tick or 12), ink, font, anchor="mm")
        elif tick % 3 == 0 or rng.random() < 0.9:
            sketch.stroke([0.75 * direction, 0.85 * direction], 0.04, ink)
    minute = int(rng.integers(60))
    turns = (int(hour) / 12 + minute / 720, minute / 60)
    lengths = (rng.uniform(0.4, 0.55), rng.uniform(0.7, 0.85))
    widths = (rng.uniform(0.08, 0.14), rng.uniform(0.04, 0.08))
    for turn, length, width in zip(turns, lengths, widths, strict=True):
        point = arc(turn, turn)[0]
        sketch.stroke([-0.1 * point, length * point], width, ink)
    if rng.random() < 0.4:
        second = arc(*[rng.random()] * 2)[0]
        sketch.stroke([-0.15 * second, 0.8 * second], 0.02, (210, 40, 40, 255))
    return sketch.finished().convert("RGB")


PLOTS = ("bar", "line", "scatter", "pie", "histogram", "box", "area")


def plot(kind: str, rng: Rng) -> Image.Image:
    """A chart of random numbers in a random style."""
    side = canvas.side(rng, 96, 240)
    figure = Figure((side * rng.uniform(1, 1.4) / 60, side / 60), dpi=60)
    axes = figure.add_axes((0.14, 0.14, 0.82, 0.8))
    hues = [np.array(canvas.any_color(rng, (0.4, 0.95), (0.3, 0.9))) / 255 for _ in range(6)]
    number = int(rng.integers(5, 30))
    values = np.abs(np.cumsum(rng.normal(0, 1, (3, number)), axis=1)) + rng.uniform(0.2, 3)
    series = values[: int(rng.integers(1, 4))]
    if kind == "bar":
        first = values[0, : int(rng.integers(3, 13))]
        axes.bar(range(len(first)), first, rng.uniform(0.5, 0.9), color=hues[0])
    elif kind == "line":
        for row, hue in zip(series, hues, strict=False):
            axes.plot(row, color=hue, linewidth=rng.uniform(0.7, 2.5))
    elif kind == "scatter":
        for hue in hues[: len(series)]:
            x = rng.normal(rng.uniform(-2, 2), 1, 2 * number)
            y = rng.uniform(-1, 1) * x + rng.normal(0, 0.7, len(x))
            axes.scatter(x, y, s=rng.uniform(3, 25), color=hue)
    elif kind == "pie":
        axes.pie(values[0, : int(rng.integers(3, 7))], colors=hues, startangle=rng.uniform(0, 360))
    elif kind == "histogram":
        sample = rng.gamma(rng.uniform(1, 9), size=500) * rng.choice([-1, 1])
        axes.hist(sample, int(rng.integers(8, 40)), color=hues[0])
    elif kind == "box":
        samples = rng.normal(rng.uniform(-2, 2, 4), rng.uniform(0.5, 2, 4), (40, 4))
        filled = bool(rng.random() < 0.5)
        drawn = axes.boxplot(samples[:, : int(rng.integers(2, 5))], patch_artist=filled, widths=0.5)
        for part, hue in zip(drawn["boxes"], hues, strict=False):
            part.set_color(hue)
    else:
        axes.stackplot(range(number), series, colors=hues)
    axes.grid(bool(rng.random() < 0.4))
    if rng.random() < 0.5:
        axes.spines[["top", "right"]].set_visible(False)
    if rng.random() < 0.3:
        axes.set_xticks([])
        axes.set_yticks([])
    drawing = FigureCanvasAgg(figure)
    drawing.draw()
    return Image.fromarray(np.asarray(drawing.buffer_rgba())).convert("RGB")


LETTERS = tuple(string.ascii_uppercase)


def letter(kind: str, rng: Rng) -> Image.Image:
    """A printed capital or small letter, dark on light, with slant and noise."""
    side = canvas.side(rng, 64, 128)
    font = _font(canvas.chosen(rng, FONTS), round(side * rng.uniform(0.7, 0.95)) // 4 * 4)
    paper = canvas.mixed(WHITE, canvas.any_color(rng, (0, 0.2), (0.85, 1)), rng.random())
    image = Image.new("RGB", (side, side), paper[:3])
    text = kind if rng.random() < 0.8 else kind.lower()
    middle = side / 2 + rng.normal(0, 0.02 * side, 2)
    ink = canvas.any_color(rng, (0, 0.7), (0, 0.3))
    ImageDraw.Draw(image).text((middle[0], middle[1]), text, ink[:3], font, anchor="mm")
    slant, angle = rng.normal(0, 0.08), rng.normal(0, 0.05)
    matrix = (1, slant + angle, -(slant + angle) * side / 2, -angle, 1, angle * side / 2)
    image = image.transform(
        (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=paper[:3]
    )
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5)))
    return canvas.picture(
        np.asarray(image) / 255 + rng.normal(0, rng.uniform(0, 0.1), (side, side, 1))
    )


SOUNDS = ("chirp", "tone", "clicks", "siren", "birdsong")
RATE = 8_000  # samples per second


def spectrogram(kind: str, rng: Rng) -> Image.Image:
    """The spectrogram of a synthetic sound in noise, in one of four colour maps."""
    time = np.arange(RATE) / RATE
    low, high = rng.uniform(300, 1_200), rng.uniform(1_500, 3_500)
    loud = np.ones(RATE)
    if kind == "chirp":
        ends = (low, high) if rng.random() < 0.5 else (high, low)
        pitch = ends[0] + (ends[1] - ends[0]) * time
    elif kind == "tone":
        pitch = np.full(RATE, low)
    elif kind == "clicks":
        pitch = rng.normal(low, 3_000, RATE)
        loud = (time * rng.uniform(4, 12) + rng.random()) % 1 < 0.1
    elif kind == "siren":
        turns = rng.uniform(1.5, 4) * time + rng.random()
        pitch = low + (high - low) * (0.5 + 0.4 * np.sin(2 * np.pi * turns))
    else:
        song = (time * rng.uniform(4, 10) + rng.random()) % 1
        pitch = high - rng.uniform(800, 1_400) * song
        loud = song < 0.6
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    partials = int(rng.integers(1, 4))
    sound = loud * sum(np.sin((i + 1) * phase) / (i + 1) for i in range(partials))
    hiss = rng.uniform(0.1, 0.4) if kind == "clicks" else rng.uniform(0.3, 1.5)
    sound = sound + rng.normal(0, hiss, RATE)
    _, _, power = signal.spectrogram(sound, RATE, nperseg=256, noverlap=int(rng.integers(160, 225)))
    levels = np.log10(power + 1e-9)
    low_level, high_level = np.quantile(levels, (0.05, 0.999))
    levels = np.clip((levels - low_level) / (high_level - low_level), 0, 1)[::-1]
    name = canvas.chosen(rng, ("viridis", "viridis", "magma", "gray"))
    colors: Field = matplotlib.colormaps[name](levels)[..., :3]
    size = canvas.side(rng, 96, 200), canvas.side(rng, 80, 140)
    return canvas.picture(colors).resize(size, Image.Resampling.BILINEAR)
