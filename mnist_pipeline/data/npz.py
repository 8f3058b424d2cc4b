"""Reading NumPy archives (.npz) with images and labels, without pickle."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data import source
from mnist_pipeline.data.decoding import decode_array
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.split import Names, by_split
from mnist_pipeline.utils.printable import shortened

# The name of the labels for each name of images: `x_train` is of Keras, `train_images` of MedMNIST.
PAIRS = {
    "images": "labels",
    "x_train": "y_train",
    "x_val": "y_val",
    "x_test": "y_test",
    "train_images": "train_labels",
    "val_images": "val_labels",
    "test_images": "test_labels",
}
# NumPy's errors advise to allow pickles.
FORM = "it must be an archive of numbers and texts that numpy.savez wrote, with images of one size"


def find(root: Path) -> source.Source | None:
    """The source at an archive, or at a directory with one archive; None for any other path."""
    paths = source.files_with_suffix(root, ".npz")
    if not paths:
        return None
    if len(paths) > 1:
        raise DatasetError(f"{root} has {len(paths)} archives (.npz); name one of them")
    path = paths[0]
    with source.damage_named(path, FORM), np.load(path) as archive:
        present = {*archive.files}
        size = sum(entry.file_size for entry in archive.zip.infolist())
    if size > source.LARGEST:
        raise DatasetError(f"{path} has more than {source.LARGEST:,} bytes; keep fewer images")
    pairs = {images: labels for images, labels in PAIRS.items() if present & {images, labels}}
    missing = {*pairs, *pairs.values()} - present if pairs else {"images"}
    if missing:
        listed = shortened(", ".join(sorted(present)))
        raise DatasetError(
            f"{path} has the arrays {listed}, and not {min(missing)}; save "
            "x_train, y_train, x_test, y_test, or images and labels"
        )
    return source.Source(
        "NumPy archive",
        paths,
        by_split(pairs),
        functools.partial(_load, path, pairs),
        decode_array,
    )


def _load(path: Path, pairs: Mapping[str, str], names: Names) -> source.Loaded:
    """Images as bytes, with 255 for the archive's largest value, and their labels."""
    with source.damage_named(path, FORM), np.load(path) as archive:
        images = np.concatenate([_checked(path, name, archive[name]) for name in names])
        labels = [
            source.check_labels(archive[pairs[name]], f"{path}: {pairs[name]}") for name in names
        ]
        if images.dtype != np.uint8:
            all_images = [_checked(path, name, archive[name]) for name in pairs]
            largest = max(array.max() for array in all_images) or 1
            images = np.rint(images * (255 / largest)).astype(np.uint8)
    return source.Loaded(images, np.concatenate(labels))


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
