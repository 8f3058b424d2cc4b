"""Reading CSV files: the label and the pixels of an image in each row, or a picture and its label.

The columns have names: `label` and a column per pixel, as in Kaggle's MNIST, or `file` and `label`.
"""

import functools
import math
import os
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from mnist_pipeline.data import folders, source
from mnist_pipeline.data.decoding import decode, decode_array
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.split import Names, by_split
from mnist_pipeline.utils.printable import shortened


def find(root: Path) -> source.Source | None:
    """The source at a CSV file, or at a directory with such files and without class folders."""
    paths = source.files_with_suffix(root, ".csv")
    if not paths or folders.has_classes(root):
        return None
    import pandas as pd  # takes a third of a second, and `predict` imports this module

    directory = paths[0].parent
    groups = by_split([path.name for path in paths])
    first = directory / groups["train"][0]
    with source.damage_named(first):
        is_list = "file" in pd.read_csv(first, nrows=0)
    return source.Source(
        title="CSV files",
        files=paths,
        groups=groups,
        load=functools.partial(_load, directory, is_list),
        decode=decode if is_list else decode_array,
        are_files=is_list,
    )


def _load(directory: Path, is_list: bool, names: Names) -> source.Loaded:
    with source.damage_named(directory):
        parts, labels, groups = zip(*[_read(directory / name, is_list) for name in names])
        images = [*chain(*parts)] if is_list else np.concatenate(parts)
        return source.Loaded(images, np.concatenate(labels), [*chain(*groups)])


def _read(path: Path, is_list: bool) -> source.Loaded:
    """The paths or the pixels of the images that a file lists, their labels and groups."""
    import pandas as pd

    with source.damage_named(path):
        table = pd.read_csv(path, dtype=str if is_list else None, keep_default_na=False)
        if not isinstance(table.index, pd.RangeIndex):
            raise ValueError("rows have more cells than there are names of columns")
        if missing := {"label", *["file"] * is_list}.difference(table):
            columns = shortened(", ".join(table.columns), 60)
            raise DatasetError(
                f"{path} has the columns {columns}, and not {min(missing)}; separate them with "
                "commas, and name them label, pixel0, pixel1, … with an image per row, or file "
                f"and label with a picture per row; {source.WITHOUT_LABELS}"
            )
        labels, groups = table["label"].tolist(), list[str]()
        if is_list:
            images: Any = _pictures(path, table["file"].tolist())
            groups = [*table.get("group", [""] * len(table))]
        else:
            images = _pixels(path, table.drop(columns="label"))
    return source.Loaded(images, source.check_labels(labels, f"{path}: column label"), groups)


def _pictures(path: Path, names: list[str]) -> list[Path]:
    """The paths of the pictures in a listing, which must lie in its directory or below.

    A listing may come from a stranger, and must not name other files of this machine.
    """
    root = os.path.realpath(path.parent)

    @functools.cache
    def is_below(location: Path) -> bool:
        return Path(os.path.realpath(location)).is_relative_to(root)

    pictures = []
    for name in names:
        if "\0" in name:
            raise DatasetError(f"{path}: column file has a null byte; write paths of pictures")
        picture = path.parent / name
        # A plain file lies where its folder lies, which is looked up once.
        if not is_below(picture if picture.is_symlink() else picture.parent):
            raise DatasetError(
                f"{path}: column file names {shortened(name)!r}, which is not below "
                f"{path.parent}; copy the picture there, and write its path from there"
            )
        pictures.append(picture)
    return pictures


def _pixels(path: Path, table: Any) -> Any:
    """The images whose grey levels are in the rows."""
    levels, side = table.to_numpy(), math.isqrt(table.shape[1])
    is_grey = levels.dtype.kind in "iu" and 0 <= levels.min() <= levels.max() <= 255
    if side**2 != table.shape[1] or not is_grey:
        raise DatasetError(
            f"{path} has {table.shape[1]} columns of {levels.dtype} besides the label; each row "
            "must have the grey levels, integers from 0 to 255, of a square image"
        )
    return levels.astype(np.uint8).reshape(-1, side, side)
