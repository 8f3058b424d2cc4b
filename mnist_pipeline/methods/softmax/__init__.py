"""Softmax regression by hand-written stochastic gradient descent."""

from mnist_pipeline.methods.softmax.method import (
    gradient,
    gradient_error,
    loss,
    numerical_gradient,
    pixel_deviations,
    predict_probabilities,
    sgd,
    sgd_reference,
    softmax,
)

__all__ = [
    "gradient",
    "gradient_error",
    "loss",
    "numerical_gradient",
    "pixel_deviations",
    "predict_probabilities",
    "sgd",
    "sgd_reference",
    "softmax",
]
