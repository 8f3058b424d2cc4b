"""What the readers of all layouts share: files, names of classes, and the split of a set that comes in one part."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.errors import DatasetError, ImageError, UnreadableError

if TYPE_CHECKING:
    from mnist_pipeline.data.description import Description

Split = Literal["train", "test"]
SPLITS: tuple[Split, Split] = ("train", "test")
MAX_CLASSES = 256  # a label is a byte
TEXTS = ("dataset.yaml", "classes.txt")
SEED = 0  # of the split and the order of images that come without one


class RawFile(NamedTuple):
    """A file on disk: its name, its size in bytes and its checksum in hexadecimal."""

    name: str
    size: int
    sha256: str


class Part(NamedTuple):
    """One split as it was read."""

    images: NDArray[np.uint8]  # (n, 28, 28)
    labels: NDArray[np.uint8]  # (n,)
    kinds: Counter[str]  # sizes and colours of the original images, such as `640×480 RGB`


Items = Sequence[Any] | NDArray[Any]  # the images of a part, as a reader converts them one by one
Labels = NDArray[np.generic]  # integers or texts


class Reader:
    """Reads the data set at a path; there is one subclass per layout."""

    title: ClassVar[str]

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Whether the path has this layout, as far as names show."""
        raise NotImplementedError

    def paths(self) -> list[Path]:
        """The files that the images and labels are read from."""
        raise NotImplementedError

    def parts(self) -> Mapping[Split, tuple[Items, Labels]]:
        """The images and labels of each split, or of all images as `train` if they do not come in two splits."""
        raise NotImplementedError

    def converted(self, item: Any) -> tuple[NDArray[np.uint8], str]:
        """An image of a part as 28×28 grey levels, and its original size and mode. An ImageError does not name it."""
        raise NotImplementedError

    @property
    def own_names(self) -> tuple[str, ...] | None:
        """The names of the classes in classes.txt, or another list that the layout has."""
        return self.listed_names

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, by label."""
        return self._numbered[0]

    def files(self) -> list[RawFile]:
        """Name, size and SHA-256 of what the data set is read from."""
        return [describe(path) for path in [*self.paths(), *self.texts()]]

    def texts(self) -> list[Path]:
        """The files dataset.yaml and classes.txt, as far as they are there."""
        return [path for path in map(self._beside, TEXTS) if path.exists()]

    def read(self, split: Split) -> Part:
        """Read and convert the images of a split."""
        source, rows = self.rows(split)
        items, labels = self._parts[source][0], self._numbered[1][source]
        images, kinds = np.empty((len(rows), IMAGE_SIDE, IMAGE_SIDE), np.uint8), Counter[str]()
        for place, row in enumerate(rows.tolist()):
            try:
                images[place], kind = self.converted(items[row])
            except ImageError as error:
                where = items[row] if isinstance(items[row], Path) else f"{self.root}: image {row:,} of {source}"
                raise DatasetError(f"{where} {error}") from error
            kinds[kind] += 1
        return Part(images, labels[rows], kinds)

    def rows(self, split: Split) -> tuple[Split, NDArray[np.intp]]:
        """The part that a split is read from, and its rows there.

        Of images that come in one part, a share of each class is for testing, at random and in random order.
        """
        names, labels = self._numbered
        if len(labels) > 1:
            return split, np.arange(len(labels[split]))
        whole = labels["train"]
        order = np.random.default_rng(SEED).permutation(len(whole))
        for_test = np.zeros(len(whole), bool)
        for label in np.unique(whole):
            rows = order[whole[order] == label]
            if len(rows) < 2:
                raise DatasetError(
                    f"{self.root} has a single image of class {names[label]}; a class needs 2, one to train "
                    "on and one to test with"
                )
            size = round(self.description.test_share * len(rows))
            for_test[rows[: min(max(1, size), len(rows) - 1)]] = True
        return "train", order[for_test[order] == (split == "test")]

    @cached_property
    def description(self) -> "Description":
        """The content of dataset.yaml, or the defaults."""
        from mnist_pipeline.data import description  # with pydantic, which recognizing pictures does not need

        if (text := self._text("dataset.yaml")) is None:
            return description.Description()
        try:
            return description.parse(text)
        except ValueError as error:
            raise DatasetError(f"{self._beside('dataset.yaml')}: {error}") from error

    @cached_property
    def listed_names(self) -> tuple[str, ...] | None:
        """The names in classes.txt, one per line in the order of the labels; None if there is no such file."""
        if (text := self._text("classes.txt")) is None:
            return None
        return check_names(text.removeprefix("\ufeff").splitlines(), self._beside("classes.txt"))

    def _beside(self, name: str) -> Path:
        return (self.root if self.root.is_dir() else self.root.parent) / name

    def _text(self, name: str) -> str | None:
        path = self._beside(name)
        if not path.exists():
            return None
        try:
            return read_file(path).decode()
        except UnicodeDecodeError as error:
            raise DatasetError(f"{path} is not text in UTF-8; save it as UTF-8") from error

    @cached_property
    def _parts(self) -> Mapping[Split, tuple[Items, Labels]]:
        parts = self.parts()
        for split, (items, labels) in parts.items():
            if len(items) != len(labels) or not len(labels):
                raise DatasetError(
                    f"{self.root} has {len(items):,} images and {len(labels):,} labels in {split}; each image needs a "
                    "label, and each split an image"
                )
        return parts

    @cached_property
    def _numbered(self) -> tuple[tuple[str, ...], dict[Split, NDArray[np.uint8]]]:
        """The names of the classes, and labels as numbers, from labels that are integers or texts.

        With names, an integer is the place of its name, from 0. Without, each value is a class.
        """
        labels = {split: labels for split, (_, labels) in self._parts.items()}
        distinct = {value for each in labels.values() for value in np.unique(each).tolist()}
        names = self.own_names
        if names is None:
            names = check_names(sorted(map(str, distinct), key=by_number), self.root)
            places = {value: names.index(str(value)) for value in distinct}
        else:
            places = {value: names.index(value) if value in names else value for value in distinct}
            for value, place in sorted(places.items(), key=str):
                if not isinstance(place, int) or not 0 <= place < len(names):
                    known = f"0–{len(names) - 1} or one of {', '.join(names[:5])}{', …' * (len(names) > 5)}"
                    raise DatasetError(f"{self.root} has the label {value!r}; labels must be {known}")
        numbered = {}
        for split, each in labels.items():
            present, inverse = np.unique(each, return_inverse=True)
            numbered[split] = np.array([places[value] for value in present.tolist()], np.uint8)[inverse]
        return names, numbered


def check_names(names: Iterable[str], where: Path) -> tuple[str, ...]:
    """The names of classes; raises a DatasetError unless there are 2 to 256 different ones."""
    found = tuple(names)
    if not 2 <= len(found) <= MAX_CLASSES:
        raise DatasetError(f"{where} has {len(found):,} classes; there must be 2 to {MAX_CLASSES}")
    for name in found:
        if not name.strip() or found.count(name) > 1:
            raise DatasetError(f"{where} names a class {name!r}, which is blank or not the only one; change the name")
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
    """The content of a file; an error of the system becomes an UnreadableError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path} can't be read: {error.strerror}; check its permissions and its disk") from error
