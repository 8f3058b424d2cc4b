"""Reading folders of pictures: one folder per class, with or without `train/` and `test/` above them."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnist_pipeline.data import reader
from mnist_pipeline.data.conversion import convert
from mnist_pipeline.data.errors import DatasetError, ImageError
from mnist_pipeline.data.files import RawFile, is_directory, opened, unreadable
from mnist_pipeline.data.reader import SEED, SPLITS, Part, Reader, Split, by_number, check_names, listing

MAX_PICTURE_BYTES = 1 << 28
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
OF_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")  # files that systems leave; so do all names that begin with a dot


class Picture(NamedTuple):
    """A picture by its path below the root, and its class."""

    path: str
    label: int

    @property
    def stem(self) -> str:
        """The name of the file, without its folder and suffix."""
        return Path(self.path).stem


class Folders(Reader):
    """Reads a folder of class folders.

    The images of a split have the order of their names if all names are different numbers, for example `00041.png`;
    otherwise they have a random order with a fixed seed, because softmax regression learns from them one by one.
    """

    title = "folders of pictures"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Whether there are folders in it."""
        return is_directory(root) and any(
            is_directory(root / name) for name in listing(root) if not _is_of_system(name)
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names in classes.txt for the folders in order, or those of the folders."""
        folders, where = self._class_folders, self._beside("classes.txt")
        names = self.listed_names or folders
        if len(names) != len(folders):
            raise DatasetError(
                f"{where} names {len(names)} classes, and there are {len(folders)} folders; write one line per folder, "
                "in the order of their names"
            )
        return names

    def files(self) -> list[RawFile]:
        """One entry per split, with a digest of the names and contents of its pictures."""
        return [
            self._described(split, ((picture, self._content(picture)) for picture in self._pictures[split]))
            for split in SPLITS
        ]

    def read(self, split: Split) -> Part:
        """Read the pictures of a split, one at a time."""
        pictures, kinds = self._pictures[split], Counter[str]()
        images = np.empty((len(pictures), 28, 28), np.uint8)

        def converted() -> Iterator[tuple[Picture, bytes]]:
            for place, picture in enumerate(pictures):
                content = self._content(picture)
                try:
                    images[place], kind = convert(content, self.description.fit)
                except ImageError as error:
                    raise DatasetError(f"{self.root / picture.path} {error}") from error
                kinds[kind] += 1
                yield picture, content

        file = self._described(split, converted())
        return Part(images, np.array([picture.label for picture in pictures], np.uint8), [file], kinds)

    @cached_property
    def _split_folders(self) -> dict[Split, str] | None:
        """The folders of the two splits, None if the class folders lie directly in the root."""
        present = {name.lower(): name for name in self._folders(self.root)}
        found: dict[Split, str] = {}
        for split in SPLITS:
            others = (split, f"{split}ing")
            if names := [present[name] for name in others if name in present]:
                found[split] = names[0]
        if not found:
            return None
        if len(found) == 1:
            (there,), (absent,) = found.values(), {*SPLITS} - {*found}
            raise DatasetError(
                f"{self.root} has the folder {there} and no folder {absent}; add it, or put the class folders "
                f"directly into {self.root}"
            )
        return found

    @cached_property
    def _class_folders(self) -> tuple[str, ...]:
        """The names of the class folders, in the order of the labels."""
        splits = self._split_folders
        roots = [self.root / name for name in splits.values()] if splits else [self.root]
        first, *others = [self._folders(root) for root in roots]
        for other in others:
            if missing := sorted({*first} ^ {*other}):
                raise DatasetError(
                    f"{self.root} has a folder of class {missing[0]!r} in one split only; add it to the other"
                )
        return check_names(sorted(first, key=by_number), roots[0])

    @cached_property
    def _pictures(self) -> dict[Split, list[Picture]]:
        """The pictures of each split in their order."""
        names = self.class_names
        if splits := self._split_folders:
            found = {split: self._in_folder(f"{folder}/") for split, folder in splits.items()}
            return {split: _in_order(pictures) for split, pictures in found.items()}
        pictures = self._in_folder("")
        rows = self.split_rows(np.array([picture.label for picture in pictures], np.uint8), names)
        return {split: [pictures[row] for row in each] for split, each in rows.items()}

    def _in_folder(self, folder: str) -> list[Picture]:
        """The pictures in the class folders below a folder."""
        found: list[Picture] = []
        for label, name in enumerate(self._class_folders):
            before = len(found)
            for file in self._pictures_in(f"{folder}{name}"):
                found.append(Picture(file, label))
                if len(found) > reader.MAX_IMAGES:
                    raise DatasetError(
                        f"{self.root / folder} has more than {reader.MAX_IMAGES:,} pictures; use a part of them"
                    )
            if len(found) == before:
                raise DatasetError(f"{self.root / folder / name} has no pictures; add some, or remove the folder")
        return sorted(found)

    def _pictures_in(self, folder: str) -> Iterator[str]:
        path = self.root / folder
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if _is_of_system(entry.name):
                        continue
                    if entry.is_symlink():
                        self._refuse_link_outside(path / entry.name)
                    if entry.is_dir():
                        raise DatasetError(f"{path / entry.name} is a folder in a class folder; move its pictures up")
                    yield f"{folder}/{entry.name}"
        except OSError as error:
            raise unreadable(path, error) from error

    def _folders(self, directory: Path) -> list[str]:
        """The names of the folders in a directory; raises a DatasetError if the directory also has pictures."""
        found = []
        for name in listing(directory):
            if _is_of_system(name):
                continue
            if (directory / name).is_dir():
                if (directory / name).is_symlink():
                    self._refuse_link_outside(directory / name)
                found.append(name)
            elif name.lower().endswith(SUFFIXES):
                raise DatasetError(f"{directory / name} lies in no class folder; move it into the folder of its class")
        return found

    def _refuse_link_outside(self, path: Path) -> None:
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root)):
            raise DatasetError(f"{path} is a link out of {self.root}; put a copy of the file in its place")

    def _content(self, picture: Picture) -> bytes:
        with opened(self.root / picture.path, MAX_PICTURE_BYTES) as file:
            return file.read(os.fstat(file.fileno()).st_size)

    def _described(self, split: Split, pictures: Iterator[tuple[Picture, bytes]]) -> RawFile:
        """The entry of a split: the SHA-256 of what `sha256sum` prints for its pictures, sorted by path."""
        size, lines = 0, []
        for picture, content in pictures:
            size += len(content)
            lines.append(f"{hashlib.sha256(content).hexdigest()}  {picture.path}\n")
        lines.sort(key=lambda line: line[64:])
        digest = hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()
        return RawFile(f"{split}: {len(lines):,} pictures", size, digest)


def _is_of_system(name: str) -> bool:
    return name.startswith(".") or name.lower() in OF_SYSTEMS


def _in_order(pictures: list[Picture]) -> list[Picture]:
    """The pictures by number if their names are different numbers, otherwise in random order."""
    stems = [picture.stem for picture in pictures]
    if len({*stems}) == len(stems) and all(stem.isascii() and stem.isdecimal() for stem in stems):
        return sorted(pictures, key=lambda picture: by_number(picture.stem))
    return [pictures[place] for place in np.random.default_rng(SEED).permutation(len(pictures))]
