"""Reading folders of pictures: a folder per class, maybe within `train/` and `test/`, and maybe a
folder per group in it.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnist_pipeline.data.decoding import FILE_NAME, decode
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.names import by_number, check_names
from mnist_pipeline.data.source import WITHOUT_LABELS, Loaded, Source
from mnist_pipeline.data.split import Names, Split, by_split, split_word
from mnist_pipeline.data.values import MAX_CLASSES

TITLE = "folders of pictures"
# How the names begin, in lower case, that systems and other programs add to folders.
OF_SYSTEMS = (".", "@eadir", "__macosx", "thumbs.db", "desktop.ini", "picasa.ini", "icon\r")


def find(root: Path) -> Source | None:
    """The source at a directory with class folders; None for a directory of other files."""
    tree = _Tree(root)
    content = tree.listed(root)
    if not content.folders and not content.pictures:
        return None
    groups = tree.groups()
    classes = [{folder.name for folder in tree.class_folders(own)} for own in groups.values()]
    in_one_split = classes[0] ^ classes[-1]
    if in_one_split:
        raise DatasetError(
            f"{root} has a folder of class {min(in_one_split)!r} in one split only; add it to the "
            "other"
        )
    names = sorted(classes[0], key=by_number)
    if len(names) > MAX_CLASSES:  # refused before the folders are listed, which can take a minute
        check_names(names, root)
    return Source(
        title=TITLE,
        files=[],
        groups=groups,
        load=functools.partial(tree.load, names),
        decode=decode,
        are_files=True,
        names=names,
        skipped=lambda: tree.skipped(groups),
    )


def has_classes(root: Path) -> bool:
    """Whether a directory has class folders, and not only folders such as `images` or `train`."""
    folders = listed(root).folders
    num_unnamed = sum(not split_word(folder.name) for folder in folders)
    return num_unnamed > 1 or any(listed(folder).folders for folder in folders)


class Content(NamedTuple):
    """What is in a directory, sorted, without what systems add."""

    folders: list[Path]
    pictures: list[Path]  # with the suffix of a picture
    others: list[Path]  # without; folders are among them


def listed(directory: Path) -> Content:
    """The content of a directory; empty if it is not a directory."""
    try:
        paths = sorted(directory.iterdir()) if directory.is_dir() else []
        visible = [path for path in paths if not path.name.lower().startswith(OF_SYSTEMS)]
        folders = [path for path in visible if path.is_dir()]
    except OSError as error:
        raise DatasetError(
            f"{error.filename or directory} can't be read: {error.strerror}; check its permissions"
        ) from error
    pictures = [path for path in visible if FILE_NAME.fullmatch(path.name)]
    others = [path for path in visible if not FILE_NAME.fullmatch(path.name)]
    return Content(folders, pictures, others)


class _Tree:
    """Class folders, in a directory itself or in its folders of splits. Each is listed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.listed = functools.cache(listed)

    def groups(self) -> dict[Split, Names]:
        """The names of the folders of each split; the root itself, `.`, if it has the class
        folders.

        A folder `train` that has no subfolders is a class, for example next to `bus` and `car`.
        """
        root = self.root
        folders = [path.name for path in self.listed(root).folders]
        named = list(filter(split_word, folders))
        splits = [name for name in named if self.listed(root / name).folders]
        groups = by_split(splits or (named if named == folders else []) or ["."])
        if splits and len(groups) == 1 and splits != folders:
            others = [name for name in folders if name not in splits]
            raise DatasetError(
                f"{root} has class folders in {splits[0]}, but not in {', '.join(others[:5])}; put "
                f"class folders into train and test, or all directly into {root}; {WITHOUT_LABELS}"
            )
        return groups

    def class_folders(self, splits: Names) -> list[Path]:
        """The class folders of splits; raises a DatasetError if pictures lie next to them."""
        folders: list[Path] = []
        for directory in map(self.root.joinpath, splits):
            content = self.listed(directory)
            if content.pictures:
                names = ", ".join(folder.name for folder in content.folders[:8]) or "none"
                raise DatasetError(
                    f"{content.pictures[0]} is not in a class folder; make one folder per class in "
                    f"{directory} (now: {names}), and move each picture into its folder; "
                    f"{WITHOUT_LABELS}"
                )
            folders += content.folders
        return folders

    def load(self, names: list[str], splits: Names) -> Loaded:
        """The paths of the pictures, the numbers of their class folders, and the names of the
        folders in these, which are groups.

        Raises a DatasetError if a class folder has no pictures, or a group has folders.
        """
        paths: list[Path] = []
        labels: list[int] = []
        groups: list[str] = []
        for folder in self.class_folders(splits):
            pictures = dict.fromkeys(self.listed(folder).pictures, "")
            for group in self.listed(folder).folders:
                inner = self.listed(group).folders
                if inner or split_word(group.name):
                    raise DatasetError(
                        f"{[*inner, group][0]} can't be a group of class {folder.name}; move its "
                        f"pictures into {folder} or into a folder directly in it; class folders "
                        "belong in train and test"
                    )
                pictures |= dict.fromkeys(self.listed(group).pictures, group.name)
            if not pictures:
                raise DatasetError(
                    f"{folder} has no pictures (PNG, JPEG, WebP, TIFF, BMP, GIF or HEIC); add "
                    "some, or remove the folder"
                )
            paths += pictures
            labels += [names.index(folder.name)] * len(pictures)
            groups += pictures.values()
        return Loaded(paths, np.array(labels), groups)

    def skipped(self, groups: Mapping[Split, Names]) -> list[str]:
        """The files in class folders that are not pictures, without those that systems add."""
        folders = self.class_folders(sum(groups.values(), ()))
        folders += [group for folder in folders for group in self.listed(folder).folders]
        found = [path for folder in folders for path in self.listed(folder).others]
        others = [path for path in found if path not in folders]
        return [str(path.relative_to(self.root)) for path in others]
