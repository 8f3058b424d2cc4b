"""Writing data sets as IDX files, so that a test can have any directory it needs."""

import gzip
import struct
from pathlib import Path

import numpy as np

from mnist_pipeline.data.idx import FILE_NAMES
from mnist_pipeline.data.values import DigitSet


def encode_idx(array: np.ndarray) -> bytes:
    """An array of unsigned bytes in the IDX format: 0, 0, type 8, number of dimensions, sizes,
    data.
    """
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_idx(directory: Path, train: DigitSet, test: DigitSet, compress: bool = True) -> Path:
    """Four IDX files in `directory`, which is made where missing and returned."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in zip(FILE_NAMES, (*train, *test), strict=True):
        content, path = encode_idx(array), directory / name
        if compress:
            content, path = gzip.compress(content, 1, mtime=0), directory / f"{name}.gz"
        path.write_bytes(content)
    return directory
