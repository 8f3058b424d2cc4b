"""Reading and validating the four IDX files of an MNIST-like data set."""

import gzip
import hashlib
import io
import math
import os
import struct
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.files import CHUNK_BYTES, Hashed, RawFile, describe, opened, unreadable
from mnist_pipeline.data.reader import MAX_EXPANSION, MAX_IMAGES, UNSUSPICIOUS_BYTES, Part, Reader, Split

IMAGES_MAGIC, LABELS_MAGIC, LABEL_ROWS_MAGIC = 0x00000803, 0x00000801, 0x00000C02
# Type and shape of an item by the magic number of its file. A label of QMNIST is a row whose first column is the digit.
ITEMS: dict[int, tuple[str, tuple[int, ...]]] = {
    IMAGES_MAGIC: ("u1", (IMAGE_SIDE, IMAGE_SIDE)),
    LABELS_MAGIC: ("u1", ()),
    LABEL_ROWS_MAGIC: (">i4", (8,)),
}
MAX_FILE_BYTES = MAX_IMAGES * IMAGE_SIDE**2 + (1 << 20)


class Layout(NamedTuple):
    """Names and contents of the four files of a data set."""

    names: Mapping[Split, tuple[str, str]]  # of the image file and the label file of each split, without `.gz`
    labels_magic: int = LABELS_MAGIC  # one byte per label, or a row of integers that begins with the label
    transposed: bool = False  # whether the pixels of an image are stored column by column

    @property
    def file_names(self) -> tuple[str, ...]:
        """Names of all four files."""
        return tuple(name for pair in self.names.values() for name in pair)


def _names(train: str, test: str, labels: str = "labels-idx1-ubyte") -> dict[Split, tuple[str, str]]:
    return {
        "train": (f"{train}-images-idx3-ubyte", f"{train}-{labels}"),
        "test": (f"{test}-images-idx3-ubyte", f"{test}-{labels}"),
    }


MNIST_LAYOUT = Layout(_names("train", "t10k"))
EMNIST_DIGITS_LAYOUT = Layout(_names("emnist-digits-train", "emnist-digits-test"), transposed=True)
QMNIST_LAYOUT = Layout(_names("qmnist-train", "qmnist-test", "labels-idx2-int"), LABEL_ROWS_MAGIC)
FILE_NAMES = MNIST_LAYOUT.file_names
CLASS_NAMES = tuple(map(str, range(10)))
# MD5 sums of the compressed files of MNIST, as torchvision publishes them.
MNIST_SUMS = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


def find_file(root: Path, name: str) -> Path:
    """Path of one of the four files under `root`, with `.gz` or plain. If both exist, the file with `.gz`.

    Raises a DatasetError if the directory can't be read or has no such file.
    """
    try:
        present = {path.name for path in root.iterdir()}
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(
            f"{root} does not exist or is not a directory; point MNIST_PIPELINE_DATA at a directory that holds "
            f"{', '.join(FILE_NAMES)} (plain or .gz), or at images in another layout of docs/data-sets.md"
        ) from error
    except (OSError, ValueError) as error:
        raise unreadable(root, error) from error
    for candidate in (f"{name}.gz", name):
        if candidate in present:
            return root / candidate
    raise DatasetError(
        f"{root} holds neither {name} nor {name}.gz; copy the file there, or use another layout of docs/data-sets.md"
    )


def verify_checksums(root: str | Path) -> list[RawFile]:
    """Compare the files with the MD5 sums of MNIST, and describe them.

    Raises DatasetError if a file differs or can't be read.
    """
    found = []
    for name, md5 in MNIST_SUMS.items():
        path, sum_of_name = find_file(Path(root), name.removesuffix(".gz")), hashlib.md5(usedforsecurity=False)
        found.append(describe(path, hashlib.sha256(), sum_of_name, max_bytes=MAX_FILE_BYTES))
        if sum_of_name.hexdigest() != md5:
            raise DatasetError(
                f"{path} is not the MNIST file of that name (its MD5 sum is not {md5}); restore it with "
                f"'git checkout -- {name}' in {path.parent}, or point MNIST_PIPELINE_DATA at your own files"
            )
    return found


