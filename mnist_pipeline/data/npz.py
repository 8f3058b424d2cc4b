"""Reading NumPy archives (.npz) with images and labels, without pickle."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_pipeline.data.conversion import fitted
from mnist_pipeline.data.decoding import grey_levels
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.reader import Items, Labels, Reader, Split, files_with_suffix

MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by the number of channels
NAMES: tuple[Mapping[Split, tuple[str, str]], ...] = (
    {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")},  # Keras
    {"train": ("train_images", "train_labels"), "test": ("test_images", "test_labels")},  # MedMNIST
    {"train": ("images", "labels")},  # all in one, to be split
)


class Npz(Reader):
    """Reads the arrays `x_train, y_train, x_test, y_test`, or `images, labels`, of an archive."""

    title = "NumPy archive"

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Whether the path is an archive, or a directory with archives."""
        return bool(files_with_suffix(root, ".npz"))

    def paths(self) -> list[Path]:
        """The archive."""
        found = files_with_suffix(self.root, ".npz")
        if len(found) != 1:
            raise DatasetError(f"{self.root} has {len(found)} archives (.npz); name one of them")
        return found

    def parts(self) -> Mapping[Split, tuple[Items, Labels]]:
        """The images of each split as bytes, of which the largest value in the archive is white, and the labels."""
        arrays = self._arrays
        for names in NAMES:
            if {name for pair in names.values() for name in pair} <= arrays.keys():
                break
        else:
            needed = " or ".join(", ".join(name for pair in names.values() for name in pair) for names in NAMES)
            raise DatasetError(
                f"{self.root} has the arrays {', '.join(arrays) or '(none)'}; save arrays with the names {needed}"
            )
        images = {split: self._images(name) for split, (name, _) in names.items()}
        if any(each.dtype != np.uint8 for each in images.values()):
            largest = max(each.max() for each in images.values()) or 1
            images = {split: np.rint(each * (255 / largest)).astype(np.uint8) for split, each in images.items()}
        return {split: (images[split], self._labels(name)) for split, (_, name) in names.items()}

    def converted(self, item: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], str]:
        """An image, grey or with channels, as 28×28 grey levels, and its size and mode."""
        mode = MODES[item.shape[2] if item.ndim == 3 else 1]
        grey = item if mode == "L" else grey_levels(Image.fromarray(item))
        return fitted(grey.reshape(item.shape[:2]), self.description.fit), f"{item.shape[1]}×{item.shape[0]} {mode}"

    @cached_property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        (path,) = self.paths()
        try:
            with np.load(path) as archive:
                return dict(archive)
        except Exception as error:  # NumPy raises anything for a damaged file
            raise DatasetError(
                f"{path} is damaged, or has objects that only pickle could read ({error}); save plain arrays with NumPy"
            ) from error

    def _images(self, name: str) -> NDArray[Any]:
        images = self._arrays[name]
        is_grey, in_colour = images.ndim == 3, images.ndim == 4 and images.shape[3] in MODES
        if not (is_grey or in_colour) or images.dtype.kind not in "biuf" or not images.size:
            raise DatasetError(
                f"{self.root}: {name} is {images.dtype} of shape {images.shape}; images must be numbers "
                "(n, rows, columns) or (n, rows, columns, channels)"
            )
        if not (np.isfinite(images).all() and images.min() >= 0):
            raise DatasetError(f"{self.root}: {name} has negative or infinite values; save grey levels from 0")
        return images

    def _labels(self, name: str) -> Labels:
        labels = self._arrays[name]
        if (labels.ndim != 1 and labels.shape[1:] != (1,)) or labels.dtype.kind not in "biuU":
            raise DatasetError(
                f"{self.root}: {name} is {labels.dtype} of shape {labels.shape}; labels must be integers or texts (n,)"
            )
        return labels.ravel()
