"""What all layouts share: class names, a description, the split and the conversion of images.

Whether an image is for training, choosing or testing follows from its content. Of each class, the
images with the smallest checksums are for testing, and the next ones for choosing. So an image that
is added, removed or renamed moves no other image, but for the rounding of a class by one.
"""

import functools
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from mnist_pipeline.data import decoding
from mnist_pipeline.data.color import LEAST_SHARE, share_beyond_grey
from mnist_pipeline.data.conversion import BLACK, IMAGE_SIDE, WHITE, Fit, fitted, on_ground
from mnist_pipeline.data.errors import DatasetError, ImageError
from mnist_pipeline.data.held_out import split as held_out_split
from mnist_pipeline.data.records import CLASS_NAMES, DataSet, DigitSet, RawFile
from mnist_pipeline.utils.places import EMBEDDED_DATA
from mnist_pipeline.utils.printable import count, one_line, shortened
from mnist_pipeline.utils.yaml_files import read_yaml

Split = Literal["train", "test"]
SPLITS: tuple[Split, Split] = ("train", "test")
MAX_CLASSES = 256  # a label is a byte
TEXTS = ("dataset.yaml", "classes.txt")
TEST_SHARE = 0.2  # of each class, if there is no test set
MAX_NAMES = 10  # in a message
SAMPLE = 1_000  # images whose colours are compared
LEAST_CONTRAST = 64  # levels between the darkest and the lightest pixel of an image
WITHOUT_LABELS = (
    "if these images have no labels, remove them: test images are then drawn from the training "
    "images, and mnist-pipeline predict answers pictures"
)

Names = tuple[str, ...]
Loaded = tuple[Sequence[Any] | NDArray[Any], NDArray[Any]]  # images, and labels: integers or texts


class Part(NamedTuple):
    """One split: its images as they lie in the files, fitted into 28×28, or as they are shown."""

    images: Any  # uint8; in the files with 1 (no axis), 3 or 4 channels
    labels: NDArray[np.uint8]
    kinds: Counter[str]  # sizes and colours of the original images, such as `640×480 RGB`
    paths: tuple[str, ...]  # of the images within the data set; empty if they are not files

    @property
    def digits(self) -> DigitSet:
        """The images and labels."""
        return DigitSet(self.images, self.labels)

    def name_of(self, index: int) -> str | int:
        """The path of an image, or its index."""
        return self.paths[index] if self.paths else index


class Appearance(NamedTuple):
    """How images are shown to the models; the training images decide."""

    color: bool = False
    ground: str = WHITE  # on which transparent pictures are placed
    inverted: bool = False  # whether digits were dark on light
    notes: Sequence[str] = ()  # why


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
    # See `Reader.num_images`; a source of picture files needs none.
    num_images: Callable[[], int] = int


class Description(NamedTuple):
    """What people may write about their own images in `dataset.yaml`."""

    title: str = ""
    noun: str = "image"  # what an image shows, in the singular
    fit: str = "whole"
    color: bool | None = None  # by default whether the colours carry information
    background: str = ""  # of transparent pictures: a colour as #rrggbb; by default white or black


