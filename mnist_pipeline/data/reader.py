"""What all layouts share: class names, a description, the split and the conversion of images."""

import functools
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data import decoding
from mnist_pipeline.data.conversion import IMAGE_SIDE, Fit, convert
from mnist_pipeline.data.errors import DatasetError, ImageError
from mnist_pipeline.data.records import CLASS_NAMES, DigitSet, RawFile
from mnist_pipeline.utils.places import EMBEDDED_DATA
from mnist_pipeline.utils.printable import count, one_line
from mnist_pipeline.utils.yaml_files import read_yaml

Split = Literal["train", "test"]
SPLITS: tuple[Split, Split] = ("train", "test")
MAX_CLASSES = 256  # a label is a byte
TEXTS = ("dataset.yaml", "classes.txt")
TEST_SHARE = 0.2  # of each class, if there is no test set
SEED = 0  # of the split and the order of images that come without one
MAX_NAMES = 10  # in a message
NUM_SAMPLED = 100  # of the training images, at least, to see whether digits are dark on light
WITHOUT_LABELS = (
    "if these images have no labels, remove them: test images are then drawn from the training "
    "images, and mnist-pipeline predict answers pictures"
)

Names = tuple[str, ...]
Loaded = tuple[Sequence[Any] | NDArray[Any], NDArray[Any]]  # images, and labels: integers or texts


class Part(NamedTuple):
    """One split as it was read."""

    digits: DigitSet
    kinds: Counter[str]  # sizes and colours of the original images, such as `640×480 RGB`
    paths: Sequence[Path] = ()  # of the images, if each is a file

    def name_of(self, index: int) -> Path | int:
        """The path of an image, or its index."""
        return self.paths[index] if self.paths else index


class Source(NamedTuple):
    """The images and labels at a path, in one of the layouts.

    They are loaded when they are needed.
    """

    title: str  # of the layout
    files: Sequence[Path]  # that are read, besides pictures
    # The names of the folders, files or arrays of each split; without splits, `train` has all.
    groups: Mapping[Split, Names]
    load: Callable[[Names], Loaded]  # the images and labels of such a group
    # An image as 28×28 grey levels, and its original size and mode. An ImageError does not name the
    # image.
    convert: Callable[[Any, Fit], tuple[NDArray[np.uint8], str]]
    # The names of the classes, by label; empty if the labels are the names.
    names: Sequence[str] = ()
    # The names of the files and folders that lie there and are not read.
    skipped: Callable[[], Sequence[str]] = tuple


class Description(NamedTuple):
    """What people may write about their own images in `dataset.yaml`."""

    title: str = ""
    noun: str = "image"  # what an image shows, in the singular
    fit: str = "whole"


