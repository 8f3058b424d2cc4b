"""What the readers of all layouts share: limits, names of classes, and the split of a set that comes in one part."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.files import Hashed, RawFile, describe, is_directory, opened, unreadable
from mnist_pipeline.utils.printable import one_line

if TYPE_CHECKING:
    from mnist_pipeline.data.description import Description

Split = Literal["train", "test"]
SPLITS: tuple[Split, Split] = ("train", "test")

MAX_IMAGES = 1_000_000  # a file that announces more is refused before memory is allocated
# Images compress up to 10 times, blank images 1,000 times. A file that expands more than 100 times, and to more than a
# blank MNIST (47 MB), is refused as a decompression bomb.
MAX_EXPANSION = 100
UNSUSPICIOUS_BYTES = 1 << 26
MAX_CLASSES = 256
MAX_NAME = 100  # characters of the name of a class
MAX_FILE_BYTES = 1 << 36  # of an archive or a Parquet file
TEXTS = ("dataset.yaml", "classes.txt")
MAX_TEXT_BYTES = 1 << 16  # of classes.txt and dataset.yaml
SEED = 0  # of the split and the order of images that come without one


class Part(NamedTuple):
    """One split as it was read."""

    images: NDArray[np.uint8]  # (n, 28, 28)
    labels: NDArray[np.uint8]  # (n,)
    files: list[RawFile]  # that the split was read from
    kinds: Counter[str]  # sizes and colours of the original images, such as `640×480 RGB`


class Reader:
    """Reads the data set at a path; there is one subclass per layout."""

    title: ClassVar[str]

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Whether the path has this layout, as far as names and first bytes show."""
        raise NotImplementedError

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, by label."""
        raise NotImplementedError

    def files(self) -> list[RawFile]:
        """Name, size and SHA-256 of what the data set is read from."""
        raise NotImplementedError

    def read(self, split: Split) -> Part:
        """Read and validate a split."""
        raise NotImplementedError

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

    def texts(self) -> list[RawFile]:
        """Name, size and SHA-256 of dataset.yaml and classes.txt, as far as they are there."""
        paths = [path for path in map(self._beside, TEXTS) if os.path.lexists(path)]
        return [describe(path, hashlib.sha256(), max_bytes=MAX_TEXT_BYTES) for path in paths]

    def _beside(self, name: str) -> Path:
        return (self.root if is_directory(self.root) else self.root.parent) / name

    def _text(self, name: str) -> str | None:
        path = self._beside(name)
        if not os.path.lexists(path):
            return None
        with opened(path, MAX_TEXT_BYTES) as file:
            try:
                return file.read().decode()
            except UnicodeDecodeError as error:
                raise DatasetError(f"{path} is not text in UTF-8; save it as UTF-8") from error

    def numbered(
        self, values: Mapping[Split, NDArray[np.generic]], names: tuple[str, ...] | None
    ) -> tuple[tuple[str, ...], dict[Split, NDArray[np.uint8]]]:
        """The names of the classes, and labels as numbers, from labels that are integers or texts.

        With names, an integer is the place of its name, from 0. Without, each value is a class.
        """
        distinct = {value for each in values.values() for value in np.unique(each).tolist()}
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
        for split, each in values.items():
            present, inverse = np.unique(each, return_inverse=True)
            numbered[split] = np.array([places[value] for value in present.tolist()], np.uint8)[inverse]
        return names, numbered

    def split_rows(self, labels: NDArray[np.uint8], names: tuple[str, ...]) -> dict[Split, NDArray[np.intp]]:
        """The rows of each split of images that come in one part: a share of each class at random, in random order."""
        order = np.random.default_rng(SEED).permutation(len(labels))
        for_test = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            rows = order[labels[order] == label]
            if len(rows) < 2:
                raise DatasetError(
                    f"{self.root} has a single image of class {names[label]}; a class needs 2, one to train "
                    "on and one to test with"
                )
            size = round(self.description.test_share * len(rows))
            for_test[rows[: min(max(1, size), len(rows) - 1)]] = True
        return {"train": order[~for_test[order]], "test": order[for_test[order]]}


def check_names(names: Iterable[str], where: Path) -> tuple[str, ...]:
    """The names of classes, 2 to 256; raises a DatasetError unless each is different and can be printed in a line."""
    found = tuple(names)
    if not 2 <= len(found) <= MAX_CLASSES:
        raise DatasetError(f"{where} has {len(found):,} classes; there must be 2 to {MAX_CLASSES}")
    for name in found:
        is_path = "\\" in name or name.startswith("/") or name.endswith("/") or ".." in name.split("/")
        if is_path or not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise DatasetError(
                f"{where} names a class {name[:MAX_NAME]!r}; a name has 1 to {MAX_NAME} printable characters, and is "
                "not a path"
            )
    if twice := [name for name in found if found.count(name) > 1]:
        raise DatasetError(f"{where} names two classes {twice[0]!r}; give each class another name")
    return found


def by_number(name: str) -> tuple[int, int, str]:
    """The place of a name in a sorted list: numbers by value, then other names."""
    return (0, int(name), name) if name.isascii() and name.isdecimal() and len(name) <= MAX_NAME else (1, 0, name)


def listing(directory: Path) -> list[str]:
    """The names in a directory, sorted; raises a DatasetError if it can't be read."""
    try:
        return sorted(path.name for path in directory.iterdir())
    except (OSError, ValueError) as error:
        raise unreadable(directory, error) from error


def check_size(path: Path, count: int, item_bytes: int, size: int) -> None:
    """Refuse images that a file of this size can't have, before memory is allocated for them."""
    if not 1 <= count <= MAX_IMAGES:
        raise DatasetError(f"{path} announces {count:,} images; a file must have 1 to {MAX_IMAGES:,}")
    expected = count * max(item_bytes, 784)
    if expected > max(UNSUSPICIOUS_BYTES, MAX_EXPANSION * size):
        raise DatasetError(
            f"{path} is truncated, or made to fill the memory: it announces {count:,} images, {expected:,} bytes, and "
            f"its file is {size:,} bytes long; fetch the file again"
        )


def files_with_suffix(root: Path, suffix: str) -> list[Path]:
    """The files with a suffix in a directory, sorted, or the path itself if it has the suffix."""
    if is_directory(root):
        return [root / name for name in listing(root) if name.endswith(suffix) and not name.startswith(".")]
    return [root] if root.suffix == suffix and os.path.lexists(root) else []


@contextmanager
def read_at_random(path: Path) -> Iterator[tuple[BinaryIO, RawFile]]:
    """A file that a library reads in any order, and its description; every error is a DatasetError.

    The file must not change meanwhile, so that the description is that of the bytes which are read.
    """
    with opened(path, MAX_FILE_BYTES) as file:
        before = os.fstat(file.fileno())
        described = Hashed(file, hashlib.sha256()).describe(path.name)
        file.seek(0)
        try:
            yield file, described
        except (DatasetError, MemoryError):
            raise
        except Exception as error:  # libraries raise anything for a damaged file
            raise DatasetError(
                f"{path} is damaged: {one_line(error) or type(error).__name__}; fetch or save the file again"
            ) from error
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise DatasetError(f"{path} has changed while it was read; read it again when it is complete")
