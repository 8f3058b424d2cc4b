"""Reading NumPy archives (.npz) with images and labels, without pickle."""

import functools
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data import source
from mnist_pipeline.data.decoding import decode_array
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.split import Names, by_split
from mnist_pipeline.utils.printable import count, shortened

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
HEADERS = {  # readers by the version of the format
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
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
    with source.damage_named(path, FORM), zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        present = {entry.filename.removesuffix(".npy") for entry in entries}
    most = source.LARGEST + path.stat().st_size
    if sum(entry.file_size for entry in entries) > most:
        raise DatasetError(
            f"{path} inflates to more than {most:,} bytes; keep fewer images, or save them with "
            "numpy.savez"
        )
    pairs = {images: labels for images, labels in PAIRS.items() if present & {images, labels}}
    missing = {*pairs, *pairs.values()} - present if pairs else {"images"}
    if missing:
        listed = shortened(", ".join(sorted(present)))
        raise DatasetError(
            f"{path} has the arrays {listed}, and not {min(missing)}; save "
            "x_train, y_train, x_test, y_test, or images and labels"
        )
    with source.damage_named(path, FORM), zipfile.ZipFile(path) as archive:
        for images, labels in pairs.items():
            _check_headers(path, archive, images, labels)
    return source.Source(
        title="NumPy archive",
        files=paths,
        groups=by_split(pairs),
        load=functools.partial(_load, path, pairs),
        decode=decode_array,
        are_files=False,
    )


def _check_headers(path: Path, archive: zipfile.ZipFile, images: str, labels: str) -> None:
    """Raise a DatasetError for arrays of a wrong form, before they take memory."""
    shape, dtype = _header(archive, images)
    is_grey = len(shape) == 3
    is_colour = len(shape) == 4 and shape[3] in (1, 3, 4)
    if not (is_grey or is_colour) or dtype.kind not in "biuf" or 0 in shape:
        raise DatasetError(
            f"{path}: {images} is {dtype} of shape {shape}; images must be numbers (n, rows, "
            "columns) or (n, rows, columns, channels)"
        )
    shape_of_labels, dtype_of_labels = _header(archive, labels)
    source.check_label_type(shape_of_labels, dtype_of_labels, f"{path}: {labels}")
    if shape[0] != shape_of_labels[0]:
        raise DatasetError(
            f"{path} has {count(shape[0], 'image')} in {images} and "
            f"{count(shape_of_labels[0], 'label')} in {labels}; each image needs a label"
        )


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array; a ValueError if the file is too short for them."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = HEADERS[version](file)
    if math.prod(shape) * dtype.itemsize > entry.file_size:
        raise ValueError(f"{name} is too short")
    return shape, dtype


def _load(path: Path, pairs: Mapping[str, str], names: Names) -> source.Loaded:
    """Images as bytes, with 255 for the archive's largest value, and their labels."""
    with source.damage_named(path, FORM), np.load(path) as archive:
        parts = [_checked(path, name, archive[name]) for name in names]
        images = parts[0] if len(parts) == 1 else np.concatenate(parts)
        labels = [
            source.check_labels(archive[pairs[name]], f"{path}: {pairs[name]}") for name in names
        ]
        if images.dtype != np.uint8:
            all_images = [_checked(path, name, archive[name]) for name in pairs]
            largest = max(array.max() for array in all_images) or 1
            images = np.rint(images * (255 / largest)).astype(np.uint8)
    return source.Loaded(images, np.concatenate(labels))


def _checked(path: Path, name: str, images: NDArray[Any]) -> NDArray[Any]:
    """The same images; raises a DatasetError for negative numbers, infinite numbers or NaN."""
    # A NaN is both the least and the greatest number.
    if images.dtype != np.uint8 and not 0 <= images.min() <= images.max() < np.inf:
        raise DatasetError(
            f"{path}: {name} has negative or infinite values; save grey levels from 0"
        )
    return images
