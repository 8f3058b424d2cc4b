"""Reading and validating data sets: labelled images in any of the layouts of `LAYOUTS`."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from mnist_pipeline.data import csv_files, folders, idx, npz, parquet
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.reader import OnRead, Reader
from mnist_pipeline.data.split import SPLITS, Split
from mnist_pipeline.data.values import DigitSet, RawData
from mnist_pipeline.utils.directories import EMBEDDED_DATA
from mnist_pipeline.utils.printable import shortened

__all__ = ["EMBEDDED_DATA", "DatasetError", "DigitSet", "load_digits"]

LAYOUTS = (idx, npz, parquet, csv_files, folders)  # see docs/add-a-layout.md


def reader_of(
    root: str | Path,
    choices: Mapping[str, Any] = MappingProxyType({}),
    recorded: RawData | None = None,
    on_read: OnRead | None = None,
) -> Reader:
    """A reader of a directory or file in any layout; see `Reader` for the other arguments.

    Raises DatasetError if no layout fits.

    Examples
    --------
    >>> reader_of("data").title
    'IDX files'
    """
    path = Path(root)
    try:
        for layout in LAYOUTS:
            if source := layout.find(path):
                return Reader(path, source, choices, recorded, on_read)
        if path.exists():
            raise DatasetError(
                f"{path} has no images in a layout of docs/data-sets.md; make one folder per class"
            )
    except OSError as error:
        raise DatasetError(
            f"{error.filename or path} can't be read: {error.strerror}; check its name and its "
            "permissions"
        ) from error
    raise DatasetError(
        f"{path} does not exist; name a directory with a folder of pictures per class, or a file "
        "of images"
    )


def first_of_each_class(digits: DigitSet) -> np.ndarray:
    """The first image of each class, uint8 (n_classes, 28, 28)."""
    return digits.images[np.unique(digits.labels, return_index=True)[1]]


def class_means(digits: DigitSet) -> np.ndarray:
    """Mean image of each class, float64 (n_classes, 28, 28); zero for a class without images."""
    means = np.zeros((digits.num_classes, *digits.images.shape[1:]))
    for label in np.unique(digits.labels):
        means[label] = digits.images[digits.labels == label].mean(axis=0)
    return means


def load_digits(
    root: str | Path,
    split: Split,
    *,
    recorded: RawData | None = None,
    on_read: OnRead | None = None,
) -> DigitSet:
    """Read and validate the images and labels of one split.

    Parameters
    ----------
    root : path
        A directory or file in one of the layouts of `LAYOUTS`; see docs/data-sets.md.
    split : {"train", "test"}
    recorded : RawData, optional
        The record of a former reading. The files must not have changed since, and the images get
        the same form.
    on_read : callable, optional
        Called every few seconds with the number of images that are read so far, and their total.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another type, or has another value.
    DatasetError
        If a file is missing, unreadable, truncated, too long, of another format or shape, if the
        counts disagree, if a label lies outside the classes, or if a file is not the recorded one.

    Examples
    --------
    >>> from mnist_pipeline import datasets
    >>> images, labels = datasets.load_digits(datasets.EMBEDDED_DATA, "test")
    >>> images.shape, int(labels[0])
    ((10000, 28, 28), 7)
    """
    if not isinstance(root, (str, os.PathLike)):
        raise TypeError(f"root is {shortened(repr(root))}; it must be a path")
    if not os.fspath(root):
        raise ValueError("root is ''; it must be a path, such as '.' for the current directory")
    if not isinstance(split, str) or split not in SPLITS:
        allowed = ", ".join(map(repr, SPLITS))
        raise ValueError(f"split is {shortened(repr(split))}; it must be one of {allowed}")
    if not isinstance(recorded, RawData | None):
        raise TypeError(f"recorded is {shortened(repr(recorded))}; it must be a RawData or None")
    if not (on_read is None or callable(on_read)):
        raise TypeError(f"on_read is {shortened(repr(on_read))}; it must be a function or None")
    (content,) = reader_of(root, recorded=recorded, on_read=on_read).read(split)
    return content.digits
