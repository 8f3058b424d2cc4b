"""Pictures that no camera takes: tiny, empty, saturated, striped, and files with damaged bytes."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8] | NDArray[np.float32]
SIDES = (30, 80, 300)  # the largest side is drawn from these
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
INTERESTING = (0, 1, 2, 127, 128, 254, 255)


def odd_picture(rng: np.random.Generator) -> Picture:
    """A synthetic picture (rows, columns), uint8 or float32 in [0, 255]."""
    shape = rows, columns = tuple(int(np.exp(rng.uniform(0, np.log(most)))) for most in rng.choice(SIDES, 2))
    kind = KINDS[rng.integers(len(KINDS))]
    levels = np.clip(np.broadcast_to(kind(rng, rows, columns), shape), 0, 255)
    return levels.astype(np.float32 if rng.random() < 0.3 else np.uint8)


def odd_file(rng: np.random.Generator) -> bytes:
    """A small picture file in one of the formats, with some bytes changed, removed, repeated or cut off."""
    picture = Image.fromarray(odd_picture(rng).astype(np.uint8)).convert(str(rng.choice(["L", "RGB"])))
    file = io.BytesIO()
    kind = str(rng.choice(FORMATS))
    picture.save(file, kind, **({"progressive": True} if kind == "JPEG" and rng.random() < 0.5 else {}))
    content = bytearray(file.getvalue())
    for _ in range(rng.integers(0, 5)):
        at = int(rng.integers(len(content)) ** rng.uniform(0.3, 1))  # headers are changed more often
        length = int(rng.integers(1, 9))
        match rng.integers(6):
            case 0:
                content[at : at + length] = rng.bytes(length)
            case 1:
                content[at] = rng.choice(INTERESTING)
            case 2:
                content[at] ^= 1 << int(rng.integers(8))
            case 3:
                del content[at : at + length]
            case 4:
                content[at:at] = content[at : at + int(rng.integers(1, 200))]
            case _:
                del content[max(at, 1) :]
        content = content or bytearray(b"\0")
    return bytes(content)


def _noise(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    return 128 + rng.normal(0, rng.choice([0.4, 3, 30, 300]), (rows, columns))


def _dots(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.int64]:
    ink, paper = rng.integers(0, 256, 2)
    return np.where(rng.random((rows, columns)) < rng.choice([0.01, 0.05, 0.3]), ink, paper)


def _plain(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.int64]:
    return rng.integers(0, 256, (1, 1))


def _gradient(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    return np.linspace(*rng.integers(0, 256, 2), columns)[None]


def _rectangles(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.int64]:
    levels = np.full((rows, columns), rng.integers(0, 256))
    for _ in range(rng.integers(1, 6)):
        top, left = rng.integers(rows), rng.integers(columns)
        levels[top : top + rng.integers(1, rows + 1), left : left + rng.integers(1, columns + 1)] = rng.integers(256)
    return levels


def _walk(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    levels = np.full((rows, columns), 255.0)
    steps = np.cumsum(rng.normal(0, 2, (2, rng.integers(2, 60))), axis=1) + np.array([[rows], [columns]]) / 2
    row, column = steps[:, (steps >= 0).all(axis=0) & (steps < [[rows], [columns]]).all(axis=0)].astype(int)
    levels[row, column] = rng.integers(0, 200)
    return levels


def _stripes(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.int64]:
    return np.add.outer(np.arange(rows), np.arange(columns)) % rng.integers(2, 9) * rng.integers(1, 60)


KINDS = (_noise, _dots, _plain, _gradient, _rectangles, _walk, _stripes)
