"""Reading and validating the four IDX files of an MNIST-like data set."""

import gzip
import hashlib
import io
import math
import os
import stat
import struct
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np

from mnist_pipeline.utils.blocks import slices
from mnist_pipeline.utils.printable import printable
from mnist_pipeline.utils.stored_types import stored_type

Split = Literal["train", "test"]

IMAGE_SIDE = 28
NUM_CLASSES = 10
CLASS_NAMES = tuple(str(label) for label in range(NUM_CLASSES))
IMAGES_MAGIC, LABELS_MAGIC, LABEL_ROWS_MAGIC = 0x00000803, 0x00000801, 0x00000C02
# Type and shape of an item by the magic number of its file. A label of QMNIST is a row whose first column is the digit.
ITEMS: dict[int, tuple[str, tuple[int, ...]]] = {
    IMAGES_MAGIC: ("u1", (IMAGE_SIDE, IMAGE_SIDE)),
    LABELS_MAGIC: ("u1", ()),
    LABEL_ROWS_MAGIC: (">i4", (8,)),
}
MAX_IMAGES = 1_000_000  # a header with more is refused before memory is allocated
MAX_FILE_BYTES = MAX_IMAGES * IMAGE_SIDE**2 + (1 << 20)
CHUNK_BYTES = 1 << 16
BLOCK_ROWS = 256  # images converted at a time: 1.6 MB of float64, which fit the cache
# Images compress up to 10 times, blank images 1,000 times. A file that expands more than 100 times, and to more than a
# blank MNIST (47 MB), is refused as a decompression bomb.
MAX_EXPANSION = 100
UNSUSPICIOUS_BYTES = 1 << 26


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
# MD5 sums of the compressed files of MNIST, as torchvision publishes them.
MNIST_SUMS = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


class DatasetError(ValueError):
    """A data file is invalid. The message is one printable line that names the file, the problem and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class UnreadableError(DatasetError):
    """A data file can't be read at the moment. It may be readable later."""


@stored_type
class DigitSet(NamedTuple):
    """Images with their labels."""

    images: np.ndarray  # uint8 (n_samples, 28, 28); grey levels, 0 (paper) to 255 (ink)
    labels: np.ndarray  # uint8 (n_samples,); the class of each image, 0 to 9


class RawFile(NamedTuple):
    """A file on disk: its name, its size in bytes and its checksum in hexadecimal."""

    name: str
    size: int
    sha256: str


def find_file(root: Path, name: str) -> Path:
    """Path of one of the four files under `root`, with `.gz` or plain. If both exist, the file with `.gz`.

    Raises a DatasetError if the directory can't be read or has no such file.
    """
    try:
        present = {path.name for path in root.iterdir()}
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(
            f"{root} does not exist or is not a directory; point MNIST_PIPELINE_DATA at a directory that holds "
            f"{', '.join(FILE_NAMES)} (plain or .gz)"
        ) from error
    except (OSError, ValueError) as error:
        raise _unreadable(root, error) from error
    for candidate in (f"{name}.gz", name):
        if candidate in present:
            return root / candidate
    raise DatasetError(f"{root} holds neither {name} nor {name}.gz; copy the file there")


def raw_files(root: str | Path, layout: Layout = MNIST_LAYOUT) -> list[RawFile]:
    """Name, size and SHA-256 of each of the four files. Raises DatasetError if a file can't be read."""
    paths = [find_file(Path(root), name) for name in layout.file_names]
    return [_describe(path, hashlib.sha256()) for path in paths]


def verify_checksums(root: str | Path) -> list[RawFile]:
    """Compare the files with the MD5 sums of MNIST, and describe them.

    Raises DatasetError if a file differs or can't be read.
    """
    found = []
    for name, md5 in MNIST_SUMS.items():
        path, sum_of_name = find_file(Path(root), name.removesuffix(".gz")), hashlib.md5(usedforsecurity=False)
        found.append(_describe(path, hashlib.sha256(), sum_of_name))
        if sum_of_name.hexdigest() != md5:
            raise DatasetError(
                f"{path} is not the MNIST file of that name (its MD5 sum is not {md5}); restore it with "
                f"'git checkout -- {name}' in {path.parent}, or point MNIST_PIPELINE_DATA at your own files"
            )
    return found


def validate(root: str | Path, *, canonical: bool = False, layout: Layout = MNIST_LAYOUT) -> list[RawFile]:
    """Read and validate both splits; for the canonical files, only compare their checksums.

    The result describes exactly the bytes that were validated, even if the files are replaced meanwhile.
    """
    if canonical:
        return verify_checksums(root)
    return [file for split in layout.names for file in _read_split(Path(root), split, layout)[1]]


def num_shared_images(first: np.ndarray, second: np.ndarray) -> int:
    """Number of images of the second set that are also in the first, byte for byte."""
    known = {image.tobytes() for image in first}
    return sum(image.tobytes() in known for image in second)


def first_of_each_class(digits: DigitSet) -> np.ndarray:
    """The first image of each class, uint8 (10, 28, 28). Raises DatasetError if a class has no image."""
    labels, first = np.unique(digits.labels, return_index=True)
    if missing := sorted(set(range(NUM_CLASSES)) - set(labels.tolist())):
        raise DatasetError(f"the training set has no image of class {', '.join(map(str, missing))}; add one of each")
    return digits.images[first]


