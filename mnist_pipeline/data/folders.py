"""Reading folders of pictures: a folder per class, with or without `train/` and `test/` above
them.
"""

import functools
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import Fit, convert
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.reader import (
    SEED,
    SPLITS,
    Loaded,
    Source,
    Split,
    by_number,
    describe,
    read_file,
)
from mnist_pipeline.data.records import RawFile

TITLE = "folders of pictures"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
OF_SYSTEMS = (
    "thumbs.db",
    "desktop.ini",
    "__macosx",
)  # files that systems leave; so do all names that begin with a dot


def find(root: Path) -> Source | None:
    """The source at a directory with class folders; None if it has neither folders nor pictures.

    The images of a split have the order of their names if all names are different numbers, for
    example `00041.png`; otherwise they have a random order with a fixed seed, because softmax
    regression learns from them one by one.
    """
    if not any(path.is_dir() or path.suffix.lower() in SUFFIXES for path in _visible(root)):
        return None
    roots = _roots(root)
    classes = [{path.name for path in _folders(each)} for each in roots.values()]
    if missing := sorted(classes[0] ^ classes[-1]):
        raise DatasetError(
            f"{root} has a folder of class {missing[0]!r} in one split only; add it to the other"
        )
    names = sorted(classes[0], key=by_number)
    return Source(
        TITLE,
        lambda: [_described(split, each, names) for split, each in roots.items()],
        {split: functools.partial(_load, each, names) for split, each in roots.items()},
        _convert,
        lambda: names,
    )


def _load(root: Path, names: list[str]) -> Loaded:
    """The paths of the pictures, and the number of the folder that each lies in."""
    paths = [path for name in names for path in _pictures(root / name)]
    stems = [path.stem for path in paths]
    if len({*stems}) == len(stems) and all(stem.isascii() and stem.isdecimal() for stem in stems):
        paths.sort(key=lambda path: by_number(path.stem))
    else:
        paths = [paths[place] for place in np.random.default_rng(SEED).permutation(len(paths))]
    return paths, np.array([names.index(path.parent.name) for path in paths])


def _convert(path: Path, fit: Fit) -> tuple[NDArray[np.uint8], str]:
    return convert(read_file(path), fit)


def _roots(root: Path) -> dict[Split, Path]:
    """The folders above the class folders: one for each of the two splits, or the root itself as
    `train`.
    """
    found: dict[Split, Path] = {split: root / split for split in SPLITS if (root / split).is_dir()}
    if len(found) == 1:
        raise DatasetError(
            f"{root} has the folder {next(iter(found))} and none for the other split; add the "
            "folder train or test, or "
            f"put the class folders directly into {root}"
        )
    return found or {"train": root}


def _described(split: Split, root: Path, names: list[str]) -> RawFile:
    """The entry of a split: the SHA-256 of the output of `sha256sum` for its pictures, sorted by
    path.
    """
    files = {
        f"{name}/{path.name}": describe(path) for name in names for path in _pictures(root / name)
    }
    lines = "".join(f"{files[path].sha256}  {path}\n" for path in sorted(files))
    digest = hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
    return RawFile(
        f"{split}: {len(files):,} pictures", sum(file.size for file in files.values()), digest
    )


def _visible(directory: Path) -> list[Path]:
    """The files and folders in a directory that people put there, sorted."""
    paths = sorted(directory.iterdir()) if directory.is_dir() else []
    return [
        path
        for path in paths
        if not path.name.startswith(".") and path.name.lower() not in OF_SYSTEMS
    ]


def _folders(directory: Path) -> list[Path]:
    """The folders in a directory; raises a DatasetError if pictures lie next to them."""
    found = [path for path in _visible(directory) if path.is_dir()]
    stray = [path for path in _visible(directory) if path.suffix.lower() in SUFFIXES]
    if stray:
        raise DatasetError(
            f"{stray[0]} lies in no class folder; make one folder per class in {directory} (found: "
            f"{', '.join(path.name for path in found[:8]) or 'none'}), and move each picture into "
            "its own"
        )
    return found


def _pictures(folder: Path) -> list[Path]:
    """The pictures in a class folder; raises a DatasetError if there are none, or folders."""
    found = _visible(folder)
    if not found or any(path.is_dir() for path in found):
        raise DatasetError(
            f"{folder} has no pictures, or folders in it; put the pictures of the class directly "
            "there"
        )
    return found
