"""Reads the images of a data set in any layout: their files, their names, their pixels."""

import functools
import hashlib
import os
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data import decoding
from mnist_pipeline.data.appearance import Appearance, of_handwriting, of_pictures
from mnist_pipeline.data.conversion import IMAGE_SIDE, fitted
from mnist_pipeline.data.errors import DatasetError, ImageError
from mnist_pipeline.data.names import (
    CLASSES,
    DESCRIPTION,
    Description,
    as_indices,
    check_names,
    listed_names,
    names_of_labels,
    read_description,
)
from mnist_pipeline.data.source import Decode, Source, describe
from mnist_pipeline.data.split import Split, drawn_for_choosing, drawn_for_testing, split_word
from mnist_pipeline.data.values import CLASS_NAMES, DigitSet, RawData, RawFile
from mnist_pipeline.utils.directories import EMBEDDED_DATA
from mnist_pipeline.utils.machine import num_threads
from mnist_pipeline.utils.printable import count

MAX_NAMES = 10  # in a message
MAX_THREADS = 4  # a large photo takes up to 0.6 GB while it is decoded
MAX_REMEMBERED = 20_000  # pictures of 28×28 pixels; 16 MB, or 47 MB in colour
BLOCK_IMAGES = 32
SLOW = 0.005  # seconds per image; small pictures take twice as long on two threads as on one
SECONDS_BETWEEN = 5.0  # two calls of `OnRead`

# Called with the number of images that are read so far, and with their total.
OnRead = Callable[[int, int], object]
Converted = tuple[NDArray[np.uint8], str]


class SplitContent(NamedTuple):
    """The images of one split as `Reader` converts them, and what `inspect` reports of their files.

    They are fitted into 28×28, and shown as the models see them, or not yet.
    """

    images: Any  # uint8; in the files with 1 (no axis), 3 or 4 channels
    labels: NDArray[np.uint8]
    kinds: Counter[str]  # sizes and colours of the original images, such as `640×480 RGB`
    paths: tuple[str, ...]  # of the images within the data set; empty if they are not files
    keys: Any = ()  # by which images are drawn for testing: the same in a group, (n,)
    held_out: NDArray[np.intp] | None = None  # see `DigitSet`

    @property
    def digits(self) -> DigitSet:
        """The images and labels."""
        return DigitSet(self.images, self.labels, self.held_out)

    def name_of(self, index: int) -> str | int:
        """The path of an image, or its index."""
        return self.paths[index] if self.paths else index


