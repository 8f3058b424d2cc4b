"""Reading NumPy archives (.npz) with images and labels, without pickle."""

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import convert_array
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.reader import Loaded, Source, Split, describe, files_with_suffix

Names = Mapping[Split, tuple[str, str]]  # of the arrays of images and labels

SPLIT: Names = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}  # as Keras
WHOLE: Names = {"train": ("images", "labels")}  # all in one, to be split


def find(root: Path) -> Source | None:
    """The source at an archive, or at a directory with one archive; None for any other path."""
    paths = files_with_suffix(root, ".npz")
    if not paths:
        return None
    if len(paths) > 1:
        raise DatasetError(f"{root} has {len(paths)} archives (.npz); name one of them")
    path = paths[0]
    with _opened(path) as archive:
        names = WHOLE if "images" in archive.files else SPLIT
        missing = {name for pair in names.values() for name in pair}.difference(archive.files)
        if missing:
            raise DatasetError(
                f"{path} has the arrays {', '.join(archive.files)}, and not {min(missing)}; save "
                "x_train, y_train, x_test, y_test, or images and labels"
            )
    parts = {split: functools.partial(_load, path, names, split) for split in names}
    return Source("NumPy archive", lambda: [describe(path)], parts, convert_array)


def _load(path: Path, names: Names, split: Split) -> Loaded:
    """The images of a split as bytes, with 255 for the archive's largest value, and the labels."""
    images_name, labels_name = names[split]
    with _opened(path) as archive:
        images = _checked(path, images_name, archive[images_name])
        labels = archive[labels_name]
        if images.dtype != np.uint8:
            all_images = [_checked(path, name, archive[name]) for name, _ in names.values()]
            largest = max(array.max() for array in all_images) or 1
            images = np.rint(images * (255 / largest)).astype(np.uint8)
    if (labels.ndim != 1 and labels.shape[1:] != (1,)) or labels.dtype.kind not in "biuU":
        raise DatasetError(
            f"{path}: {labels_name} is {labels.dtype} of shape {labels.shape}; labels must be "
            "integers or texts (n,)"
        )
    return images, labels.ravel()


def _checked(path: Path, name: str, images: NDArray[Any]) -> NDArray[Any]:
    """The same images; raises a DatasetError for negative numbers or a wrong shape."""
    is_grey = images.ndim == 3
    is_colour = images.ndim == 4 and images.shape[3] in (1, 3, 4)
    if not (is_grey or is_colour) or images.dtype.kind not in "biuf" or not images.size:
        raise DatasetError(
            f"{path}: {name} is {images.dtype} of shape {images.shape}; images must be numbers (n, "
            "rows, columns) or (n, rows, columns, channels)"
        )
    if not (np.isfinite(images).all() and images.min() >= 0):
        raise DatasetError(
            f"{path}: {name} has negative or infinite values; save grey levels from 0"
        )
    return images


@contextmanager
def _opened(path: Path) -> Iterator[NpzFile]:
    try:
        with np.load(path) as archive:
            yield archive
    except DatasetError:
        raise
    except Exception as error:  # NumPy raises anything for a damaged file
        raise DatasetError(
            f"{path} is damaged, or has objects that only pickle could read ({error}); save plain "
            "arrays with NumPy"
        ) from error
