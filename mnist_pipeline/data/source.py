"""What all layouts share: the images and labels at a path, and the errors of its files."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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
LARGEST = 2**32  # bytes; a compressed file may decompress to a thousand times its size


class Loaded(NamedTuple):
    """The images of a group of names, in the order of the files."""

    images: Sequence[Any] | NDArray[Any]
    labels: NDArray[Any]  # integers or texts
    groups: Sequence[str] = ()  # the name of each image's group; empty if it has none


class Source(NamedTuple):
    """The images and labels at a path, in one of the layouts.

    They are loaded when they are needed.
    """

    title: str  # of the layout
    files: Sequence[Path]  # that are read, besides pictures
    # The names of the folders, files or arrays of each split; without splits, `train` has all.
    groups: Mapping[Split, Names]
    load: Callable[[Names], Loaded]  # the images and labels of such a group
    # An image as an upright picture, and its original size and mode. An ImageError does not name
    # the image.
    decode: Callable[[Any, decoding.Draft], tuple[Image.Image, str]]
    # The names of the classes, by label; empty if the labels are the names.
    names: Sequence[str] = ()
    # The names of the files and folders that lie there and are not read.
    skipped: Callable[[], Sequence[str]] = tuple


def check_labels(labels: NDArray[Any], where: str) -> NDArray[Any]:
    """Labels (n,); raises a DatasetError unless they are integers or texts."""
    is_column = labels.ndim == 1 or labels.shape[1:] == (1,)
    if not is_column or labels.dtype.kind not in "biuU" or "" in labels.ravel().tolist():
        raise DatasetError(
            f"{where} is {labels.dtype} of shape {labels.shape}, or has empty cells; labels must "
            "be integers or texts (n,)"
        )
    return labels.ravel()


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


def describe(path: Path) -> RawFile:
    """Name, size and SHA-256 of a file."""
    content = read_file(path)
    return RawFile(path.name, len(content), hashlib.sha256(content).hexdigest())


def read_file(path: Path, max_bytes: int = LARGEST) -> bytes:
    """The content of a file; what is wrong with it becomes a DatasetError."""
    try:
        return decoding.read_content(path, max_bytes)
    except ImageError as error:
        raise DatasetError(f"{path} {error}") from error