class Idx(Reader):
    """Reads the four IDX files [1]_, plain or compressed with gzip.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", file formats.
    """

    title = "IDX files"

    def __init__(self, root: Path, layout: Layout = MNIST_LAYOUT) -> None:
        super().__init__(root)
        self.layout = layout

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Whether one of MNIST's four files is there."""
        return any(os.path.lexists(root / f"{name}{suffix}") for name in FILE_NAMES for suffix in ("", ".gz"))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names in classes.txt, by default the ten digits."""
        return self.listed_names or CLASS_NAMES

    def files(self) -> list[RawFile]:
        """Name, size and SHA-256 of the four files."""
        paths = [find_file(self.root, name) for name in self.layout.file_names]
        return [describe(path, hashlib.sha256(), max_bytes=MAX_FILE_BYTES) for path in paths]

    def num_images(self, split: Split) -> int:
        """Number of images of a split, by the header of its file. Raises DatasetError if it can't be read."""
        path = find_file(self.root, self.layout.names[split][0])
        try:
            with opened(path, MAX_FILE_BYTES) as file:
                stream = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
                return _parse_header(path, stream.read(16), IMAGES_MAGIC)[0]
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DatasetError(f"{path} is damaged: {error}; fetch the file again") from error

    def read(self, split: Split) -> Part:
        """Read and validate the two files of a split."""
        image_path, label_path = (find_file(self.root, name) for name in self.layout.names[split])
        images, image_file = _read_idx(image_path, IMAGES_MAGIC)
        labels, label_file = _read_idx(label_path, self.layout.labels_magic)
        images = np.ascontiguousarray(images.swapaxes(1, 2)) if self.layout.transposed else images
        labels = labels[:, 0] if labels.ndim == 2 else labels
        if len(images) != len(labels):
            raise DatasetError(
                f"{image_path} holds {len(images):,} images and {label_path} {len(labels):,} labels; "
                "the two must come from the same data set"
            )
        last = len(self.class_names) - 1
        outside = np.flatnonzero((labels < 0) | (labels > last))
        if len(outside):
            raise DatasetError(
                f"{label_path}: label {outside[0]:,} is {labels[outside[0]]}; labels must lie in 0–{last}, or "
                "classes.txt must name further classes"
            )
        kinds = Counter({f"{IMAGE_SIDE}×{IMAGE_SIDE} L": len(images)})
        return Part(images, labels.astype(np.uint8, copy=False), [image_file, label_file], kinds)


def _read_idx(path: Path, magic: int) -> tuple[np.ndarray, RawFile]:
    """The array in an IDX file with a magic number, and the file.

    At most one byte more than its header announces is read.
    """
    dtype, item_shape = ITEMS[magic]
    header_bytes, data = 4 * (2 + len(item_shape)), bytearray()
    try:
        with opened(path, MAX_FILE_BYTES) as file:
            hashed = Hashed(file, hashlib.sha256())
            stream: io.RawIOBase | gzip.GzipFile = gzip.GzipFile(fileobj=hashed) if path.suffix == ".gz" else hashed

            def read_up_to(length: int) -> None:
                while len(data) < length and (chunk := stream.read(CHUNK_BYTES)):
                    data.extend(chunk)

            read_up_to(header_bytes)
            shape = _parse_header(path, bytes(data[:header_bytes]), magic)
            expected, size = math.prod(shape) * np.dtype(dtype).itemsize, os.fstat(file.fileno()).st_size
            announced = f"its header announces {shape[0]:,} items, {expected:,} bytes"
            if expected > max(UNSUSPICIOUS_BYTES, MAX_EXPANSION * size):
                raise DatasetError(
                    f"{path} is truncated, or made to fill the memory: {announced}, and it is {size:,} bytes long; "
                    "fetch the file again"
                )
            read_up_to(header_bytes + expected + 1)
            if (found := len(data) - header_bytes) != expected:
                there = f"only {found:,} are" if found < expected else "more are"
                raise DatasetError(
                    f"{path} is truncated or too long: {announced}, and {there} there; fetch the file again"
                )
            described = hashed.describe(path.name)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"{path} is damaged: {error}; fetch the file again") from error
    return np.frombuffer(data, dtype, offset=header_bytes).reshape(shape), described


def _parse_header(path: Path, header: bytes, magic: int) -> tuple[int, ...]:
    """The shape in the header of an IDX file."""
    _, item_shape = ITEMS[magic]
    length = 4 * (2 + len(item_shape))
    if len(header) < length:
        raise DatasetError(f"{path} is truncated: {len(header)} of {length} bytes of the header; fetch the file again")
    found, count, *shape = struct.unpack(f">{2 + len(item_shape)}I", header)
    if found != magic:
        raise DatasetError(
            f"{path} is not an IDX file of {'images' if magic == IMAGES_MAGIC else 'labels'}: it begins with "
            f"{header[:8]!r}, magic number 0x{found:08x} instead of 0x{magic:08x}; fetch the file again"
        )
    if not 1 <= count <= MAX_IMAGES:
        raise DatasetError(f"{path} announces {count:,} items; a file must have 1 to {MAX_IMAGES:,}")
    if tuple(shape) != item_shape:
        found_shape, needed = ("×".join(map(str, sides)) for sides in (shape, item_shape))
        raise DatasetError(f"{path} holds items of {found_shape} values; they must have {needed}")
    return (count, *shape)
