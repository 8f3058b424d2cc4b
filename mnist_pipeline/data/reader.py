"""What all layouts share: class names, a description, the split and the conversion of images."""

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data import decoding
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
    paths: Sequence[Path] = ()  # of the images, if each is a file


class Source(NamedTuple):
    """The images and labels at a path, in one of the layouts.

    They are loaded when they are needed.
    """

    title: str  # of the layout
    files: Callable[[], list[RawFile]]  # describes what is loaded
    # Loads a split; without splits, `train` loads all images.
    parts: Mapping[Split, Callable[[], Loaded]]
    # An image as 28×28 grey levels, and its original size and mode. An ImageError does not name the
    # image.
    convert: Callable[[Any, Fit], tuple[NDArray[np.uint8], str]]
    # The names of the classes, by label; empty if the labels are the names.
    names: Callable[[], Sequence[str]] = tuple


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
        texts = [path for path in map(self._beside, TEXTS) if path.is_file()]
        return [*self.source.files(), *map(describe, texts)]

    @cached_property
    def description(self) -> Description:
        """The content of dataset.yaml, or the defaults."""
        path = self._beside("dataset.yaml")
        if not path.is_file():
            return Description()
        try:
            fields = read_yaml(path) or {}
            description = Description(**{name: str(value) for name, value in fields.items()})
        except (ValueError, AttributeError, TypeError) as error:
            raise DatasetError(
                f"{path}: {one_line(error)}; write lines such as 'fit: mnist', with the fields "
                "title, noun and fit"
            ) from error
        if description.fit not in get_args(Fit):
            allowed = " or ".join(get_args(Fit))
            raise DatasetError(f"{path}: fit is {description.fit}; it must be {allowed}")
        return description

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The class names by label, from classes.txt, from the data, or the sorted labels."""
        if self._listed_names:
            return self._listed_names
        labels = {str(label) for load in self._load.values() for label in np.unique(load()[1])}
        return check_names(sorted(labels, key=by_number), self.root)

    @property
    def shows_digits(self) -> bool:
        """Whether the classes are 0 to 9, and dataset.yaml does not describe other images."""
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
                f"{source}; each image needs a label, and each split an image"
            )
        labels = self._numbered(own_labels)
        rows = np.arange(len(labels)) if len(self._load) > 1 else self._split_rows(labels, split)
        fit: Any = self.description.fit
        shape, kinds = (IMAGE_SIDE, IMAGE_SIDE), Counter[str]()
        if fit == "whole" and isinstance(items, np.ndarray) and items.shape[1:] == shape:
            kinds[f"{IMAGE_SIDE}×{IMAGE_SIDE} L"] = len(rows)
            return Part(items[rows], labels[rows], kinds)
        images = np.empty((len(rows), *shape), np.uint8)
        for place, row in enumerate(rows.tolist()):
            item = items[row]
            try:
                images[place], kind = self.source.convert(item, fit)
            except ImageError as error:
                is_file = isinstance(item, Path)
                name = item if is_file else f"{self.root}: image {row:,} of {source}"
                raise DatasetError(f"{name} {error}") from error
            kinds[kind] += 1
        paths = [items[row] for row in rows.tolist() if isinstance(items[row], Path)]
        return Part(images, labels[rows], kinds, paths)

    @cached_property
    def _listed_names(self) -> tuple[str, ...]:
        path = self._beside("classes.txt")
        if path.is_file():
            return check_names(_text(path).splitlines(), path)
        names = self.source.names()
        return check_names(names, self.root) if names else ()

    def _numbered(self, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """Labels as indices of the class names.

        An integer is the index itself if the names are listed.
        """
        names = self.class_names
        values, inverse = np.unique(labels, return_inverse=True)
        indices = values
        if values.dtype.kind == "U" or not self._listed_names:
            index_of = {name: index for index, name in enumerate(names)}
            indices = np.array([index_of.get(str(value), -1) for value in values])
        unknown = values[(indices < 0) | (indices >= len(names))]
        if len(unknown):
            listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
            raise DatasetError(
                f"{self.root} has the label {unknown[0]}; labels must be 0–{len(names) - 1} or "
                f"{listed}, or classes.txt must name further classes"
            )
        return indices.astype(np.uint8)[inverse]

    def _split_rows(self, labels: NDArray[np.uint8], split: Split) -> NDArray[np.intp]:
        """The rows of a split, in random order: a random share of each class is for testing."""
        order = np.random.default_rng(SEED).permutation(len(labels))
        for_test = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            rows = order[labels[order] == label]
            if len(rows) < 2:
                raise DatasetError(
                    f"{self.root} has a single image of class {self.class_names[label]}; a class "
                    "needs 2, one to train on and one to test with"
                )
            size = round(TEST_SHARE * len(rows))
            for_test[rows[: max(1, size)]] = True
        return order[for_test[order] == (split == "test")]

    def _beside(self, name: str) -> Path:
        return (self.root if self.root.is_dir() else self.root.parent) / name


def check_names(names: Iterable[str], where: Path) -> tuple[str, ...]:
    """The names of classes; raises a DatasetError unless there are 2 to 256 different ones."""
    classes = tuple(names)
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise DatasetError(
            f"{where}: number of classes is {len(classes):,} ({', '.join(classes[:5])}); it must "
            f"be 2 to {MAX_CLASSES}"
        )
    for name in classes:
        if not name.strip() or classes.count(name) > 1:
            raise DatasetError(f"{where}: class name {name!r} is blank or used twice; rename it")
    return classes


def by_number(name: str) -> tuple[int, int, str]:
    """The place of a name in a sorted list: numbers by value, then other names."""
    return (0, int(name), name) if name.isascii() and name.isdecimal() else (1, 0, name)


def files_with_suffix(root: Path, suffix: str) -> list[Path]:
    """The files with a suffix in a directory, sorted, or the path itself if it has the suffix."""
    paths = sorted(root.glob(f"*{suffix}")) if root.is_dir() else [root]
    files = [path for path in paths if path.suffix == suffix and path.is_file()]
    return [path for path in files if not path.name.startswith(".")]


def describe(path: Path) -> RawFile:
    """Name, size and SHA-256 of a file."""
    content = read_file(path)
    return RawFile(path.name, len(content), hashlib.sha256(content).hexdigest())


def read_file(path: Path) -> bytes:
    """The content of a file; what is wrong with it becomes a DatasetError."""
    try:
        return decoding.read_content(path)
    except ImageError as error:
        raise DatasetError(f"{path} {error}") from error


def _text(path: Path) -> str:
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not text in UTF-8; save it as UTF-8") from error
