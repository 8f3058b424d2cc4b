"""Checks of the methods: the algebra holds, and the trainings learned."""

import math
from typing import Any

import numpy as np

from mnist_pipeline.data import duplicates
from mnist_pipeline.data.values import Corners, DigitSet, Predictions, Reconstructions
from mnist_pipeline.methods import pca
from mnist_pipeline.methods.knn import method as knn
from mnist_pipeline.methods.pca import Eigendecomposition
from mnist_pipeline.methods.softmax.method import FittedSoftmax
from mnist_pipeline.runtime.graph.checks import check_of
from mnist_pipeline.utils.measured import Measured, at_least, at_most, exactly, warning

NUM_CHECKED = 100  # queries of a search without the bound


@check_of("centered_data")
def mean_zero(value: np.ndarray) -> Measured:
    """A mean that is not zero would distort the covariance. Largest mean of a pixel after
    centring.
    """
    return at_most(np.abs(pca.mean(value)).max(), 1e-3)


@check_of("covariance")
def symmetric(value: np.ndarray) -> Measured:
    """The eigensolver reads only one triangle of the matrix. Largest difference from the other."""
    return exactly(np.abs(value - value.T).max(), 0)


@check_of("covariance")
def positive_semidefinite(value: np.ndarray) -> Measured:
    """No direction has negative variance. Smallest eigenvalue ÷ largest (absolute)."""
    spectrum = np.linalg.eigvalsh(value)
    return at_least(spectrum[0] / np.abs(spectrum).max(), -1e-6)


@check_of("covariance")
def diagonal(value: np.ndarray, centered_data: np.ndarray) -> Measured:
    """The diagonal is the variance of each pixel, computed here without XᵀX. Relative
    difference.
    """
    return at_most(pca.variance_error(centered_data, np.diag(value)), 1e-4)


@check_of("eigendecomposition")
def trace(value: Eigendecomposition, covariance: np.ndarray) -> Measured:
    """A rotation keeps the total variance, so trace C = Σ λ. Relative difference."""
    return at_most(abs(value.eigenvalues.sum() / np.trace(covariance) - 1), 1e-9)


@check_of("eigendecomposition")
def orthonormal(value: Eigendecomposition) -> Measured:
    """Projection and reconstruction need VᵀV = I. Largest difference of an entry."""
    return at_most(pca.orthonormality_error(value.eigenvectors), 1e-9)


@check_of("projections")
def variance_is_eigenvalue(value: np.ndarray, eigendecomposition: Eigendecomposition) -> Measured:
    """The variance of a coordinate is its eigenvalue. Difference ÷ largest eigenvalue."""
    return at_most(pca.variance_error(value, eigendecomposition.eigenvalues), 1e-4)


@check_of("projections")
def error_is_left_out(
    value: np.ndarray, centered_data: np.ndarray, eigendecomposition: Eigendecomposition
) -> Measured:
    """The squared reconstruction error is the variance on the other components. Relative
    difference.
    """
    eigenvalues = eigendecomposition.eigenvalues
    return at_most(pca.left_out_error(centered_data, value, eigenvalues), 1e-4)


@check_of("reconstructions")
def error_falls(value: Reconstructions) -> Measured:
    """More components never fit worse. Largest increase of the test error."""
    errors = value.test_rmse
    return at_most(np.diff(errors, prepend=errors[0]).max(), 0)


@check_of("harris_corners")
def equals_pca(value: Corners) -> Measured:
    """The structure tensor M is the Gram matrix of the gradients. Largest relative difference."""
    return at_most(value.gram_difference.max(), 1e-10)


@check_of("knn_votes")
def equals_brute_force(
    knn_model: knn.FittedKNN, knn_predictions: Predictions, test_images: np.ndarray
) -> Measured:
    """The search skips images by a bound, and the bound must be right. Share of a random sample of
    queries with the neighbours that a search without the bound finds.
    """
    assert knn_predictions.nearest is not None
    indices = knn_predictions.nearest.indices
    return exactly(knn.agreement_with_brute_force(indices, knn_model, test_images, NUM_CHECKED), 1)


@check_of(
    "knn_votes",
    reason="Accuracy on images from the training set would be too optimistic. Test images that "
    f"equal a training image, and of the first {duplicates.NUM_COMPARED}, those that nearly do.",
)
def not_in_training(
    knn_predictions: Predictions, train_digits: DigitSet, test_images: np.ndarray
) -> Measured:
    """Test images are not among the training images, and the first do not nearly equal one."""
    nearest = knn_predictions.nearest
    assert nearest is not None
    in_training = nearest.squared_distances[:, 0] == 0
    closest = train_digits.images[nearest.indices[: duplicates.NUM_COMPARED, 0]]
    are_near = map(duplicates.is_near, test_images, closest)
    in_training[: len(closest)] |= [*are_near]
    return warning(
        exactly(
            np.count_nonzero(in_training),
            0,
            "mnist-pipeline inspect names some; put all photos of an object into train, or all "
            "into test",
        )
    )


@check_of("softmax_model")
def gradient(value: FittedSoftmax) -> Measured:
    """The derived gradient must agree with finite differences. Largest relative difference at the
    fitted weights.
    """
    return at_most(value.gradient_error, 1e-5)


@check_of(
    "softmax_model",
    reason="If the loss does not fall, the learning rate is too large or the gradient has the "
    "wrong sign.",
)
@check_of(
    "shuffled_cnn",
    reason="Shuffled pixels contain as much as before, so a network learns from them, too. Last "
    "loss.",
)
@check_of("mlp_model", "cnn_model")
def loss_falls(value: Any, train_digits: DigitSet) -> Measured:
    """If the loss does not fall, the network has not learned. Last loss."""
    first, last = value.loss[0], value.loss[-1]
    # After a single epoch, it is compared with the loss of guessing.
    return at_most(last, first if len(value.loss) > 1 else math.log(train_digits.num_classes))
