"""Reading the four IDX files of an MNIST-like data set, plain or compressed with gzip.

The format is described by Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of
handwritten digits".
"""

import functools
import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import convert_array
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.reader import Loaded, Source, describe, read_file
from mnist_pipeline.data.records import CLASS_NAMES

FILE_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# The first four bytes of a file, by the number of dimensions of its array of unsigned bytes.
MAGIC = {3: b"\0\0\x08\x03", 1: b"\0\0\x08\x01"}
ITEMS = {3: "images", 1: "labels"}


def find(root: Path) -> Source | None:
    """The source at a directory with at least one of the four files; None for any other."""
    present = {path.name.removesuffix(".gz") for path in root.iterdir()} if root.is_dir() else set()
    if not present.intersection(FILE_NAMES):
        return None
    return Source(
        "IDX files",
        lambda: [describe(_path(root, name)) for name in FILE_NAMES],
        {
            "train": functools.partial(_load, root, *FILE_NAMES[:2]),
            "test": functools.partial(_load, root, *FILE_NAMES[2:]),
        },
        convert_array,
        lambda: CLASS_NAMES,
    )


def _load(root: Path, images: str, labels: str) -> Loaded:
    return _read(_path(root, images), 3), _read(_path(root, labels), 1)


def _path(root: Path, name: str) -> Path:
    """Path of a file, with `.gz` or plain. If both exist, the file with `.gz`."""
    for path in (root / f"{name}.gz", root / name):
        if path.exists():
            return path
    raise DatasetError(f"{root} has neither {name} nor {name}.gz; copy the file there")


def _read(path: Path, num_dimensions: int) -> NDArray[np.uint8]:
    """The array in an IDX file: after a magic number and big-endian sizes follow the bytes."""
    content = read_file(path)
    try:
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} is damaged: {error}; fetch the file again") from error
    start = 4 * (1 + num_dimensions)
    if content[:4] != MAGIC[num_dimensions]:
        raise DatasetError(
            f"{path} is not an IDX file of {ITEMS[num_dimensions]}: it begins with "
            f"{content[:8]!r}; fetch the file again, or rename it"
        )
    if len(content) < start:
        raise DatasetError(
            f"{path} is truncated: its header has {len(content)} of {start} bytes; fetch the file "
            "again"
        )
    shape = np.frombuffer(content, ">u4", num_dimensions, offset=4).tolist()
    expected = math.prod(shape)
    size = len(content) - start
    if size != expected or not expected:
        raise DatasetError(
            f"{path} is {'truncated' if size <= expected else 'too long'}: its header announces "
            f"{'×'.join(map(str, shape))} bytes, and {size:,} are there; fetch the file again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
