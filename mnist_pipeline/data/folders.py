"""Reading folders of pictures: a folder per class, maybe within `train/` and `test/`."""

import functools
from pathlib import Path

import numpy as np

from mnist_pipeline.data.decoding import FILE_NAME, decode
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.names import by_number
from mnist_pipeline.data.source import WITHOUT_LABELS, Loaded, Source
from mnist_pipeline.data.split import Names, Split, by_split, part_of

TITLE = "folders of pictures"
# How the names begin, in lower case, that systems and other programs add to folders.
OF_SYSTEMS = (".", "@eadir", "__macosx", "thumbs.db", "desktop.ini", "picasa.ini", "icon\r")


def find(root: Path) -> Source | None:
    """The source at a directory with class folders; None for a directory of other files."""
    if not subfolders(root) and not pictures_in(root):
        return None
    groups = _groups(root)
    classes = [{folder.name for folder in _class_folders(root, own)} for own in groups.values()]
    in_one_split = classes[0] ^ classes[-1]
    if in_one_split:
        raise DatasetError(
            f"{root} has a folder of class {min(in_one_split)!r} in one split only; add it to the "
            "other"
        )
    names = sorted(classes[0], key=by_number)
    return Source(
        TITLE,
        [],
        groups,
        functools.partial(_load, root, names),
        decode,
        names,
        functools.partial(_skipped, root, groups),
    )


def has_classes(root: Path) -> bool:
    """Whether a directory has class folders, and not only folders such as `images` or `train`."""
    folders = subfolders(root)
    num_unnamed = sum(not part_of(folder.name) for folder in folders)
    return num_unnamed > 1 or any(map(subfolders, folders))


def subfolders(directory: Path) -> list[Path]:
    """The folders in a directory, sorted, without those that systems add."""
    return [path for path in _visible(directory) if path.is_dir()]


def pictures_in(directory: Path) -> list[Path]:
    """The files with the suffix of a picture in a directory, sorted."""
    return [path for path in _visible(directory) if FILE_NAME.fullmatch(path.name)]


def _groups(root: Path) -> dict[Split, Names]:
    """The names of the folders of each split; the root itself, `.`, if it has the class folders.

    A folder `train` that has no subfolders is a class, for example next to `bus` and `car`.
    """
    folders = [path.name for path in subfolders(root)]
    named = list(filter(part_of, folders))
    splits = [name for name in named if subfolders(root / name)]
    groups = by_split(splits or (named if named == folders else []) or ["."])
    if splits and len(groups) == 1 and splits != folders:
        others = [name for name in folders if name not in splits]
        raise DatasetError(
            f"{root} has class folders in {splits[0]}, but not in {', '.join(others[:5])}; put "
            f"class folders into train and test, or all directly into {root}; {WITHOUT_LABELS}"
        )
    return groups


def _visible(directory: Path) -> list[Path]:
    try:
        paths = sorted(directory.iterdir()) if directory.is_dir() else []
    except OSError as error:
        raise DatasetError(
            f"{directory} can't be read: {error.strerror}; check its permissions"
        ) from error
    return [path for path in paths if not path.name.lower().startswith(OF_SYSTEMS)]


def _class_folders(root: Path, splits: Names) -> list[Path]:
    """The class folders in folders; raises a DatasetError if pictures lie next to them."""
    for directory in map(root.joinpath, splits):
        for stray in pictures_in(directory):
            names = ", ".join(folder.name for folder in subfolders(directory)[:8]) or "none"
            raise DatasetError(
                f"{stray} is not in a class folder; make one folder per class in {directory} (now: "
                f"{names}), and move each picture into its folder; {WITHOUT_LABELS}"
            )
    return [folder for split in splits for folder in subfolders(root / split)]


def _load(root: Path, names: list[str], splits: Names) -> Loaded:
    """The paths of the pictures, and the numbers of their folders.

    Raises a DatasetError if a class folder has no pictures, or has folders.
    """
    paths: list[Path] = []
    for folder in _class_folders(root, splits):
        if nested := subfolders(folder):
            raise DatasetError(
                f"{nested[0]} is a folder in a class folder; move its pictures into {folder}, and "
                "remove it"
            )
        pictures = pictures_in(folder)
        if not pictures:
            raise DatasetError(
                f"{folder} has no pictures (PNG, JPEG, WebP, TIFF, BMP, GIF or HEIC); add some, or "
                "remove the folder"
            )
        paths += pictures
    return paths, np.array([names.index(path.parent.name) for path in paths])


def _skipped(root: Path, groups: dict[Split, Names]) -> list[str]:
    """The files in class folders that are not pictures, without those that systems add."""
    folders = _class_folders(root, sum(groups.values(), ()))
    paths = [path for folder in folders for path in _visible(folder)]
    return [str(path.relative_to(root)) for path in paths if not FILE_NAME.fullmatch(path.name)]
