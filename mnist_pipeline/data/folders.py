"""Reading folders of pictures: a folder per class, maybe within `train/` and `test/`."""

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
# Names that operating systems add to folders, in addition to names that begin with a dot.
OF_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")


def find(root: Path) -> Source | None:
    """The source at a directory with class folders; None for a directory of other files.

    The images of a split have the order of their names if all names are different numbers, for
    example `00041.png`; otherwise they have a random order with a fixed seed, because softmax
    regression learns from them one by one.
    """
    if not any(path.is_dir() or path.suffix.lower() in SUFFIXES for path in _visible(root)):
        return None
    roots = _roots(root)
    classes = [{path.name for path in _folders(split_root)} for split_root in roots.values()]
    in_one_split = classes[0] ^ classes[-1]
    if in_one_split:
        raise DatasetError(
            f"{root} has a folder of class {min(in_one_split)!r} in one split only; add it to the "
            "other"
        )
    names = sorted(classes[0], key=by_number)
    return Source(
        TITLE,
        lambda: [_described(split, split_root, names) for split, split_root in roots.items()],
        {split: functools.partial(_load, split_root, names) for split, split_root in roots.items()},
        _convert,
        lambda: names,
    )


def _load(root: Path, names: list[str]) -> Loaded:
    """The paths of the pictures, and the numbers of their folders."""
    paths = [path for name in names for path in _pictures(root / name)]
    stems = [path.stem for path in paths]
    are_numbers = all(stem.isascii() and stem.isdecimal() for stem in stems)
    if are_numbers and len(set(stems)) == len(stems):
        paths.sort(key=lambda path: by_number(path.stem))
    else:
        paths = [paths[place] for place in np.random.default_rng(SEED).permutation(len(paths))]
    return paths, np.array([names.index(path.parent.name) for path in paths])


def _convert(path: Path, fit: Fit) -> tuple[NDArray[np.uint8], str]:
    return convert(read_file(path), fit)


def _roots(root: Path) -> dict[Split, Path]:
    """The folders of the two splits, or the root itself as `train`."""
    roots: dict[Split, Path] = {split: root / split for split in SPLITS if (root / split).is_dir()}
    if len(roots) == 1:
        raise DatasetError(
            f"{root} has a folder {next(iter(roots))}, but not one for the other split; add the "
            f"folder train or test, or put the class folders directly into {root}"
        )
    return roots or {"train": root}


def _described(split: Split, root: Path, names: list[str]) -> RawFile:
    """The size and the checksum of a split.

    The checksum is the SHA-256 of the lines that `sha256sum` prints for the pictures in the order
    of their paths.
    """
    paths = [path for name in names for path in _pictures(root / name)]
    files = {f"{path.parent.name}/{path.name}": describe(path) for path in paths}
    lines = "".join(f"{files[name].sha256}  {name}\n" for name in sorted(files))
    digest = hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
    size = sum(file.size for file in files.values())
    return RawFile(f"{split}: {len(files):,} pictures", size, digest)


def _visible(directory: Path) -> list[Path]:
    """The files and folders in a directory that people put there, sorted."""
    paths = sorted(directory.iterdir()) if directory.is_dir() else []
    not_hidden = [path for path in paths if not path.name.startswith(".")]
    return [path for path in not_hidden if path.name.lower() not in OF_SYSTEMS]


def _folders(directory: Path) -> list[Path]:
    """The folders in a directory; raises a DatasetError if pictures lie next to them."""
    folders = [path for path in _visible(directory) if path.is_dir()]
    stray = [path for path in _visible(directory) if path.suffix.lower() in SUFFIXES]
    if stray:
        names = ", ".join(folder.name for folder in folders[:8]) or "none"
        raise DatasetError(
            f"{stray[0]} is not in a class folder; make one folder per class in {directory} (now: "
            f"{names}), and move each picture into its folder"
        )
    return folders


def _pictures(folder: Path) -> list[Path]:
    """The pictures in a class folder; raises a DatasetError if it is empty or has folders."""
    paths = _visible(folder)
    if not paths or any(path.is_dir() for path in paths):
        raise DatasetError(
            f"{folder} is empty or contains folders; put the pictures of the class directly there"
        )
    return paths