def class_means(digits: DigitSet) -> np.ndarray:
    """Mean image of each class, float64 (10, 28, 28); zero for a class without images."""
    means = np.zeros((NUM_CLASSES, *digits.images.shape[1:]))
    for label in np.unique(digits.labels):
        means[label] = digits.images[digits.labels == label].mean(axis=0)
    return means


def mean_and_deviation(images: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of all pixels of uint8 images, in grey levels."""
    total = squares = 0.0
    for rows in slices(len(images), BLOCK_ROWS):
        levels = images[rows].reshape(-1).astype(np.float64)
        total += float(levels.sum())  # sums of integers below 2⁵³: exact
        squares += float(levels @ levels)
    mean = total / images.size
    return mean, math.sqrt(max(0.0, squares / images.size - mean**2))


def load_digits(
    root: str | Path, split: Split, *, layout: Layout = MNIST_LAYOUT, recorded: Collection[RawFile] | None = None
) -> DigitSet:
    """Read and validate the images and labels of one split.

    Parameters
    ----------
    root : path
        Directory of the four IDX files, plain or compressed with gzip [1]_.
    split : {"train", "test"}
    layout : Layout, default=MNIST_LAYOUT
        Names and contents of the files.
    recorded : collection of RawFile, optional
        What `validate` returned. The bytes that the digits are read from must be the same.

    Raises
    ------
    DatasetError
        If a file is missing, unreadable, truncated, too long, of another format or shape, if the counts
        disagree, if a label lies outside 0–9, or if a file is not the recorded one.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", file formats.

    Examples
    --------
    >>> images, labels = load_digits("data", "test")
    >>> images.shape, int(labels[0])
    ((10000, 28, 28), 7)
    """
    if split not in layout.names:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(map(repr, layout.names))}")
    digits, files = _read_split(Path(root), split, layout)
    for file in files if recorded is not None else ():
        if file not in (recorded or ()):
            raise DatasetError(
                f"{Path(root, file.name)} has changed since its checksum was recorded; update everything that depends "
                "on it with mnist-pipeline run --changed"
            )
    return digits


def _read_split(root: Path, split: Split, layout: Layout) -> tuple[DigitSet, list[RawFile]]:
    """The digits of a split, and the two files that they were read from."""
    image_path, label_path = (find_file(root, name) for name in layout.names[split])
    images, image_file = _read_idx(image_path, IMAGES_MAGIC)
    labels, label_file = _read_idx(label_path, layout.labels_magic)
    images = np.ascontiguousarray(images.swapaxes(1, 2)) if layout.transposed else images
    labels = labels[:, 0] if labels.ndim == 2 else labels
    if len(images) != len(labels):
        raise DatasetError(
            f"{image_path} holds {len(images):,} images and {label_path} {len(labels):,} labels; "
            "the two must come from the same data set"
        )
    outside = np.flatnonzero((labels < 0) | (labels >= NUM_CLASSES))
    if len(outside):
        raise DatasetError(
            f"{label_path}: label {outside[0]:,} is {labels[outside[0]]}; labels must lie in 0–{NUM_CLASSES - 1}"
        )
    return DigitSet(images, labels.astype(np.uint8, copy=False)), [image_file, label_file]


class _Hashed(io.RawIOBase):
    """A file that updates hashes with everything that is read from it; the first hash is that of its description."""

    def __init__(self, file: BinaryIO, *hashes: Any) -> None:
        self._file, self._hashes, self._size = file, hashes, 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._size += len(chunk)
        for each in self._hashes:
            each.update(chunk)
        return chunk

    def describe(self, name: str) -> RawFile:
        """Read the file to its end, and describe all that was read."""
        while self.read(CHUNK_BYTES):
            pass
        return RawFile(name, self._size, self._hashes[0].hexdigest())


def _describe(path: Path, *hashes: Any) -> RawFile:
    with _opened(path) as file:
        return _Hashed(file, *hashes).describe(path.name)


def _read_idx(path: Path, magic: int) -> tuple[np.ndarray, RawFile]:
    """The array in an IDX file with a magic number, and the file.

    At most one byte more than its header announces is read.
    """
    dtype, item_shape = ITEMS[magic]
    header_bytes, data = 4 * (2 + len(item_shape)), bytearray()
    try:
        with _opened(path) as file:
            hashed = _Hashed(file, hashlib.sha256())
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


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a data file. Errors of the system, also while it is read, become a DatasetError."""
    try:
        # If the file has become a pipe, do not wait for a writer.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
                raise DatasetError(
                    f"{path} is not a regular file, or has more than {MAX_FILE_BYTES:,} bytes; "
                    "put the IDX file of that name in its place"
                )
            yield file
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise
        raise _unreadable(path, error) from error
    except MemoryError as error:
        raise UnreadableError(f"{path} does not fit in memory; free some, or use fewer images") from error


def _unreadable(path: Path, error: OSError | ValueError) -> UnreadableError:
    reason = error.strerror or error if isinstance(error, OSError) else error
    remedy = "check its permissions" if isinstance(error, PermissionError) else "check its name and its disk"
    return UnreadableError(f"{path} can't be read: {reason}; {remedy}")
