"""What all layouts share: class names, the description, the split of a set in one part, the
conversion of images.
"""

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import IMAGE_SIDE, Fit
from mnist_pipeline.data.errors import DatasetError, ImageError
from mnist_pipeline.data.records import CLASS_NAMES, RawFile
from mnist_pipeline.utils.printable import one_line
from mnist_pipeline.utils.yaml_files import read_yaml

Split = Literal["train", "test"]
SPLITS: tuple[Split, Split] = ("train", "test")
MAX_CLASSES = 256  # a label is a byte
TEXTS = ("dataset.yaml", "classes.txt")
TEST_SHARE = 0.2  # of each class, if there is no test set
SEED = 0  # of the split and the order of images that come without one

Loaded = tuple[Sequence[Any] | NDArray[Any], NDArray[Any]]  # images, and labels: integers or texts


class Part(NamedTuple):
    """One split as it was read."""

    images: NDArray[np.uint8]  # (n, 28, 28)
    labels: NDArray[np.uint8]  # (n,)
    kinds: Counter[str]  # sizes and colours of the original images, such as `640×480 RGB`


class Source(NamedTuple):
    """The images and labels at a path, in one of the layouts.

    They are loaded when they are needed.
    """

    title: str  # of the layout
    files: Callable[[], list[RawFile]]  # describes what is loaded
    parts: Mapping[
        Split, Callable[[], Loaded]
    ]  # loads a split, or all images as `train` if there is no split
    # An image as 28×28 grey levels, and its original size and mode. An ImageError does not name the
    # image.
    convert: Callable[[Any, Fit], tuple[NDArray[np.uint8], str]]
    names: Callable[[], Sequence[str]] = (
        tuple  # of the classes, by label; none if the labels are the names
    )


class Description(NamedTuple):
    """What people may write about their own images in `dataset.yaml`."""

    title: str = ""
    noun: str = "image"  # what an image shows, in the singular
    fit: str = "whole"


