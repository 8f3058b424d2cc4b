"""What all layouts share: the images and labels at a path, and the errors of its files."""

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_pipeline.data import decoding
from mnist_pipeline.data.errors import DatasetError, ImageError
from mnist_pipeline.data.split import Names, Split
from mnist_pipeline.data.values import RawFile
from mnist_pipeline.utils.printable import one_line, shortened

WITHOUT_LABELS = (
    "if these images have no labels, remove them: test images are then drawn from the training "
    "images, and mnist-pipeline predict answers pictures"
)
# Bytes that a compressed file has beyond its own size: it may decompress to a thousand times that.
LARGEST = 2**32
MAX_LETTERS = 255  # of a class name, as of a folder


class Loaded(NamedTuple):
    """What `Source.load` returns: images and labels as they lie in the files, in their order."""

    images: Sequence[Any] | NDArray[Any]
    labels: NDArray[Any]  # integers or texts
    groups: Sequence[str] = ()  # the name of each image's group; empty if it has none


# An image as an upright picture, and its original size and mode. An ImageError does not name the
# image.
Decode = Callable[[Any, decoding.Draft], tuple[Image.Image, str]]


class Source(NamedTuple):
    """What a layout finds at a path: everything about its files that differs between layouts.

    Images and labels are loaded when they are needed.
    """

    title: str  # of the layout
    files: Sequence[Path]  # that are read, besides pictures
    # The names of the folders, files or arrays of each split; without splits, `train` has all.
    groups: Mapping[Split, Names]
    load: Callable[[Names], Loaded]  # the images and labels of such a group
    decode: Decode
    # Whether each image is a file of its own. Then `load` gives paths, whose checksums are recorded
    # and whose names people see.
    are_files: bool
    # The names of the classes, by label; empty if the labels are the names.
    names: Sequence[str] = ()
    # The names of the files and folders that lie there and are not read.
    skipped: Callable[[], Sequence[str]] = tuple


def check_labels(labels: NDArray[Any] | list[Any], where: str) -> NDArray[Any]:
    """Labels (n,); raises a DatasetError unless they are integers or texts of a sensible length.

    A list becomes an array, in which each text takes the space of the longest.
    """
    if isinstance(labels, list):
        if not labels:
            raise DatasetError(f"{where} has no rows; add images with their labels")
        if others := {type(label).__name__ for label in labels} - {"bool", "int", "str"}:
            raise DatasetError(
                f"{where} has values of type {', '.join(sorted(others))}; labels must be integers "
                "or texts"
            )
        texts = [label for label in labels if isinstance(label, str)]
    else:
        texts = labels.ravel().tolist() if labels.dtype.kind == "U" else []
    longest = max(texts, key=len, default="")
    if len(longest) > MAX_LETTERS:
        raise DatasetError(
            f"{where} has a label of {len(longest):,} characters, {shortened(longest, 20)!r}; "
            f"write at most {MAX_LETTERS}"
        )
    array = np.asarray(labels)
    check_label_type(array.shape, array.dtype, where)
    if "" in texts:
        raise DatasetError(f"{where} has empty cells; write a label into each, or remove its row")
    return array.ravel()


def check_label_type(shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> None:
    """Raise a DatasetError unless an array of labels has integers or texts."""
    is_column = len(shape) == 1 or shape[1:] == (1,)
    if not is_column or dtype.kind not in "biuU":
        raise DatasetError(
            f"{where} is {dtype} of shape {shape}; labels must be integers or texts (n,)"
        )


@contextmanager
def damage_named(path: Path, form: str = "") -> Iterator[None]:
    """Turn any error of a library that reads a file into a DatasetError.

    It quotes the library, or describes the form that the file must have.
    """
    try:
        yield
    except DatasetError:
        raise
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not text in UTF-8; save it as UTF-8") from error
    except MemoryError as error:
        raise DatasetError(
            f"{path} needs more memory than there is ({shortened(one_line(error))}); keep fewer "
            "images, or close other programs"
        ) from error
    except Exception as error:  # libraries raise anything for a damaged file
        reason = form or shortened(one_line(error))
        raise DatasetError(
            f"{path} is damaged, or has another format ({reason}); fetch or save the file again"
        ) from error


def files_with_suffix(root: Path, suffix: str) -> list[Path]:
    """The files with a suffix in a directory, sorted, or the path itself if it has the suffix."""
    paths = sorted(root.glob(f"*{suffix}")) if root.is_dir() else [root]
    files = [path for path in paths if path.suffix == suffix and path.is_file()]
    return [path for path in files if not path.name.startswith(".")]


def describe(path: Path, max_bytes: int = sys.maxsize) -> RawFile:
    """Name, size and SHA-256 of a file of at most `max_bytes`."""
    content = read_file(path, max_bytes)
    return RawFile(path.name, len(content), hashlib.sha256(content).hexdigest())


def read_file(path: Path, max_bytes: int = sys.maxsize) -> bytes:
    """The content of a file; what is wrong with it becomes a DatasetError."""
    try:
        return decoding.read_content(path, max_bytes)
    except ImageError as error:
        raise DatasetError(f"{path} {error}") from error
