"""The named arrays that assets return: the meaning and the shape of each field."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mnist_pipeline.utils.stored_types import stored_type


@stored_type
class Reconstructions(NamedTuple):
    """The ten digit images reconstructed from k components, and the reconstruction error on the test images.

    Attributes
    ----------
    num_components : ndarray of shape (n_k,), int64
        The values of k.
    images : ndarray of shape (n_k, n_digits, 28, 28), float32
        Not clipped.
    explained_share : ndarray of shape (n_k,), float64
        Share of the training variance on the first k components, 0–1.
    test_rmse : ndarray of shape (n_k,), float64
        Root mean squared error over all test pixels, in grey levels.
    """

    num_components: np.ndarray
    images: np.ndarray
    explained_share: np.ndarray
    test_rmse: np.ndarray


@stored_type
class Corners(NamedTuple):
    """Harris corners of some images, and the numbers that show that they are a PCA of the gradients.

    Attributes
    ----------
    structure_tensor : ndarray of shape (n_digits, 28, 28, 2, 2), float64
    eigenvalues : ndarray of shape (n_digits, 28, 28, 2), float64
        Eigenvalues of the structure tensor, in ascending order.
    response : ndarray of shape (n_digits, 28, 28), float64
    corners : ndarray of shape (n_digits, 28, 28), bool
    gram_difference : ndarray of shape (n_digits,), float64
        Largest difference between the structure tensor and GᵀG, relative to the largest entry.
    centering_change : ndarray of shape (n_digits,), float64
        Share of tr M that centring the gradients would remove, median over the corners.
    """

    structure_tensor: np.ndarray
    eigenvalues: np.ndarray
    response: np.ndarray
    corners: np.ndarray
    gram_difference: np.ndarray
    centering_change: np.ndarray


@stored_type
class Neighbors(NamedTuple):
    """The nearest training images of each test image, nearest first, and the label they vote for.

    Attributes
    ----------
    labels : ndarray of shape (n_test,), uint8
    num_neighbors : ndarray of shape (), int64
        Number of neighbours that vote; more may be stored.
    indices : ndarray of shape (n_test, n_kept), int64
        Indices of training images; equal distances are ordered by index.
    squared_distances : ndarray of shape (n_test, n_kept), int64
        Exact.
    """

    labels: np.ndarray
    num_neighbors: np.ndarray
    indices: np.ndarray
    squared_distances: np.ndarray


@stored_type
class SoftmaxModel(NamedTuple):
    """Weights and bias of softmax regression, and the loss and accuracy of each epoch.

    Attributes
    ----------
    weights : ndarray of shape (n_classes, 784), float64
    bias : ndarray of shape (n_classes,), float64
    loss, accuracy : ndarrays of shape (n_epochs,), float64
        Means over the training images, each scored just before its update.
    gradient_error : ndarray of shape (), float64
        Largest relative difference between the gradient and finite differences, at the fitted weights.
    """

    weights: np.ndarray
    bias: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    gradient_error: np.ndarray


@stored_type
class Network(NamedTuple):
    """A trained network.

    Attributes
    ----------
    weights : dict from parameter name to ndarray, float32
    loss, accuracy : ndarrays of shape (n_epochs,), float64
        Means over the training images, each scored just before its batch's update.
    validation_accuracy : ndarray of shape (n_epochs,), float64
        On held-out training images; NaN if none were held out.
    temperature : ndarray of shape (), float64
        Divisor of the logits that calibrates the probabilities, fitted on the held-out images; 1 without them.
    """

    weights: dict[str, np.ndarray]
    loss: np.ndarray
    accuracy: np.ndarray
    validation_accuracy: np.ndarray
    temperature: np.ndarray


class Nearest(NamedTuple):
    """The training images nearest to some images, nearest first; all fields are of shape (n_images, n_kept)."""

    indices: np.ndarray
    labels: np.ndarray
    squared_distances: np.ndarray


class Answer(NamedTuple):
    """What a model answers to some images.

    Attributes
    ----------
    labels : ndarray of shape (n_images,), integers
    probabilities : ndarray of shape (n_images, n_classes), float64
    nearest : Nearest or None
        The training images that the answer rests on, for a model that compares images.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    nearest: Nearest | None = None


@stored_type
class Predictions(NamedTuple):
    """The most probable classes (n_test,), uint8, and the class probabilities (n_test, n_classes), float32."""

    labels: np.ndarray
    probabilities: np.ndarray