class Reader:
    """Does for a `Source` what is the same in all layouts: names, checksums, splits, conversion.

    It also reads the files dataset.yaml and classes.txt of the data set. `choices` has values for
    fields of dataset.yaml, and wins over the file. With `recorded`, what was read before, the files
    must not have changed, and the images appear as then. `on_read` is called every few seconds.
    """

    def __init__(
        self,
        root: Path,
        source: Source,
        choices: Mapping[str, Any],
        recorded: RawData | None,
        on_read: OnRead | None = None,
    ) -> None:
        self.root, self.source, self.title = root, source, source.title
        self._on_read = on_read
        self._directory = root if root.is_dir() else root.parent
        self._choices, self._recorded = choices, recorded
        self._known = recorded.data_set if recorded else None
        # None of these refers to the reader: in a cycle, its images would stay until a collection.
        self._contents: dict[Split, SplitContent] = {}
        self._load = functools.cache(source.load)
        self._relative = functools.cache(functools.partial(_path_within, self._directory))
        self._file = functools.cache(functools.partial(describe, max_bytes=decoding.MAX_BYTES))
        self._unreadable: dict[str, ImageError] = {}

    # Names

    @cached_property
    def description(self) -> Description:
        """What dataset.yaml and the choices say."""
        return read_description(self._directory, self._choices)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The class names by label, from classes.txt, from the data, or the sorted labels."""
        if self._listed_names:
            return self._listed_names
        labels = [self._load(group)[1] for group in self.source.groups.values()]
        return names_of_labels(labels, self.root)

    @cached_property
    def _listed_names(self) -> tuple[str, ...]:
        own = self.source.names
        listed = listed_names(self._directory)
        return listed or (check_names(own, self.root) if own else ())

    @property
    def is_mnist(self) -> bool:
        """Whether the files must be the embedded MNIST, whose checksums are known."""
        return self.root.resolve() == EMBEDDED_DATA.resolve()

    @property
    def shows_digits(self) -> bool:
        """Whether the classes are 0 to 9, and dataset.yaml says no more than a title."""
        only_title = Description(title=self.description.title)
        return self.class_names == CLASS_NAMES and self.description == only_title

    @property
    def shows_pictures(self) -> bool:
        """Whether images are whole pictures, in colour or not, and not handwriting."""
        if self._known:
            return not self._known.handwritten
        return self.description.fit == "whole" and not self.shows_digits

    # Files

    def files(self) -> list[RawFile]:
        """Name, size and SHA-256 of everything that the data set is read from.

        Pictures have one entry per split. Its checksum is the SHA-256 of the lines that `sha256sum`
        prints for them in the order of their paths.
        """
        texts = map(self._directory.joinpath, (DESCRIPTION, CLASSES))
        described = [describe(path) for path in [*self.source.files, *filter(Path.is_file, texts)]]
        # Arrays are not loaded for this, as it takes time.
        for split, group in self.source.groups.items() if self.source.are_files else ():
            paths: Any = self._load(group)[0]
            files = {self._relative(path): self._file(path) for path in paths}
            lines = "".join(f"{files[name].sha256}  {name}\n" for name in sorted(files))
            digest = hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
            size = sum(file.size for file in files.values())
            described.append(RawFile(f"{split}: {len(files):,} pictures", size, digest))
        return described

    def _check_unchanged(self, recorded: RawData) -> None:
        """Raise a DatasetError if a file is not the recorded one."""
        if changed := {*self.files()} ^ {*recorded.files}:
            raise DatasetError(
                f"{Path(self.root, min(changed).name)} has changed since its checksum was "
                "recorded; update everything that depends on it with mnist-pipeline run --changed"
            )

    # Images

    def read(self, *splits: Split) -> list[SplitContent]:
        """Read and convert the images of splits; a DatasetError names all that can't be read."""
        if self._recorded:
            self._check_unchanged(self._recorded)
        contents = [self._content(split) for split in splits]
        if unreadable := sorted(self._unreadable):
            raise DatasetError(
                f"{count(len(unreadable), 'picture')} can't be read: "
                f"{', '.join(unreadable[:MAX_NAMES])}; the first {self._unreadable[unreadable[0]]}"
            )
        return [
            content._replace(images=self.appearance.shown(content.images)) for content in contents
        ]

    @cached_property
    def appearance(self) -> Appearance:
        """How the images are shown, which the training images decide for both splits."""
        if known := self._known:
            return Appearance(known.color, known.ground, known.inverted)
        images = self._content("train").images
        if not self.shows_pictures:
            return of_handwriting(images, are_digits=self.shows_digits)
        return of_pictures(images, self.description.color, self.description.background)

    @property
    def notes(self) -> list[str]:
        """How the images are divided and shown, where that is not plain."""
        notes = [*self.appearance.notes]
        train = self.source.groups["train"]
        if added := [name for name in train if split_word(name) == "val"]:
            notes.append(f"the images of {', '.join(added)} are training images")
        if not self._is_split:
            notes.append("there is no test set; a fifth of each class is drawn for testing")
        return notes

    @property
    def _is_split(self) -> bool:
        """Whether the data set has a test set of its own."""
        return len(self.source.groups) > 1

    def _content(self, split: Split) -> SplitContent:
        if split not in self._contents:
            self._contents[split] = self._read_content(split)
        return self._contents[split]

    def _read_content(self, split: Split) -> SplitContent:
        group = split if self._is_split else "train"
        items: Any
        items, own_labels, groups = self._load(self.source.groups[group])
        if len(items) != len(own_labels):
            raise DatasetError(
                f"{self.root} has {count(len(items), 'image')} and "
                f"{count(len(own_labels), 'label')} in {group}; each image needs a label"
            )
        are_listed = bool(self._listed_names)
        labels = as_indices(own_labels, self.class_names, are_listed, self.root)
        rows, keys, held_out = self._rows(split, items, labels, groups)
        are_fitted = isinstance(items, np.ndarray) and items.shape[1:] == (IMAGE_SIDE, IMAGE_SIDE)
        if are_fitted and self.description.fit == "whole":
            kinds = Counter({f"{IMAGE_SIDE}×{IMAGE_SIDE} L": len(rows)})
            return SplitContent(items[rows], labels[rows], kinds, (), keys, held_out)
        images, kinds = [], Counter[str]()
        all_converted = self._all_converted([items[row] for row in rows.tolist()])
        for converted, row in zip(all_converted, rows.tolist(), strict=True):
            if isinstance(converted, ImageError):
                numbered = f"{self.root}: image {row:,} of {group}"
                name = str(items[row]) if self.source.are_files else numbered
                self._unreadable[name] = converted
            else:
                images.append(converted[0])
                kinds[converted[1]] += 1
        paths = [self._relative(items[row]) for row in rows.tolist() if self.source.are_files]
        return SplitContent(images, labels[rows], kinds, tuple(paths), keys, held_out)

    def _all_converted(self, items: Sequence[Any]) -> Iterator[Converted | ImageError]:
        """`_converted` of each image, or its error; on several threads if they are slow."""
        now = time.monotonic()
        due, are_slow = now + SECONDS_BETWEEN, False
        # Decoders ignore warnings for a time. If several do, the last may restore what another set.
        with (
            warnings.catch_warnings(),
            ThreadPoolExecutor(min(num_threads(), MAX_THREADS)) as pool,
        ):
            for first in range(0, len(items), BLOCK_IMAGES):
                start, block = now, items[first : first + BLOCK_IMAGES]
                yield from (pool.map if are_slow else map)(self._converted, block)
                now = time.monotonic()
                are_slow = now - start > SLOW * BLOCK_IMAGES
                if self._on_read and now >= due:
                    self._on_read(first + len(block), len(items))
                    due = now + SECONDS_BETWEEN

    def _converted(self, item: Any) -> Converted | ImageError:
        """An image fitted into 28×28, and its original size and mode."""
        how = self.source.decode, self.shows_pictures, self.description.fit
        try:
            if self.source.are_files:
                return _convert_file(item, self._digest(item), *how)
            return _convert(item, *how)
        except ImageError as error:
            return error

    def _rows(
        self, split: Split, items: Any, labels: NDArray[np.uint8], groups: Sequence[str]
    ) -> tuple[NDArray[np.intp], NDArray[Any], NDArray[np.intp] | None]:
        """The rows of a split, in its order; their keys; and the indices that are held out."""
        if self._is_split and isinstance(items, np.ndarray):
            # Arrays have an order, and splits that somebody chose.
            return np.arange(len(labels)), np.arange(len(labels)), None
        digests = [self._digest(item) for item in items]
        keys = np.array([f"{digest} {row}" for row, digest in enumerate(digests)])
        for row, group in enumerate(groups):
            if group:
                keys[row] = hashlib.sha256(os.fsencode(group)).hexdigest()
        rows = np.argsort(digests, kind="stable")
        if not self._is_split:
            for label, name in enumerate(self.class_names):
                if len({*keys[labels == label]}) == 1:
                    raise DatasetError(
                        f"{self.root} has a single image of class {name}, or a single group of its "
                        "images; a class needs 2, one to train on and one to test with"
                    )
            is_for_test = drawn_for_testing(keys, labels)
            rows = rows[is_for_test[rows] == (split == "test")]
        held_out = np.flatnonzero(drawn_for_choosing(keys[rows], labels[rows]))
        # With a single group, or an image per class, `DigitSet` chooses.
        return rows, keys[rows], held_out if split == "train" and len(held_out) else None

    def _digest(self, item: Any) -> str:
        """The SHA-256 of a picture: of its file, of its encoded bytes, or of its pixels."""
        if isinstance(item, Path):
            try:
                return self._file(item).sha256
            except DatasetError:  # `read` names all pictures that can't be read
                return ""
        content = item.tobytes() if isinstance(item, np.ndarray) else item
        return hashlib.sha256(content).hexdigest()


def _path_within(directory: Path, path: Path) -> str:
    """The path of a file within a directory, with slashes."""
    return Path(os.path.relpath(path, directory)).as_posix()


def _convert(item: Any, decode: Decode, is_whole: bool, fit: Any) -> Converted:
    picture, kind = decode(item, decoding.SMALL if is_whole else decoding.GREY)
    levels = np.asarray(picture) if is_whole else decoding.grey_levels(picture)
    return fitted(levels, fit), kind


@functools.lru_cache(MAX_REMEMBERED)
def _convert_file(path: Path, _digest: str, decode: Decode, is_whole: bool, fit: Any) -> Converted:
    """Convert a file with this content. Several assets of a run read the same photos, and decoding
    one may take a second.
    """
    return _convert(path, decode, is_whole, fit)
