"""Reading CSV files: the pixels of an image in each row, or the name of a picture and its class."""

import functools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from mnist_pipeline.data import folders, reader
from mnist_pipeline.data.conversion import convert, convert_array
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.reader import part_of

LABEL = re.compile("(?i)labels?|class(_?name)?|category|target|y")
INDEX = re.compile("(?i)(image_?)?id|index|unnamed: 0")  # the last name is pandas's
LEAST_COMMAS = 16  # of 4×4 pixels and a label; a narrower table lists pictures


def find(root: Path) -> reader.Source | None:
    """The source at a CSV file, or at a directory with such files and without class folders."""
    paths = reader.files_with_suffix(root, ".csv")
    if not paths:
        return None
    directory = paths[0].parent
    groups = reader.by_split([path.name for path in paths])
    with (directory / groups["train"][0]).open("rb") as file:
        is_list = file.readline().count(b",") < LEAST_COMMAS
    if folders.has_classes(directory if is_list else root):
        return None
    load = functools.partial(_load, directory, is_list)
    return reader.Source("CSV files", paths, groups, load, convert if is_list else convert_array)


def _load(directory: Path, is_list: bool, names: reader.Names) -> reader.Loaded:
    images, labels = zip(*[_read(directory / name, is_list) for name in names])
    return np.concatenate(images), np.concatenate(labels)


def _read(path: Path, is_list: bool) -> reader.Loaded:
    import pandas as pd  # takes a third of a second, and `predict` imports this module

    with reader.damage_named(path):
        first = pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0]
        # Some pixels of an image are equal, and the names of columns are not.
        options: Any = {"header": 0 if first.is_unique else None, "keep_default_na": False}
        table: Any = pd.read_csv(path, dtype=str if is_list else None, **options)
        columns = [name for name in table if is_list or not INDEX.fullmatch(str(name))]
        label = next((name for name in columns if LABEL.fullmatch(str(name))), None)
        if label is None and (is_list or math.isqrt(len(columns)) ** 2 == len(columns)):
            raise DatasetError(
                f"{path} has no column label, but {', '.join(map(str, columns[:5]))}; name it so; "
                f"{reader.WITHOUT_LABELS}"
            )
        if label is None:  # a label occurs more often than the rarest level of a pixel
            ends = {name: table[name].value_counts() for name in (columns[0], columns[-1])}
            label = max(ends, key=lambda name: (len(ends[name]) > 1) * ends[name].min())
        columns.remove(label)
        images = (_pictures if is_list else _pixels)(path, table[columns])
        labels = np.array(table[label].tolist())
    return images, reader.check_labels(labels, f"{path}: column {label}")


def _pixels(path: Path, table: Any) -> Any:
    """The images whose grey levels are in the rows."""
    levels, side = table.to_numpy(), math.isqrt(table.shape[1])
    is_grey = levels.dtype.kind in "iuf" and 0 <= levels.min() <= levels.max() <= 255
    if side**2 != table.shape[1] or not is_grey:
        raise DatasetError(
            f"{path} has {table.shape[1]} columns of {levels.dtype} besides the label; each row "
            "must be a label and the grey levels, 0 to 255, of a square image"
        )
    levels = levels * 255 if levels.max() <= 1 else levels
    return levels.round().astype(np.uint8).reshape(-1, side, side)


def _pictures(path: Path, table: Any) -> Any:
    """The paths of the pictures that the rows name."""
    known = {
        name: picture
        for folder in (".", *(folder.name for folder in folders.subfolders(path.parent)))
        if len({part_of(folder), part_of(path.name), None})
        < 3  # skip the folder of the other split
        for picture in folders.pictures_in(path.parent / folder)
        for name in (picture.name, picture.stem)
    }
    # Numbers of rows may be names of pictures too, and are more often on the left.
    column = max(reversed(table.columns), key=lambda name: len(known.keys() & table[name]))
    return np.array([known.get(name, path.parent / name) for name in table[column]], object)
