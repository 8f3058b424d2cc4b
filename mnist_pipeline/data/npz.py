"""Reading NumPy archives (.npz) with images and labels, without pickle."""

import os
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from mnist_pipeline.data.conversion import IMAGE_SIDE, fitted
from mnist_pipeline.data.decoding import MAX_PIXELS, grey_levels
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.files import RawFile
from mnist_pipeline.data.reader import Part, Reader, Split, check_size, files_with_suffix, read_at_random

MAX_DIRECTORY_BYTES = 1 << 16  # of the names in an archive
BLOCK_BYTES = 1 << 20  # of images in memory at a time
MAX_ITEM_BYTES = {"image": 1 << 28, "label": 400}
KINDS = {"image": "biuf", "label": "biuU"}  # of NumPy's types
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by the number of channels
NAMES: tuple[Mapping[Split, tuple[str, str]], ...] = (
    {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")},  # Keras
    {"train": ("train_images", "train_labels"), "test": ("test_images", "test_labels")},  # MedMNIST
    {"train": ("images", "labels")},  # all in one, to be split
)


class Header(NamedTuple):
    """What the header of an array announces."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    item_bytes: int  # per image or label


class Npz(Reader):
    """Reads the arrays `x_train, y_train, x_test, y_test`, or `images, labels`, of an archive."""

    title = "NumPy archive"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Whether the path is an archive, or a directory with archives."""
        return bool(files_with_suffix(root, ".npz"))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names in classes.txt, or the different labels."""
        with self._opened() as (_, archive):
            return self._numbered(archive)[0]

    def files(self) -> list[RawFile]:
        """Name, size and SHA-256 of the archive."""
        with self._opened() as (file, _):
            return [file]

    def read(self, split: Split) -> Part:
        """Read the images of a split, a block at a time."""
        with self._opened() as (file, archive):
            names, labels = self._numbered(archive)
            rows = self.split_rows(labels["train"], names) if len(labels) == 1 else None
            source: Split = split if rows is None else "train"
            kept = np.arange(len(labels[split])) if rows is None else rows[split]
            images, kind = archive.images(archive.members[source][0], kept, self.description.fit)
        return Part(images, labels[source][kept], [file], Counter({kind: len(kept)}))

    def _numbered(self, archive: "_Archive") -> tuple[tuple[str, ...], dict[Split, NDArray[np.uint8]]]:
        labels = {split: archive.labels(*members) for split, members in archive.members.items()}
        return self.numbered(labels, self.listed_names)

    @contextmanager
    def _opened(self) -> Iterator[tuple[RawFile, "_Archive"]]:
        paths = files_with_suffix(self.root, ".npz")
        if len(paths) != 1:
            raise DatasetError(f"{self.root} has {len(paths)} archives (.npz); name one of them")
        with read_at_random(paths[0]) as (file, described):
            _check_directory(paths[0], file)
            with zipfile.ZipFile(file) as content:
                yield described, _Archive(paths[0], described.size, content)


def _check_directory(path: Path, file: Any) -> None:
    """Refuse an archive with many names, before they take memory."""
    file.seek(-min(os.fstat(file.fileno()).st_size, (1 << 16) + 22), os.SEEK_END)
    tail = file.read()
    end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) < end + 22:
        raise DatasetError(f"{path} is not a NumPy archive, or is cut off; fetch or save the file again")
    (length,) = struct.unpack_from("<I", tail, end + 12)
    if length > MAX_DIRECTORY_BYTES or b"PK\6\7" in tail[:end]:
        raise DatasetError(f"{path} has too many arrays; save an archive with the images and labels only")


class _Archive:
    """An open archive, with the names of the arrays of each split."""

    def __init__(self, path: Path, size: int, content: zipfile.ZipFile) -> None:
        self._path, self._size, self._content = path, size, content
        present = {name.removesuffix(".npy") for name in content.namelist()}
        for members in NAMES:
            if {name for pair in members.values() for name in pair} <= present:
                self.members = members
                return
        needed = " or ".join(", ".join(name for pair in members.values() for name in pair) for members in NAMES)
        raise DatasetError(
            f"{path} has the arrays {', '.join(sorted(present)[:8]) or '(none)'}; save arrays with the names {needed}"
        )

    def labels(self, images: str, labels: str) -> NDArray[np.generic]:
        """The labels of the images in another array."""
        with self._array(labels, "label") as (header, stream):
            data = self._read(stream, header.shape[0] * header.item_bytes, labels, last=True)
        with self._array(images, "image") as (of_images, _):
            if of_images.shape[0] != header.shape[0]:
                raise DatasetError(
                    f"{self._path} has {of_images.shape[0]:,} images in {images} and {header.shape[0]:,} labels in "
                    f"{labels}; each image needs one label"
                )
        return np.frombuffer(data, header.dtype).astype(header.dtype.newbyteorder("="))

    def images(self, name: str, rows: NDArray[np.intp], fit: Any) -> tuple[NDArray[np.uint8], str]:
        """These images of an array, converted, and the size and mode of the originals."""
        with self._array(name, "image") as (header, _):
            is_bytes, (height, width, *channels) = header.dtype == np.uint8, header.shape[1:]
        images = np.empty((len(rows), IMAGE_SIDE, IMAGE_SIDE), np.uint8)
        places = np.full(header.shape[0], -1)
        places[rows] = np.arange(len(rows))
        largest = 255.0 if is_bytes else max(self._largest(pair[0]) for pair in self.members.values())
        first = 0
        for block in self._blocks(name):
            levels = block if is_bytes else np.rint(block * (255 / largest)).astype(np.uint8)
            for place, image in zip(places[first : first + len(block)], levels, strict=True):
                if place >= 0:
                    grey = image if image.ndim == 2 else grey_levels(Image.fromarray(image))
                    images[place] = fitted(grey, fit)
            first += len(block)
        return images, f"{width}×{height} {MODES[channels[0] if channels else 1]}"

    def _largest(self, name: str) -> float:
        """The largest value of an array of images, which becomes white."""
        largest = 0.0
        for block in self._blocks(name):
            if not (np.isfinite(block).all() and block.min() >= 0):
                raise DatasetError(f"{self._path}: {name} has negative or infinite values; save grey levels from 0")
            largest = max(largest, float(block.max()))
        return largest or 1.0

    def _blocks(self, name: str) -> Iterator[NDArray[Any]]:
        with self._array(name, "image") as (header, stream):
            count, step = header.shape[0], max(1, BLOCK_BYTES // header.item_bytes)
            for first in range(0, count, step):
                size = min(step, count - first)
                data = self._read(stream, size * header.item_bytes, name, last=first + size == count)
                block = np.frombuffer(data, header.dtype).reshape(size, *header.shape[1:])
                block = block.astype(np.float64) if header.dtype != np.uint8 else block
                yield block[..., 0] if block.shape[3:] == (1,) else block

    def _read(self, stream: Any, length: int, name: str, last: bool) -> bytes:
        """Exactly so many bytes; the last ones must be followed by nothing, which also compares the checksum."""
        data: bytes = stream.read(length)
        if len(data) < length or (last and stream.read(1)):
            raise DatasetError(f"{self._path}: {name} is cut off or too long; save the archive again")
        return data

    @contextmanager
    def _array(self, name: str, role: str) -> Iterator[tuple[Header, Any]]:
        """The header of an array, and the stream of the data behind it."""
        info = self._content.getinfo(f"{name}.npy")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise DatasetError(
                f"{self._path} is packed or encrypted in another way than NumPy does; save it with NumPy"
            )
        with self._content.open(info) as stream:
            if npy.read_magic(stream) != (1, 0):
                raise DatasetError(
                    f"{self._path}: {name} has a format that NumPy uses for structures only; save plain arrays"
                )
            shape, is_fortran, dtype = npy.read_array_header_1_0(stream)
            if dtype.hasobject:
                raise DatasetError(
                    f"{self._path}: {name} is an array of objects, which only pickle could read, and it may run any "
                    "program; save numbers"
                )
            item_bytes = int(np.prod(shape[1:], dtype=object)) * dtype.itemsize
            if not self._has_form(shape, role) or dtype.kind not in KINDS[role] or (is_fortran and len(shape) > 1):
                forms = {
                    "image": "numbers (n, rows, columns) or (n, rows, columns, channels)",
                    "label": "integers (n,)",
                }
                raise DatasetError(
                    f"{self._path}: {name} is {dtype} of shape {shape}{' in Fortran order' * is_fortran}; the {role}s "
                    f"must be {forms[role]}"
                )
            if not 0 < item_bytes <= MAX_ITEM_BYTES[role]:
                raise DatasetError(f"{self._path}: {name} has {item_bytes:,} bytes per {role}; reduce them")
            check_size(self._path, shape[0], item_bytes, self._size)
            yield Header(shape, dtype, item_bytes), stream

    @staticmethod
    def _has_form(shape: tuple[int, ...], role: str) -> bool:
        if role == "label":
            return len(shape) == 1 or shape[1:] == (1,)
        is_small = len(shape) in (3, 4) and 0 < shape[1] * shape[2] <= MAX_PIXELS and min(shape) > 0
        return is_small and (len(shape) == 3 or shape[3] in MODES)
