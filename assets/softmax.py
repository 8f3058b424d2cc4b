"""Softmax regression by hand-written stochastic gradient descent."""

import dagster as dg
from pydantic import Field

from mnist_pipeline import softmax
from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.records import SoftmaxModel
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.checks import at_most, checks, loss_falls
from mnist_pipeline.runtime.graph.resources import DataSetResource, Seed
from mnist_pipeline.runtime.graph.results import progress, result, stopwatch

from .predictions import PREDICTED, predicted

GROUP = "softmax"
CHECKS = {
    "softmax_model": {
        "gradient": "The derived gradient must agree with finite differences. Largest relative "
        "difference at the "
        "fitted weights.",
        "loss_falls": "If the loss does not fall, the learning rate is too large or the gradient "
        "has the wrong sign.",
    },
    "softmax_predictions": PREDICTED,
}


class SoftmaxConfig(dg.Config):
    """How softmax regression is fitted."""

    learning_rate: float = Field(1e-3, gt=0, le=10, description="Step size of every update.")
    epochs: int = Field(20, ge=1, le=10_000, description="Passes over the training images.")


@dg.asset(group_name=GROUP, kinds={"numba"}, check_specs=checks("softmax_model", CHECKS))
def softmax_model(
    train_digits: DigitSet, data_set: DataSetResource, config: SoftmaxConfig, seed: Seed
):
    """Weights W (classes, 784) and bias b (classes,) of the softmax regression y = softmax(W x +
    b).

    They are fitted by stochastic gradient descent with one image per update. The gradient of the
    cross-entropy −Σ y' log y is (y − y') xᵀ for W and y − y' for b.
    """

    def on_epoch(epoch: int, loss: float, accuracy: float) -> None:
        progress(epoch, config.epochs, loss=loss, accuracy=accuracy)

    images, labels = train_digits
    with stopwatch():
        settings = config.model_dump()
        found = softmax.fit_model(images, labels, **settings, seed=seed.value, on_epoch=on_epoch)
    deviations = softmax.pixel_deviations(images)
    return result(
        found,
        f"loss {found.loss[-1]:.4f} after {config.epochs} epochs",
        numbers={"loss": float(found.loss[-1]), "training_accuracy": float(found.accuracy[-1])},
        figures={
            "templates": figures.templates(
                found.weights, deviations, IMAGE_SIDE, data_set.class_names
            ),
            "learning": figures.learning_curves(
                found.loss, {"training": found.accuracy}, "Softmax regression"
            ),
        },
        config=config,
        seed=seed,
        checks={
            "gradient": at_most(float(found.gradient_error), 1e-5),
            "loss_falls": loss_falls(found.loss, len(found.bias)),
        },
    )


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("softmax_predictions", CHECKS))
def softmax_predictions(softmax_model: SoftmaxModel, test_digits: DigitSet):
    """Class probabilities y = softmax(W x + b) of each test image, and the most probable class."""
    with stopwatch():
        probabilities = softmax.predict_probabilities(
            softmax_model.weights, softmax_model.bias, test_digits.images
        )
    return predicted(probabilities)