class Reader:
    """Reads a data set, with the files dataset.yaml and classes.txt beside it.

    `choices` has values for fields of dataset.yaml, and wins over the file. With `known`, the
    appearance of the images is not decided again.
    """

    def __init__(
        self,
        root: Path,
        source: Source,
        choices: Mapping[str, Any],
        known: DataSet | None,
    ) -> None:
        self.root, self.source, self.title = root, source, source.title
        self._directory = root if root.is_dir() else root.parent
        self._choices, self._known = choices, known
        self._load = functools.cache(source.load)
        self._content = functools.cache(self._read_content)
        self._describe = functools.cache(describe)
        self._unreadable: dict[str, ImageError] = {}

    def files(self) -> list[RawFile]:
        """Name, size and SHA-256 of everything that the data set is read from.

        Pictures have one entry per split. Its checksum is the SHA-256 of the lines that `sha256sum`
        prints for them in the order of their paths.
        """
        texts = [path for path in map(self._directory.joinpath, TEXTS) if path.is_file()]
        described = [describe(path) for path in [*self.source.files, *texts]]
        if not self._are_files:
            return described
        for split, names in self.source.groups.items():
            paths: Any = self._load(names)[0]
            files = {self._relative(path): self._describe(path) for path in paths}
            lines = "".join(f"{files[name].sha256}  {name}\n" for name in sorted(files))
            digest = hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
            size = sum(file.size for file in files.values())
            described.append(RawFile(f"{split}: {len(files):,} pictures", size, digest))
        return described

    @property
    def num_images(self) -> int:
        """The number of training images, with those for testing if they are drawn from these; 0 if
        only loading all images would tell.

        Raises a DatasetError if a file is damaged.
        """
        with damage_named(self.root):
            if self._are_files:
                return len(self._load(self.source.groups["train"])[1])
            return self.source.num_images()

    @property
    def _are_files(self) -> bool:
        """Whether each image is a file of its own, and not a part of an array, which takes time to
        load.
        """
        return self.source.decode is decoding.decode

    @cached_property
    def description(self) -> Description:
        """The content of dataset.yaml, or the defaults; a field without a text has its default."""
        path = self._directory / "dataset.yaml"
        try:
            fields = {**(read_yaml(path) or {})} if path.is_file() else {}
            values = {name: _field(name, value) for name, value in fields.items()}
            given = {name: value for name, value in values.items() if value != ""}
            description = Description(**{**given, **self._choices})
            if description.background:
                color = ImageColor.getrgb(description.background)[:3]
                description = description._replace(background="#" + bytes(color).hex())
        except (ValueError, TypeError) as error:
            raise DatasetError(
                f"{path}: {shortened(one_line(error))}; write lines such as 'fit: mnist', with the "
                f"fields {', '.join(Description._fields)}"
            ) from error
        if description.fit not in get_args(Fit):
            allowed = " or ".join(get_args(Fit))
            raise DatasetError(f"{path}: fit is {shortened(description.fit)}; it must be {allowed}")
        if description.color and description.fit != "whole":
            raise DatasetError(f"{path}: color is true, which needs fit: whole; remove one of them")
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
    def shows_pictures(self) -> bool:
        """Whether images are whole pictures, in colour or not, and not handwriting."""
        if self._known:
            return not self._known.handwritten
        return self.description.fit == "whole" and not self.shows_digits

    @cached_property
    def appearance(self) -> Appearance:
        """How the images are shown, which the training images decide for both splits."""
        known = self._known
        if known or self.is_mnist:  # reading MNIST to find out takes 0.2 s
            return Appearance(known.color, known.ground, known.inverted) if known else Appearance()
        images = self._content("train").images
        if not self.shows_pictures:
            is_dark_on_light = self.shows_digits and bool(np.mean(images) > 127)
            return Appearance(inverted=is_dark_on_light)
        own, notes = self.description, []
        ground = own.background or WHITE
        transparent = [image for image in images if image.shape[2:] == (4,)]
        if transparent:
            if not own.background and _are_erased(transparent, WHITE):
                ground = BLACK
            notes.append(f"transparent pictures lie on the colour {ground}")
        color = own.color
        if color is None and any(image.ndim == 3 for image in images):
            sample = images[:: -(-len(images) // SAMPLE)]
            share = share_beyond_grey(np.array(on_ground(sample, ground, color=True)))
            color = share >= LEAST_SHARE
            seen, compared = ("colours", "less") if color else ("grey levels", "more")
            notes.append(
                f"the models see {seen}: grey levels explain {1 - share:.1%} of the variance of "
                f"red, green and blue, {compared} than {1 - LEAST_SHARE:.0%}"
            )
        return Appearance(bool(color), ground, notes=notes)

    @property
    def notes(self) -> list[str]:
        """How the images are divided and shown, where that is not plain."""
        notes = [*self.appearance.notes]
        if added := [name for name in self.source.groups["train"] if part_of(name) == "val"]:
            notes.append(f"the images of {', '.join(added)} are training images")
        if len(self.source.groups) == 1:
            notes.append("there is no test set; a fifth of each class is drawn for testing")
        return notes

    def read(self, *splits: Split) -> list[Part]:
        """Read and convert the images of splits; a DatasetError names all that can't be read."""
        parts = [self._content(split) for split in splits]
        if unreadable := sorted(self._unreadable):
            raise DatasetError(
                f"{count(len(unreadable), 'picture')} can't be read: "
                f"{', '.join(unreadable[:MAX_NAMES])}; the first {self._unreadable[unreadable[0]]}"
            )
        return [part._replace(images=self._as_shown(part.images)) for part in parts]

    def _as_shown(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """The images as the models see them: on a ground, in colour or grey, inverted or not."""
        color, ground, inverted, _ = self.appearance
        if self.shows_pictures and (color or not isinstance(images, np.ndarray)):
            images = on_ground(images, ground, color=color)
        shown = np.asarray(images)
        return 255 - shown if inverted else shown

    def _read_content(self, split: Split) -> Part:
        is_split = len(self.source.groups) > 1
        source: Split = split if is_split else "train"
        items, own_labels = self._load(self.source.groups[source])
        if len(items) != len(own_labels) or not len(items):
            raise DatasetError(
                f"{self.root} has {len(items):,} images and {len(own_labels):,} labels in "
                f"{source}; each image needs a label, and each split an image"
            )
        labels = self._numbered(own_labels)
        if is_split and isinstance(items, np.ndarray):
            rows = np.arange(len(labels))  # arrays have an order, and parts that somebody chose
        else:
            digests = np.array([self._digest(item) for item in items])
            rows = self._rows(digests, labels, "all" if is_split else split)
        fit: Any = self.description.fit
        shape, kinds = (IMAGE_SIDE, IMAGE_SIDE), Counter[str]()
        images: Any = []
        is_whole = self.shows_pictures
        draft = decoding.SMALL if is_whole else decoding.GREY
        if fit == "whole" and isinstance(items, np.ndarray) and items.shape[1:] == shape:
            images = items[rows]
            kinds[f"{IMAGE_SIDE}×{IMAGE_SIDE} L"] = len(rows)
        for row in rows.tolist() if isinstance(images, list) else ():
            item = items[row]
            try:
                picture, kind = self.source.decode(item, draft)
                kinds[kind] += 1
                levels = np.asarray(picture) if is_whole else decoding.grey_levels(picture)
                images.append(fitted(levels, fit))
            except ImageError as error:
                numbered = f"{self.root}: image {row:,} of {source}"
                self._unreadable[str(item) if isinstance(item, Path) else numbered] = error
        paths = [items[row] for row in rows.tolist() if isinstance(items[row], Path)]
        return Part(images, labels[rows], kinds, tuple(map(self._relative, paths)))

    def _rows(
        self, digests: NDArray[Any], labels: NDArray[np.uint8], split: Split | Literal["all"]
    ) -> NDArray[np.intp]:
        """The rows of a split by content: in each class, the smallest checksums are for testing.

        `held_out.split` chooses by place, so the next smallest checksums of each class get the
        places that it chooses.
        """
        order = np.argsort(digests, kind="stable")
        is_for_test = np.zeros(len(labels), bool)
        for label in np.unique(labels) if split != "all" else ():
            rows = order[labels[order] == label]
            if len(rows) < 2:
                raise DatasetError(
                    f"{self.root} has a single image of class {self.class_names[label]}; a class "
                    "needs 2, one to train on and one to test with"
                )
            is_for_test[rows[: max(1, round(TEST_SHARE * len(rows)))]] = True
        order = order[is_for_test[order] == (split == "test")]
        if split == "test":
            return order
        own = labels[order]
        places = np.concatenate(held_out_split(own)[::-1])  # those held out come first
        arranged = np.empty_like(order)
        for label in np.unique(own):
            arranged[places[own[places] == label]] = order[own == label]
        return arranged

    def _digest(self, item: Any) -> str:
        """The SHA-256 of a picture: of its file, of its encoded bytes, or of its pixels."""
        if isinstance(item, Path):
            try:
                return self._describe(item).sha256
            except DatasetError:  # `read` names all pictures that can't be read
                return ""
        content = item.tobytes() if isinstance(item, np.ndarray) else item
        return hashlib.sha256(content).hexdigest()

    def _relative(self, path: Path) -> str:
        """The path of a file within the data set, with slashes."""
        return Path(os.path.relpath(path, self._directory)).as_posix()

    @cached_property
    def _listed_names(self) -> tuple[str, ...]:
        path = self._directory / "classes.txt"
        if path.is_file():
            with damage_named(path):
                text = read_file(path).decode("utf-8-sig")
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


def _field(name: str, value: Any) -> str | bool:
    """The text of a field of dataset.yaml. YAML reads a plain `yes` as a truth value."""
    if name not in Description._fields:
        raise ValueError(f"{name} is not a field of it")
    if name == "color":
        if type(value) is not bool:
            raise ValueError(f"color is {value}, which is neither true nor false")
        return value
    if value is not None and type(value) not in (str, int, float):
        raise ValueError(f"{name} is {value}, which is not a text; put it in quotes")
    return "" if value is None else one_line(value)


def contrast(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Levels between the darkest and the lightest pixel of each image, in its best channel."""
    return np.ptp(images, axis=(1, 2)).reshape(len(images), -1).max(axis=1)


def _are_erased(images: Sequence[NDArray[np.uint8]], ground: str) -> bool:
    """Whether a ground leaves little contrast in most transparent pictures."""
    placed = np.array(on_ground(images, ground, color=True))
    return bool(np.mean(contrast(placed) < LEAST_CONTRAST) > 0.5)


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
            raise DatasetError(
                f"{where}: class name {shortened(name)!r} is blank or used twice; rename it"
            )
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


def read_file(path: Path) -> bytes:
    """The content of a file; what is wrong with it becomes a DatasetError."""
    try:
        return decoding.read_content(path)
    except ImageError as error:
        raise DatasetError(f"{path} {error}") from error
