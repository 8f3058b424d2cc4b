"""The named arrays that assets return: the meaning and the shape of each field."""

from typing import NamedTuple

import numpy as np

from mnist_pipeline.utils.stored_types import format_version, stored_type


@stored_type
class Reconstructions(NamedTuple):
    """The ten digit images reconstructed from k components, and the reconstruction error on the
    test images.
    """

    num_components: np.ndarray  # the values of k; int64 (n_k,)
    images: np.ndarray  # not clipped; float32 (n_k, n_digits, 28, 28)
    explained_share: (
        np.ndarray
    )  # share of the training variance on the first k components, 0–1; float64 (n_k,)
    test_rmse: (
        np.ndarray
    )  # root mean squared error over all test pixels, in grey levels; float64 (n_k,)


@stored_type
class Corners(NamedTuple):
    """Harris corners of some images, and the numbers that show that they are a PCA of the
    gradients.
    """

    structure_tensor: np.ndarray  # float64 (n_digits, 28, 28, 2, 2)
    eigenvalues: (
        np.ndarray
    )  # of the structure tensor, in ascending order; float64 (n_digits, 28, 28, 2)
    response: np.ndarray  # float64 (n_digits, 28, 28)
    corners: np.ndarray  # bool (n_digits, 28, 28)
    # Largest difference between the structure tensor and GᵀG, relative to the largest entry;
    # float64 (n_digits,).
    gram_difference: np.ndarray
    # Share of tr M that centring the gradients would remove, median over the corners; float64
    # (n_digits,).
    centering_change: np.ndarray


@stored_type
class Neighbors(NamedTuple):
    """The nearest training images of each test image, nearest first, and the label they vote
    for.
    """

    labels: np.ndarray  # uint8 (n_test,)
    num_neighbors: np.ndarray  # number of neighbours that vote; more may be stored; int64 ()
    indices: (
        np.ndarray
    )  # of training images; equal distances are ordered by index; int64 (n_test, n_kept)
    squared_distances: np.ndarray  # exact; int64 (n_test, n_kept)


@format_version(3)
@stored_type
class SoftmaxModel(NamedTuple):
    """Weights and bias of softmax regression, and the loss and accuracy of each epoch.

    Loss and accuracy are means over the training images, each scored just before its update.
    """

    weights: np.ndarray  # float64 (n_classes, 784)
    bias: np.ndarray  # float64 (n_classes,)
    loss: np.ndarray  # float64 (n_epochs,)
    accuracy: np.ndarray  # float64 (n_epochs,)
    # Largest relative difference between the gradient and finite differences, at the fitted
    # weights; float64 ().
    gradient_error: np.ndarray
    held_out_weights: (
        np.ndarray
    )  # fitted without the held-out images (see `data.held_out`); float64 (n_classes, 784)
    held_out_bias: np.ndarray  # likewise; float64 (n_classes,)


@stored_type
class Network(NamedTuple):
    """A trained network.

    Loss and accuracy are means over the training images, each scored just before its batch's
    update.
    """

    weights: dict[str, np.ndarray]  # by the name of the parameter; float32
    loss: np.ndarray  # float64 (n_epochs,)
    accuracy: np.ndarray  # float64 (n_epochs,)
    validation_accuracy: (
        np.ndarray
    )  # on held-out training images, NaN if none were held out; float64 (n_epochs,)
    # Divisor of the logits that calibrates the probabilities, fitted on the held-out images; 1
    # without; float64 ().
    temperature: np.ndarray


class Nearest(NamedTuple):
    """The training images nearest to some images, nearest first; all fields are of shape (n_images,
    n_kept).
    """

    indices: np.ndarray
    labels: np.ndarray
    squared_distances: np.ndarray


class Answer(NamedTuple):
    """What a model answers to some images."""

    labels: np.ndarray  # integers (n_images,)
    probabilities: np.ndarray  # float64 (n_images, n_classes)
    nearest: Nearest | None = None  # what the answer rests on, for a model that compares images


@stored_type
class Predictions(NamedTuple):
    """The most probable classes (n_test,), uint8, and the class probabilities (n_test, n_classes),
    float32.
    """

    labels: np.ndarray
    probabilities: np.ndarray