class Reader:
    """Reads a data set, with the files dataset.yaml and classes.txt beside it."""

    def __init__(self, root: Path, source: Source) -> None:
        self.root, self.source, self.title = root, source, source.title
        self._load = functools.cache(source.load)

    def files(self) -> list[RawFile]:
        """Name, size and SHA-256 of everything that the data set is read from.

        Pictures have one entry per split. Its checksum is the SHA-256 of the lines that `sha256sum`
        prints for them in the order of their paths.
        """
        texts = [path for path in map(self._beside, TEXTS) if path.is_file()]
        described = [describe(path) for path in [*self.source.files, *texts]]
        if self.source.convert is not convert:
            return described
        for split, names in self.source.groups.items():
            paths: Any = self._load(names)[0]
            files = {os.path.relpath(path, self.root): describe(path) for path in paths}
            lines = "".join(f"{files[name].sha256}  {name}\n" for name in sorted(files))
            digest = hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
            size = sum(file.size for file in files.values())
            described.append(RawFile(f"{split}: {len(files):,} pictures", size, digest))
        return described

    @cached_property
    def description(self) -> Description:
        """The content of dataset.yaml, or the defaults; a field without a text has its default."""
        path = self._beside("dataset.yaml")
        if not path.is_file():
            return Description()
        try:
            fields = read_yaml(path) or {}
            texts = {name: _field(name, value) for name, value in fields.items()}
            description = Description(**{name: text for name, text in texts.items() if text})
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
        parts = map(self._load, self.source.groups.values())
        labels = {str(label) for _, own_labels in parts for label in np.unique(own_labels)}
        return check_names(sorted(labels, key=by_number), self.root)

    @property
    def is_mnist(self) -> bool:
        """Whether the files must be the embedded MNIST, whose checksums and ground are known."""
        return self.root.resolve() == EMBEDDED_DATA.resolve()

    @property
    def shows_digits(self) -> bool:
        """Whether the classes are 0 to 9, and dataset.yaml does not describe other images."""
        return self.class_names == CLASS_NAMES and self.description == Description()

    @property
    def notes(self) -> list[str]:
        """How the images are divided, where that is not plain."""
        notes = []
        if added := [name for name in self.source.groups["train"] if part_of(name) == "val"]:
            notes.append(f"the images of {', '.join(added)} are training images")
        if len(self.source.groups) == 1:
            notes.append("there is no test set; a fifth of each class is drawn for testing")
        return notes

    def read(self, *splits: Split) -> list[Part]:
        """Read and convert the images of splits; a DatasetError names all that can't be read."""
        unreadable: dict[str, ImageError] = {}
        parts = [self._read(split, unreadable) for split in splits]
        if unreadable:
            names = [*unreadable]
            raise DatasetError(
                f"{count(len(names), 'picture')} can't be read: {', '.join(names[:MAX_NAMES])}; "
                f"the first {unreadable[names[0]]}"
            )
        return parts

    def _read(self, split: Split, unreadable: dict[str, ImageError]) -> Part:
        is_split = len(self.source.groups) > 1
        source: Split = split if is_split else "train"
        items, own_labels = self._load(self.source.groups[source])
        if len(items) != len(own_labels) or not len(items):
            raise DatasetError(
                f"{self.root} has {len(items):,} images and {len(own_labels):,} labels in "
                f"{source}; each image needs a label, and each split an image"
            )
        labels = self._numbered(own_labels)
        rows = np.arange(len(labels)) if is_split else self._split_rows(labels, split)
        fit: Any = self.description.fit
        shape, kinds = (IMAGE_SIDE, IMAGE_SIDE), Counter[str]()
        if fit == "whole" and isinstance(items, np.ndarray) and items.shape[1:] == shape:
            images = items[rows]
            kinds[f"{IMAGE_SIDE}×{IMAGE_SIDE} L"] = len(rows)
        else:
            images = np.empty((len(rows), *shape), np.uint8)
            for place, row in enumerate(rows.tolist()):
                item = items[row]
                try:
                    images[place], kind = self.source.convert(item, fit)
                    kinds[kind] += 1
                except ImageError as error:
                    numbered = f"{self.root}: image {row:,} of {source}"
                    unreadable[str(item) if isinstance(item, Path) else numbered] = error
        if self._are_dark_on_light:
            images = 255 - images
        paths = [items[row] for row in rows.tolist() if isinstance(items[row], Path)]
        return Part(DigitSet(images, labels[rows]), kinds, paths)

    @cached_property
    def _are_dark_on_light(self) -> bool:
        """Whether digits are dark on light paper; they are inverted, as they are in pictures.

        The training images decide, so that both splits are read alike.
        """
        if self.is_mnist or not self.shows_digits:  # reading MNIST to find out takes 0.2 s
            return False
        items, _ = self._load(self.source.groups["train"])
        levels = []
        for item in items[:: max(1, len(items) // NUM_SAMPLED)]:
            with suppress(ImageError):  # `read` names the pictures that can't be read
                levels.append(self.source.convert(item, "whole")[0].mean())
        return bool(levels) and float(np.mean(levels)) > 127

    @cached_property
    def _listed_names(self) -> tuple[str, ...]:
        path = self._beside("classes.txt")
        if path.is_file():
            try:
                text = read_file(path).decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise DatasetError(f"{path} is not text in UTF-8; save it as UTF-8") from error
            lines = text.rstrip().splitlines()  # blank lines at the end name no class
            return check_names(map(str.strip, lines), path)
        names = self.source.names
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


def _field(name: str, value: Any) -> str:
    """The text of a field of dataset.yaml. YAML reads a plain `yes` as a truth value."""
    if value is not None and type(value) not in (str, int, float):
        raise ValueError(f"{name} is {value}, which is not a text; put it in quotes")
    return "" if value is None else one_line(value)


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


def part_of(name: str) -> str | None:
    """The part that a word in a name says, such as `Training`, `mnist_test.csv` or `x_val`."""
    found = re.search(r"(?<![a-z])(train|val|test)(ing|id|idation)?(?![a-z])", name.lower())
    return found and found[1]


def by_split(names: Collection[str]) -> dict[Split, Names]:
    """Names by the split that they say. If they say one split or none, they are `train`.

    Validation images are training images, because the project draws the images that choose a model
    from these.
    """
    train = tuple(name for name in names if part_of(name) in ("train", "val"))
    test = tuple(name for name in names if part_of(name) == "test")
    if train and test:
        return {"train": train, "test": test}
    return {"train": train or test or tuple(names)}


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
def damage_named(path: Path) -> Iterator[None]:
    """Turn any error of a library that reads a file into a DatasetError."""
    try:
        yield
    except DatasetError:
        raise
    except Exception as error:  # libraries raise anything for a damaged file
        raise DatasetError(
            f"{path} is damaged, or has another format ({error}); fetch or save the file again"
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


def read_file(path: Path) -> bytes:
    """The content of a file; what is wrong with it becomes a DatasetError."""
    try:
        return decoding.read_content(path)
    except ImageError as error:
        raise DatasetError(f"{path} {error}") from error
