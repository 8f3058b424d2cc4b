"""Reading the four IDX files of an MNIST-like data set, plain or compressed with gzip.

The format is described by Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of
handwritten digits".
"""

import gzip
import io
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.decoding import decode_array
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.source import LARGEST, Loaded, Source, damage_named, read_file
from mnist_pipeline.data.values import CLASS_NAMES

FILE_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
ITEMS = {3: "images", 1: "labels"}  # by the number of dimensions of their array
UNSIGNED_BYTE = 8  # the type of the numbers


def find(root: Path) -> Source | None:
    """The source at a directory with at least one of the four files; None for other directories.

    The files lie in the directory, or below it where torchvision puts them: in `MNIST/raw`, or in
    `raw` for a directory such as `FashionMNIST`.
    """
    # The last path with a name wins: the compressed file, and a file in the directory itself.
    paths = {
        _name(path): path
        for directory in (root / "MNIST" / "raw", root / "raw", root)
        if directory.is_dir()
        for path in sorted(directory.iterdir())
        if _name(path) in FILE_NAMES and path.is_file()
    }
    if not paths:
        return None
    if missing := [name for name in FILE_NAMES if name not in paths]:
        raise DatasetError(f"{root} has neither {missing[0]} nor {missing[0]}.gz; copy it there")
    return Source(
        title="IDX files",
        files=[paths[name] for name in FILE_NAMES],
        groups={"train": FILE_NAMES[:2], "test": FILE_NAMES[2:]},
        load=lambda names: Loaded(_read(paths[names[0]], 3), _read(paths[names[1]], 1)),
        decode=decode_array,
        are_files=False,
        names=CLASS_NAMES,
    )


def _name(path: Path) -> str:
    """The name of a file without `.gz`, and without the dot that some archives have in it."""
    return path.name.removesuffix(".gz").replace(".idx", "-idx")


def _read(path: Path, num_dimensions: int) -> NDArray[np.uint8]:
    """The array in an IDX file: after a magic number and big-endian sizes follow the bytes."""
    stream = io.BytesIO(read_file(path, LARGEST + 100))  # with a header
    with damage_named(path):
        file = gzip.GzipFile(fileobj=stream) if path.suffix == ".gz" else stream
        header = file.read(4 * (1 + num_dimensions))
        if header[:4] != bytes((0, 0, UNSIGNED_BYTE, num_dimensions)):
            raise DatasetError(
                f"{path} is not an IDX file of {ITEMS[num_dimensions]}: it begins with "
                f"{header[:8]!r}; fetch the file again, or rename it"
            )
        shape = np.frombuffer(header, ">u4", num_dimensions, offset=4).tolist()
        announced = math.prod(shape)
        # A byte more than announced shows that the file is too long.
        content = file.read(min(announced, LARGEST) + 1)
    if len(content) != announced or not announced:
        raise DatasetError(
            f"{path} is truncated, too long or empty: its header announces "
            f"{'×'.join(map(str, shape))} bytes; fetch the file again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape).copy()
