"""Reading folders of pictures: a folder per class, with or without `train/` and `test/` above them."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import convert
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.reader import (
    SEED,
    SPLITS,
    Items,
    Labels,
    RawFile,
    Reader,
    Split,
    by_number,
    check_names,
    describe,
    read_file,
)

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
OF_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")  # files that systems leave; so do all names that begin with a dot


class Folders(Reader):
    """Reads a folder of class folders.

    The images of a split have the order of their names if all names are different numbers, for example `00041.png`;
    otherwise they have a random order with a fixed seed, because softmax regression learns from them one by one.
    """

    title = "folders of pictures"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Whether there are folders or pictures in it."""
        return any(path.is_dir() or path.suffix.lower() in SUFFIXES for path in _visible(root))

    @property
    def own_names(self) -> tuple[str, ...]:
        """The names in classes.txt for the folders in order, or those of the folders."""
        folders = self._classes
        names = self.listed_names or folders
        if len(names) != len(folders):
            raise DatasetError(
                f"{self._beside('classes.txt')} names {len(names)} classes, and there are {len(folders)} folders; "
                "write one line per folder, in the order of their names"
            )
        return names

    def files(self) -> list[RawFile]:
        """One entry per split, with a digest of the names and contents of its pictures."""
        return [*map(self._digest, SPLITS), *map(describe, self.texts())]

    def parts(self) -> Mapping[Split, tuple[Items, Labels]]:
        """The paths of the pictures, and the number of the folder that each lies in."""
        found: dict[Split, tuple[Items, Labels]] = {}
        for split, root in self._roots.items():
            pictures = sorted(
                (path, label) for label, name in enumerate(self._classes) for path in _pictures(root / name)
            )
            pictures = pictures if len(self._roots) == 1 else _in_order(pictures)
            paths, labels = zip(*pictures, strict=True)
            found[split] = (paths, np.array(labels))
        return found

    def converted(self, item: Path) -> tuple[NDArray[np.uint8], str]:
        """A picture as 28×28 grey levels, and its size and mode."""
        return convert(read_file(item), self.description.fit)

    @cached_property
    def _roots(self) -> Mapping[Split, Path]:
        """The folders above the class folders: those of the two splits, or the root itself as `train`."""
        present = {path.name.lower(): path for path in _folders(self.root)}
        found: dict[Split, Path] = {}
        for split in SPLITS:
            if names := {split, f"{split}ing"} & present.keys():
                found[split] = present[min(names)]
        if len(found) == 1:
            raise DatasetError(
                f"{self.root} has the folder {next(iter(found.values())).name} and none for the other split; add the "
                f"folder train or test, or put the class folders directly into {self.root}"
            )
        return found or {"train": self.root}

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        """The names of the class folders, in the order of the labels."""
        names = [{path.name for path in _folders(root)} for root in self._roots.values()]
        if missing := sorted(names[0] ^ names[-1]):
            raise DatasetError(
                f"{self.root} has a folder of class {missing[0]!r} in one split only; add it to the other"
            )
        return check_names(sorted(names[0], key=by_number), self.root)

    def _digest(self, split: Split) -> RawFile:
        """The entry of a split: the SHA-256 of what `sha256sum` prints for its pictures, sorted by path."""
        source, rows = self.rows(split)
        pictures = [self._parts[source][0][row] for row in rows]
        described = {path.relative_to(self.root).as_posix(): describe(path) for path in pictures}
        lines = "".join(f"{described[name].sha256}  {name}\n" for name in sorted(described))
        digest = hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
        return RawFile(f"{split}: {len(pictures):,} pictures", sum(file.size for file in described.values()), digest)


def _visible(directory: Path) -> list[Path]:
    """The files and folders in a directory that people put there, sorted."""
    paths = sorted(directory.iterdir()) if directory.is_dir() else []
    return [path for path in paths if not path.name.startswith(".") and path.name.lower() not in OF_SYSTEMS]


def _folders(directory: Path) -> list[Path]:
    """The folders in a directory; raises a DatasetError if pictures lie next to them."""
    found = [path for path in _visible(directory) if path.is_dir()]
    stray = [path for path in _visible(directory) if path.suffix.lower() in SUFFIXES]
    if stray:
        raise DatasetError(
            f"{stray[0]} lies in no class folder; make a folder per class in {directory}, where the folders are "
            f"{', '.join(path.name for path in found[:8]) or '(none)'}, and move each picture into its own"
        )
    return found


def _pictures(folder: Path) -> list[Path]:
    """The pictures in a class folder; raises a DatasetError if there are none, or folders."""
    found = _visible(folder)
    if not found or any(path.is_dir() for path in found):
        raise DatasetError(f"{folder} has no pictures, or folders in it; put the pictures of the class directly there")
    return found


def _in_order(pictures: list[tuple[Path, int]]) -> list[tuple[Path, int]]:
    """The pictures by number if their names are different numbers, otherwise in random order."""
    stems = [path.stem for path, _ in pictures]
    if len({*stems}) == len(stems) and all(stem.isascii() and stem.isdecimal() for stem in stems):
        return sorted(pictures, key=lambda picture: by_number(picture[0].stem))
    return [pictures[place] for place in np.random.default_rng(SEED).permutation(len(pictures))]
