"""Reading and validating the four IDX files of an MNIST-like data set."""

import gzip
import hashlib
import math
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.reader import Part, RawFile, Reader, Split, describe, read_file

IMAGES_MAGIC, LABELS_MAGIC, LABEL_ROWS_MAGIC = 0x00000803, 0x00000801, 0x00000C02
# Type and shape of an item by the magic number of its file. A label of QMNIST is a row whose first column is the digit.
ITEMS: dict[int, tuple[str, tuple[int, ...]]] = {
    IMAGES_MAGIC: ("u1", (IMAGE_SIDE, IMAGE_SIDE)),
    LABELS_MAGIC: ("u1", ()),
    LABEL_ROWS_MAGIC: (">i4", (8,)),
}


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
LAYOUTS = (MNIST_LAYOUT, EMNIST_DIGITS_LAYOUT, QMNIST_LAYOUT)
FILE_NAMES = MNIST_LAYOUT.file_names
CLASS_NAMES = tuple(map(str, range(10)))
# MD5 sums of the compressed files of MNIST, as torchvision publishes them.
MNIST_SUMS = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


def verify_checksums(root: str | Path) -> list[RawFile]:
    """Compare the files with the MD5 sums of MNIST, and describe them.

    Raises DatasetError if a file differs or can't be read.
    """
    found = []
    for name, md5 in MNIST_SUMS.items():
        path = Path(root, name)
        if hashlib.md5(read_file(path), usedforsecurity=False).hexdigest() != md5:
            raise DatasetError(
                f"{path} is not the MNIST file of that name (its MD5 sum is not {md5}); restore it with "
                f"'git checkout -- {name}' in {path.parent}, or point MNIST_PIPELINE_DATA at your own files"
            )
        found.append(describe(path))
    return found


class Idx(Reader):
    """Reads the four IDX files [1]_, plain or compressed with gzip.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", file formats.
    """

    title = "IDX files"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Whether one of the files of a layout is there."""
        return _layout(root) is not None

    @property
    def layout(self) -> Layout:
        """The layout whose files are there."""
        return _layout(self.root) or MNIST_LAYOUT

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names in classes.txt, by default the ten digits."""
        return self.listed_names or CLASS_NAMES

    def paths(self) -> list[Path]:
        """The four files."""
        return [self._find(name) for name in self.layout.file_names]

    def num_images(self, split: Split) -> int:
        """Number of images of a split, by the header of its file. Raises DatasetError if it can't be read."""
        path = self._find(self.layout.names[split][0])
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                return _shape(path, file.read(16), IMAGES_MAGIC)[0]
        except (OSError, EOFError, zlib.error) as error:
            raise DatasetError(f"{path} is damaged: {error}; fetch the file again") from error

    def read(self, split: Split) -> Part:
        """Read and validate the two files of a split."""
        image_path, label_path = map(self._find, self.layout.names[split])
        images, labels = _read_idx(image_path, IMAGES_MAGIC), _read_idx(label_path, self.layout.labels_magic)
        images = np.ascontiguousarray(images.swapaxes(1, 2)) if self.layout.transposed else images
        labels = labels[:, 0] if labels.ndim == 2 else labels
        if len(images) != len(labels):
            raise DatasetError(
                f"{image_path} has {len(images):,} images and {label_path} {len(labels):,} labels; "
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
        return Part(images, labels.astype(np.uint8, copy=False), kinds)

    def _find(self, name: str) -> Path:
        """Path of a file, with `.gz` or plain. If both exist, the file with `.gz`."""
        for path in (self.root / f"{name}.gz", self.root / name):
            if path.exists():
                return path
        raise DatasetError(f"{self.root} has neither {name} nor {name}.gz; copy the file there")


def _layout(root: Path) -> Layout | None:
    present = {path.name.removesuffix(".gz") for path in root.iterdir()} if root.is_dir() else set()
    return next((layout for layout in LAYOUTS if present.intersection(layout.file_names)), None)


def _read_idx(path: Path, magic: int) -> np.ndarray:
    """The array in an IDX file with a magic number."""
    content = read_file(path)
    try:
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} is damaged: {error}; fetch the file again") from error
    shape, dtype = _shape(path, content, magic), ITEMS[magic][0]
    expected, found = math.prod(shape) * np.dtype(dtype).itemsize, len(content) - 4 * (1 + len(shape))
    if found != expected:
        raise DatasetError(
            f"{path} is {'truncated' if found < expected else 'too long'}: its header announces {shape[0]:,} items, "
            f"{expected:,} bytes, and {found:,} are there; fetch the file again"
        )
    return np.frombuffer(content, dtype, offset=len(content) - found).reshape(shape).copy()


def _shape(path: Path, content: bytes, magic: int) -> tuple[int, ...]:
    """The shape in the header of an IDX file."""
    kind, (_, item_shape) = "images" if magic == IMAGES_MAGIC else "labels", ITEMS[magic]
    header = np.frombuffer(content[: 4 * (2 + len(item_shape))], ">u4", min(len(content) // 4, 2 + len(item_shape)))
    if not len(header) or header[0] != magic:
        swapped = len(header) and header[0] in ITEMS
        raise DatasetError(
            f"{path} is not an IDX file of {kind}: it begins with {content[:8]!r}"
            + (f", as a file of {'labels' if kind == 'images' else 'images'} does" if swapped else "")
            + "; fetch the file again, or give it its own name"
        )
    if len(header) < 2 + len(item_shape) or tuple(header[2:]) != item_shape or not header[1]:
        found = "×".join(map(str, header[1:]))
        needed = "×".join(map(str, ("N", *item_shape)))
        raise DatasetError(f"{path} has {found or 'no'} values in its header; {kind} must have {needed}")
    return tuple(header[1:].tolist())