class Reader:
    """Reads a data set, with the files dataset.yaml and classes.txt beside it."""

    def __init__(self, root: Path, source: Source) -> None:
        self.root, self.source, self.title = root, source, source.title
        self._load = {split: functools.cache(load) for split, load in source.parts.items()}

    def files(self) -> list[RawFile]:
        """Name, size and SHA-256 of everything that the data set is read from."""
        return [
            *self.source.files(),
            *(describe(path) for path in map(self._beside, TEXTS) if path.exists()),
        ]

    @cached_property
    def description(self) -> Description:
        """The content of dataset.yaml, or the defaults."""
        path = self._beside("dataset.yaml")
        if not path.exists():
            return Description()
        try:
            fields = read_yaml(path) or {}
            found = Description(**{name: str(value) for name, value in fields.items()})
        except (ValueError, AttributeError, TypeError) as error:
            raise DatasetError(
                f"{path}: {one_line(error)}; write lines such as 'fit: mnist', with the fields "
                "title, noun and fit"
            ) from error
        if found.fit not in get_args(Fit):
            raise DatasetError(
                f"{path}: fit is {found.fit}; it must be {' or '.join(get_args(Fit))}"
            )
        return found

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, by label: those of classes.txt, those in the data, or the
        labels, sorted.
        """
        return self._listed_names or check_names(
            sorted(
                {str(label) for load in self._load.values() for label in np.unique(load()[1])},
                key=by_number,
            ),
            self.root,
        )

    @property
    def shows_digits(self) -> bool:
        """Whether the images are digits: the classes are 0 to 9, and no dataset.yaml describes the
        images otherwise.
        """
        return self.class_names == CLASS_NAMES and self.description == Description()

    def read(self, split: Split) -> Part:
        """Read and convert the images of a split.

        Dark digits on light paper are inverted, as they are in pictures.
        """
        part = self._read(split)
        is_dark_on_light = self.shows_digits and part.images.mean() > 127
        return part._replace(images=255 - part.images) if is_dark_on_light else part

    def _read(self, split: Split) -> Part:
        source: Split = split if len(self._load) > 1 else "train"
        items, own_labels = self._load[source]()
        if len(items) != len(own_labels) or not len(items):
            raise DatasetError(
                f"{self.root} has {len(items):,} images and {len(own_labels):,} labels in "
                f"{source}; each image needs a "
                "label, and each split an image"
            )
        labels = self._numbered(own_labels)
        rows = np.arange(len(labels)) if len(self._load) > 1 else self._split_rows(labels, split)
        fit: Any = self.description.fit
        if (
            fit == "whole"
            and isinstance(items, np.ndarray)
            and items.shape[1:] == (IMAGE_SIDE, IMAGE_SIDE)
        ):
            return Part(
                items[rows], labels[rows], Counter({f"{IMAGE_SIDE}×{IMAGE_SIDE} L": len(rows)})
            )
        images, kinds = np.empty((len(rows), IMAGE_SIDE, IMAGE_SIDE), np.uint8), Counter[str]()
        for place, row in enumerate(rows.tolist()):
            try:
                images[place], kind = self.source.convert(items[row], fit)
            except ImageError as error:
                name = (
                    items[row]
                    if isinstance(items[row], Path)
                    else f"{self.root}: image {row:,} of {source}"
                )
                raise DatasetError(f"{name} {error}") from error
            kinds[kind] += 1
        return Part(images, labels[rows], kinds)

    @cached_property
    def _listed_names(self) -> tuple[str, ...]:
        path = self._beside("classes.txt")
        if path.exists():
            return check_names(_text(path).removeprefix("\ufeff").splitlines(), path)
        names = self.source.names()
        return check_names(names, self.root) if names else ()

    def _numbered(self, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """Labels as places among the names, from 0.

        An integer is the place itself if the names are listed.
        """
        names = self.class_names
        values, inverse = np.unique(labels, return_inverse=True)
        are_names = values.dtype.kind == "U" or not self._listed_names
        places = (
            [names.index(str(value)) if str(value) in names else -1 for value in values]
            if are_names
            else values
        )
        for value, place in zip(values, places, strict=True):
            if not 0 <= place < len(names):
                raise DatasetError(
                    f"{self.root} has the label {value}; labels must be 0–{len(names) - 1} or "
                    f"{', '.join(names[:5])}{', …' * (len(names) > 5)}, or classes.txt must name "
                    "further classes"
                )
        return np.array(places, np.uint8)[inverse]

    def _split_rows(self, labels: NDArray[np.uint8], split: Split) -> NDArray[np.intp]:
        """The rows of a split of images in one part: a random share of each class for testing, in
        random order.
        """
        order = np.random.default_rng(SEED).permutation(len(labels))
        for_test = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            rows = order[labels[order] == label]
            if len(rows) < 2:
                raise DatasetError(
                    f"{self.root} has a single image of class {self.class_names[label]}; a class "
                    "needs 2, one to train "
                    "on and one to test with"
                )
            size = round(TEST_SHARE * len(rows))
            for_test[rows[: min(max(1, size), len(rows) - 1)]] = True
        return order[for_test[order] == (split == "test")]

    def _beside(self, name: str) -> Path:
        return (self.root if self.root.is_dir() else self.root.parent) / name


def check_names(names: Iterable[str], where: Path) -> tuple[str, ...]:
    """The names of classes; raises a DatasetError unless there are 2 to 256 different ones."""
    found = tuple(names)
    if not 2 <= len(found) <= MAX_CLASSES:
        names = ", ".join(found[:5])
        raise DatasetError(
            f"{where}: number of classes is {len(found):,} ({names}); it must be 2 to {MAX_CLASSES}"
        )
    for name in found:
        if not name.strip() or found.count(name) > 1:
            raise DatasetError(
                f"{where} names a class {name!r}, which is blank or not the only one; change the "
                "name"
            )
    return found


def by_number(name: str) -> tuple[int, int, str]:
    """The place of a name in a sorted list: numbers by value, then other names."""
    return (0, int(name), name) if name.isascii() and name.isdecimal() else (1, 0, name)


def files_with_suffix(root: Path, suffix: str) -> list[Path]:
    """The files with a suffix in a directory, sorted, or the path itself if it has the suffix."""
    if root.is_dir():
        return sorted(path for path in root.glob(f"*{suffix}") if not path.name.startswith("."))
    return [root] if root.suffix == suffix and root.exists() else []


def describe(path: Path) -> RawFile:
    """Name, size and SHA-256 of a file."""
    content = read_file(path)
    return RawFile(path.name, len(content), hashlib.sha256(content).hexdigest())


def read_file(path: Path) -> bytes:
    """The content of a file; an error of the system becomes a DatasetError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{path} can't be read: {error.strerror}; check its name and its permissions"
        ) from error


def _text(path: Path) -> str:
    try:
        return read_file(path).decode()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not text in UTF-8; save it as UTF-8") from error
