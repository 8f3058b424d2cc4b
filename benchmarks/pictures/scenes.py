"""Photographed flags, and crops of photographed textures."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from benchmarks.pictures import canvas
from benchmarks.pictures.canvas import Field, Rng

LAYOUTS = (
    "rows", "columns", "cross", "disc", "canton", "saltire", "chevron", "quarters", "band", "frame"
)  # fmt: skip
RED, WHITE, BLUE = (200, 30, 45, 255), (245, 245, 245, 255), (25, 60, 150, 255)
GREEN, YELLOW, BLACK = (0, 130, 70, 255), (250, 205, 30, 255), (25, 25, 25, 255)
SCHEMES = {
    "red-white-blue": (RED, WHITE, BLUE),
    "blue-white-red": (BLUE, WHITE, RED),
    "green-yellow-red": (GREEN, YELLOW, RED),
    "green-white-black": (GREEN, WHITE, BLACK),
}
FLAGS = tuple(f"{layout}_{scheme}" for layout in LAYOUTS for scheme in SCHEMES)


@cache
def _flag(kind: str) -> Field:
    """A flag as light, 200 rows of 300 pixels."""
    layout, scheme = kind.split("_")
    first, second, third = SCHEMES[scheme]
    image = Image.new("RGBA", (300, 200), first)
    draw = ImageDraw.Draw(image)
    if layout == "rows":
        draw.rectangle((0, 67, 300, 133), second)
        draw.rectangle((0, 134, 300, 200), third)
    elif layout == "columns":
        draw.rectangle((100, 0, 200, 200), second)
        draw.rectangle((201, 0, 300, 200), third)
    elif layout == "cross":
        for half, paint in ((30, second), (15, third)):
            draw.rectangle((110 - half, 0, 110 + half, 200), paint)
            draw.rectangle((0, 100 - half, 300, 100 + half), paint)
    elif layout == "disc":
        draw.ellipse((80, 30, 220, 170), second)
        draw.ellipse((110, 60, 190, 140), third)
    elif layout == "canton":
        for row in range(0, 200, 50):
            draw.rectangle((0, row, 300, row + 25), second)
        draw.rectangle((0, 0, 130, 100), third)
    elif layout == "saltire":
        for width, paint in ((60, second), (28, third)):
            draw.line((0, 0, 300, 200), paint, width)
            draw.line((0, 200, 300, 0), paint, width)
    elif layout == "chevron":
        draw.rectangle((0, 100, 300, 200), second)
        draw.polygon([(0, 0), (140, 100), (0, 200)], third)
    elif layout == "quarters":
        draw.rectangle((150, 0, 300, 100), second)
        draw.rectangle((0, 101, 150, 200), second)
        draw.ellipse((120, 70, 180, 130), third)
    elif layout == "band":
        draw.polygon([(0, 200), (300, 0), (300, 200)], third)
        draw.line((0, 200, 300, 0), second, 50)
    else:
        draw.rectangle((30, 30, 270, 170), second)
        draw.rectangle((60, 60, 240, 140), third)
    return np.asarray(image.convert("RGB")) / 255


def flag(kind: str, rng: Rng) -> Image.Image:
    """A flag in the wind, turned and seen from the side, before a wall or the sky."""
    rows = canvas.side(rng, 80, 160)
    columns = round(rows * rng.uniform(1, 1.5))
    x, y = canvas.grid(rows, columns)
    x = x * columns / rows
    angle, size = rng.normal(0, 0.2), rng.uniform(0.4, 0.62)
    x, y = x - rng.uniform(-0.25, 0.25), y - rng.uniform(-0.2, 0.2)
    x, y = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    depth = 1 + rng.uniform(-0.25, 0.25) * x + rng.uniform(-0.15, 0.15) * y
    x, y = x / depth / size / rng.uniform(0.75, 1), y / depth / size
    phase = rng.uniform(2, 5) * x + rng.uniform(-1, 1) * y + rng.uniform(0, 6)
    y = y + rng.uniform(0.02, 0.14) * np.sin(phase)
    on_flag = (np.abs(x) < 1.5) & (np.abs(y) < 1)
    row = np.clip(100 * (y + 1), 0, 199).astype(int)
    column = np.clip(100 * (x + 1.5), 0, 299).astype(int)
    folds = 1 - rng.uniform(0.05, 0.4) * (0.5 + 0.5 * np.cos(phase + rng.uniform(-0.5, 0.5)))
    back = canvas.any_color(rng, (0.05, 0.5), (0.3, 0.95))
    texture = canvas.noise(rng, (rows, columns), rng.uniform(0.5, 2))
    behind = canvas.blend(back, canvas.mixed(back, (90, 90, 80, 255), 0.6), texture)
    light = np.where(on_flag[..., None], _flag(kind)[row, column] * folds[..., None], behind)
    return canvas.photograph(light, rng, blur=(0.5, 1.8))


TEXTURES = (
    "bricks", "wood", "marble", "sand", "clouds", "grass", "cloth", "tartan", "pebbles", "rust",
    "water",
)  # fmt: skip
LARGE = 512  # pixels of a side of the photo from which a texture's pictures are cut


@cache
def _texture(kind: str) -> Image.Image:
    """The photo of a texture. It is the same for every seed."""
    rng = np.random.default_rng(TEXTURES.index(kind))
    x, y = np.mgrid[0 : 1 : LARGE * 1j, 0 : 1 : LARGE * 1j][::-1]
    fine, coarse = (canvas.noise(rng, x.shape, power) for power in (0.6, 1.6))
    if kind == "bricks":
        row = np.floor(14 * y)
        column = 6 * x + 0.5 * (row % 2)
        shade = rng.random((15, 8))[row.astype(int), column.astype(int)]
        joint = (14 * y % 1 < 0.12) | (column % 1 < 0.06)
        amount = np.where(joint, 1, 0.45 * shade) + 0.4 * (fine - 0.5)
        first, second = (140, 60, 45), (190, 180, 165)
    elif kind == "wood":
        amount = 0.5 + 0.35 * np.sin(60 * (y + 0.25 * coarse) + 2 * x) + 0.5 * (fine - 0.5)
        first, second = (110, 65, 35), (185, 130, 80)
    elif kind == "marble":
        amount = np.abs(np.sin(9 * (x + y) + 14 * coarse)) ** 0.4 + 0.2 * (fine - 0.5)
        first, second = (110, 110, 115), (225, 220, 210)
    elif kind == "sand":
        amount, first, second = fine, (150, 120, 85), (225, 200, 160)
    elif kind == "clouds":
        amount, first, second = 1.6 * coarse - 0.3, (95, 140, 200), (240, 240, 245)
    elif kind == "grass":
        blades = gaussian_filter1d(rng.normal(0.5, 1, x.shape), 5, axis=0)
        amount, first, second = 0.7 * blades + 0.3 * coarse, (30, 70, 20), (140, 175, 70)
    elif kind == "cloth":
        threads = np.sin(300 * x) * np.sin(300 * y)
        amount = 0.5 + 0.3 * threads + 0.5 * (fine - 0.5)
        first, second = (60, 85, 120), (150, 170, 195)
    elif kind == "tartan":
        bands = (np.sin(40 * x) > 0.3) * 0.35 + (np.sin(40 * y) > 0.3) * 0.35
        amount = bands + 0.3 * (np.sin(40 * x + 1) > 0.97) + 0.3 * fine
        first, second = (30, 70, 45), (170, 50, 50)
    elif kind == "pebbles":
        stones = cKDTree(rng.random((260, 2)))
        distance, near = stones.query(np.stack([x, y], axis=-1), 2)
        edge = np.clip(40 * (distance[..., 1] - distance[..., 0]), 0, 1)
        amount = edge * (0.4 + 0.6 * rng.random(260)[near[..., 0]]) + 0.3 * (fine - 0.5)
        first, second = (55, 50, 45), (200, 190, 175)
    elif kind == "rust":
        amount = np.clip(6 * (coarse - 0.5), 0, 1) * 0.8 + 0.3 * fine
        first, second = (75, 85, 95), (165, 85, 40)
    else:
        waves = np.sin(50 * y + 12 * coarse + 5 * x) + np.sin(35 * y - 8 * x + 10 * fine)
        amount, first, second = 0.5 + 0.25 * waves, (20, 70, 100), (150, 195, 210)
    return canvas.picture(canvas.blend(first, second, np.clip(amount, 0, 1)))


def texture(kind: str, rng: Rng) -> Image.Image:
    """A crop of a texture's photo, turned, nearer or farther, in other light."""
    side = canvas.side(rng, 64, 160)
    scale, angle = rng.uniform(0.5, 1.3), rng.uniform(-0.5, 0.5)
    across = scale * np.array([np.cos(angle), np.sin(angle)])
    down = np.array([-across[1], across[0]])
    reach = side * (np.abs(across) + np.abs(down)) / 2
    middle = rng.uniform(reach, LARGE - reach)
    left, top = middle - side / 2 * (across + down)
    data = (across[0], down[0], left, across[1], down[1], top)
    crop = _texture(kind).transform(
        (side, side), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR
    )
    return canvas.photograph(np.asarray(crop) / 255, rng)
