"""Pictures of digits, drawn or stored."""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mnist_pipeline.data.conversion import extent
from support.sources import encoded

PICTURES = Path(__file__).parent.parent / "handwriting" / "pictures"
SHEET = (640, 480)
PEN = 32

Point = tuple[float, float]
Stroke = list[Point]


def arc(x: float, y: float, radii: tuple[float, float], degrees: tuple[float, float]) -> Stroke:
    angles = np.radians(np.linspace(*degrees, 20))
    return [(x + radii[0] * math.cos(angle), y + radii[1] * math.sin(angle)) for angle in angles]


# Within the unit square, from the top left.
STROKES: dict[str, list[Stroke]] = {
    "0": [arc(0.5, 0.5, (0.3, 0.42), (-90, 270))],
    "1": [[(0.5, 0.05), (0.5, 0.95)]],
    "2": [[*arc(0.5, 0.3, (0.28, 0.22), (-170, 40)), (0.2, 0.92), (0.8, 0.92)]],
    "3": [arc(0.45, 0.28, (0.25, 0.2), (-150, 80)) + arc(0.45, 0.7, (0.3, 0.22), (-80, 150))],
    "4": [[(0.6, 0.05), (0.2, 0.6), (0.85, 0.6)], [(0.62, 0.35), (0.6, 0.97)]],
    "5": [[(0.75, 0.08), (0.35, 0.08), (0.3, 0.45), *arc(0.47, 0.65, (0.28, 0.26), (-110, 150))]],
    "6": [[(0.65, 0.05), (0.35, 0.4), *arc(0.48, 0.68, (0.26, 0.24), (200, 560))]],
    "7": [[(0.2, 0.1), (0.8, 0.1), (0.4, 0.95)], [(0.35, 0.5), (0.7, 0.5)]],
    "8": [arc(0.5, 0.28, (0.22, 0.2), (90, 450)) + arc(0.5, 0.7, (0.27, 0.23), (-90, 270))],
    "9": [[*arc(0.5, 0.3, (0.25, 0.22), (0, 360)), (0.75, 0.3), (0.65, 0.95)]],
    "scribble": [[(x / 9, (x * 7 % 10) / 9) for x in (0, 9, 1, 8, 2, 7, 3, 6, 9, 0, 5, 4)]],
}
MIDDLE = (0.3, 0.2, 0.4, 0.6)  # of the sheet: left, top, width, height


def placed(name: str, box: tuple[float, float, float, float]) -> list[Stroke]:
    """Strokes of a digit in a box, all as shares of the sheet."""
    left, top, width, height = box
    return [[(left + width * x, top + height * y) for x, y in stroke] for stroke in STROKES[name]]


def picture(
    *digits: tuple[str, tuple[float, float, float, float]], size: tuple[int, int] = SHEET
) -> bytes:
    """A PNG of digits written with a round pen."""
    image = Image.new("L", size, 255)
    pencil = ImageDraw.Draw(image)
    radius = PEN / 2 * size[0] / SHEET[0]
    for name, box in digits:
        for stroke in placed(name, box):
            points = [(size[0] * x, size[1] * y) for x, y in stroke]
            pencil.line(points, fill=0, width=round(2 * radius))
            for x, y in points:
                pencil.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return encoded(image)


def handwritten(kind: str) -> list[tuple[str, np.ndarray]]:
    """The text and the grey levels of each picture of a kind, see `PICTURES`/README.md."""
    return [
        (file.stem.removeprefix(f"{kind}_"), np.asarray(Image.open(file).convert("L")))
        for file in sorted(PICTURES.glob(f"{kind}_*.png"))
    ]


def page_of(images: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """MNIST images in lines, black on white and enlarged, and the box of each digit.

    An image without ink leaves its cell empty.
    """
    cells = np.pad(images, ((0, 0), (6, 6), (4, 4)))
    _, height, width = cells.shape
    lines = cells.reshape(-1, columns, height, width).swapaxes(1, 2)
    page = np.kron(lines.reshape(-1, columns * width), np.ones((2, 2), np.uint8))
    boxes = [
        np.add(extent(cell > 100), (i % columns * width, i // columns * height, 0, 0))
        for i, cell in enumerate(cells)
        if cell.any()
    ]
    return 255 - page, 2 * np.array(boxes)


def on_paper(image: np.ndarray, margin: int = 20) -> Image.Image:
    """An MNIST image with a margin, black on white and enlarged."""
    return Image.fromarray(255 - np.kron(np.pad(image, margin), np.ones((4, 4), np.uint8)))
