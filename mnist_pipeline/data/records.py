"""The named arrays that assets return: the meaning and the shape of each field."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from mnist_pipeline.utils.stored_types import format_version, stored_type


@stored_type
class Reconstructions(NamedTuple):
    """The digit images reconstructed from k components, and the error on the test images."""

    num_components: np.ndarray  # the values of k; int64 (n_k,)
    images: np.ndarray  # not clipped; float32 (n_k, n_digits, 28, 28)
    # Share of the training variance on the first k components, 0–1; float64 (n_k,).
    explained_share: np.ndarray
    # Root mean squared error over all test pixels, in grey levels; float64 (n_k,).
    test_rmse: np.ndarray


@stored_type
class Corners(NamedTuple):
    """Harris corners of images, and numbers that show that they are a PCA of the gradients."""

    structure_tensor: np.ndarray  # float64 (n_digits, 28, 28, 2, 2)
    # Of the structure tensor, in ascending order; float64 (n_digits, 28, 28, 2).
    eigenvalues: np.ndarray
    response: np.ndarray  # float64 (n_digits, 28, 28)
    corners: np.ndarray  # bool (n_digits, 28, 28)
    # Largest difference between the structure tensor and GᵀG, relative to the largest entry;
    # float64 (n_digits,).
    gram_difference: np.ndarray
    # Share of tr M that centring the gradients would remove, median over the corners; float64
    # (n_digits,).
    centering_change: np.ndarray


class Nearest(NamedTuple):
    """The training images nearest to some images, nearest first; all (n_images, n_kept)."""

    indices: np.ndarray
    labels: np.ndarray
    squared_distances: np.ndarray


class Answer(NamedTuple):
    """The answers of a model to some images."""

    labels: np.ndarray  # integers (n_images,)
    probabilities: np.ndarray  # float64 (n_images, n_classes)
    nearest: Nearest | None = None  # what the answer rests on, for a model that compares images


@format_version(2)
@stored_type
class Predictions(NamedTuple):
    """The answers of a model to the test images."""

    labels: np.ndarray  # uint8 (n_test,)
    probabilities: np.ndarray  # calibrated; float32 (n_test, n_classes)
    # The fields of a `Nearest`, for a model that compares images.
    nearest: Mapping[str, np.ndarray] = MappingProxyType({})
