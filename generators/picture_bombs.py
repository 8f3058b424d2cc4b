"""Valid or nearly valid picture files that claim much more time or memory than their size suggests."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from PIL import Image

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # per pixel, by PNG's types of colour
SIDE = 7_071  # of a square of almost 50 megapixels


def picture_bombs() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """46 files as functions that make them, each with a short description."""
    for width, height in ((4_000_000, 1), (1, 4_000_000), (50_000_000, 1), (1, 50_000_000), (65_000, 760)):
        yield f"PNG, {width} × {height}", partial(_png, width, height)
    for width, height in ((30_000, 1), (1, 30_000), (30_000, 133), (133, 30_000), (30_000, 1_666)):
        yield f"PNG, {width} × {height}", partial(_png, width, height)
    for color in SAMPLES:
        yield f"PNG, {SIDE} × {SIDE}, colour type {color}", partial(_png, SIDE, SIDE, 8, color)
    for color in (0, 2, 4, 6):
        yield f"PNG, {SIDE} × {SIDE}, colour type {color}, 16 bits", partial(_png, SIDE, SIDE, 16, color)
    yield "PNG, 2000 × 2000, RGBA, 16 bits", partial(_png, 2_000, 2_000, 16, 6)
    for side, repetitions in ((480, 1_000), (480, 10_000), (2_000, 30), (2_000, 300), (SIDE, 20), (SIDE, 100)):
        yield f"JPEG, {side} × {side}, {repetitions} more scans", partial(_progressive, side, repetitions)
    for width, height, num_strips, rows, bits, samples in (
        (1, 12_000_000, 1, 12_000_000, 8, 1),
        (10, 3_000_000, 3_000_000, 1, 8, 1),
        (10, 30_000, 1_000_000, 1, 8, 1),
        (50_000, 1_000, 1, 1_000, 8, 1),
        (SIDE, SIDE, 1, SIDE, 32, 1),
        (SIDE, SIDE, SIDE, 1, 32, 1),
        (SIDE, SIDE, 1, SIDE, 8, 40),
        (SIDE, SIDE, 1, SIDE, 16, 4),
    ):
        name = f"TIFF, {width} × {height}, {num_strips} strips, {samples} × {bits} bits"
        yield name, partial(_tiff, width, height, num_strips, rows, bits, samples)
    for kind in ("GIF", "WEBP", "BMP"):
        yield f"{kind}, 7000 × 7000", partial(_saved, np.zeros((7_000, 7_000), np.uint8), kind)
    yield "PNG, 10 × 10, 600 profiles", partial(_png, 10, 10, profiles=600)
    for name, draw in BUSY.items():
        yield f"PNG, 2000 × 2000, {name}", partial(_busy, draw)


def _scribble(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    path = np.cumsum(np.random.default_rng(0).integers(-1, 2, (2, 400_000)), axis=1) % len(rows)
    levels = np.full(rows.shape, 255)
    levels[path[0], path[1]] = 0
    return levels


def _ring(rows: np.ndarray, columns: np.ndarray, middle: int) -> np.ndarray:
    """A circle in each square of 125 pixels; circles that are 40 apart touch."""
    return np.abs(np.hypot(1.2 * (rows % 125 - 60), columns % 125 - middle) - 20) < 4


# Pictures full of strokes, from the row and the column of each pixel.
BUSY: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "noise": lambda rows, columns: np.random.default_rng(0).integers(0, 256, rows.shape),
    "dots": lambda rows, columns: np.where(np.random.default_rng(0).random(rows.shape) < 0.05, 0, 255),
    "grid": lambda rows, columns: np.where((rows % 8 == 0) | (columns % 8 == 0), 0, 255),
    "ruling": lambda rows, columns: np.where(rows % 7 == 0, 0, 255),
    "diagonals": lambda rows, columns: (rows + columns) % 6 // 3 * 255,
    "circles": lambda rows, columns: np.where(np.hypot(rows % 30 - 15, columns % 30 - 15) < 8, 0, 255),
    "pairs of circles": lambda rows, columns: np.where(_ring(rows, columns, 40) | _ring(rows, columns, 80), 0, 255),
    "scribble": _scribble,
}


def _busy(draw: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> bytes:
    return _saved(draw(*np.indices((2_000, 2_000))).astype(np.uint8), "PNG")


def _saved(levels: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(levels).save(file, kind)
    return file.getvalue()


def _png(width: int, height: int, bits: int = 1, color: int = 0, profiles: int = 0) -> bytes:
    """A blank PNG, whose pixels are made a block at a time."""
    row = bytes((width * bits * SAMPLES[color] + 7) // 8 + 1)
    rows = max(1, min(height, (1 << 20) // len(row)))
    compressor = zlib.compressobj(9)
    pixels = b"".join(compressor.compress(row * rows) for _ in range(height // rows))
    pixels += compressor.compress(row * (height % rows)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    palette = [(b"PLTE", bytes(6))] if color == 3 else []
    metadata = [(b"iCCP", b"a\0\0" + zlib.compress(bytes(1_000_000), 9))] * profiles
    chunks = [(b"IHDR", header), *metadata, *palette, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _progressive(side: int, repetitions: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    file = io.BytesIO()
    levels = np.add.outer(np.arange(side), np.arange(side)) % 256
    Image.fromarray(levels.astype(np.uint8)).save(file, "JPEG", progressive=True, quality=30)
    *scans, last = file.getvalue().split(b"\xff\xda")
    return b"\xff\xda".join([*scans, *[last[:-2]] * (1 + repetitions)]) + last[-2:]


def _tiff(width: int, height: int, num_strips: int, rows: int, bits: int, samples: int) -> bytes:
    """A TIFF all of whose strips are the same few bytes, or lie beyond the end of the file."""
    start = 8 + 2 + 9 * 12 + 4
    offsets = struct.pack("<I", 8) * num_strips
    counts = struct.pack("<I", width * rows * bits * samples // 8 & 0xFFFFFFFF) * num_strips
    fields = [(256, width), (257, height), (258, bits), (259, 1), (262, 1), (277, samples), (278, rows)]
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields]
    places = (start, start + len(offsets)) if num_strips > 1 else (8, width * rows * bits * samples // 8 & 0xFFFFFFFF)
    entries[5:5] = [struct.pack("<HHII", 273, 4, num_strips, places[0])]
    entries += [struct.pack("<HHII", 279, 4, num_strips, places[1])]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + directory + offsets + counts
