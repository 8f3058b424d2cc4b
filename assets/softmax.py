"""Softmax regression by hand-written stochastic gradient descent."""

import dagster as dg
import numpy as np
from pydantic import Field

from assets.models import PREDICTED, predicted
from mnist_pipeline import softmax
from mnist_pipeline.data.datasets import IMAGE_SIDE, DigitSet
from mnist_pipeline.records import SoftmaxModel
from mnist_pipeline.runtime.graph.checks import Measured, at_most, checks, loss_falls
from mnist_pipeline.runtime.graph.resources import DataSetResource
from mnist_pipeline.runtime.graph.results import progress, result, stopwatch
from mnist_pipeline.runtime.graph.seed import Seed

GROUP = "softmax"
NUM_CHECKED = 10
CHECKS = {
    "softmax_model": {
        "gradient": "The derivation, held to finite differences at the fitted weights; largest relative difference.",
        "loss_falls": "Descent that does not descend has too large a step, or a wrong sign.",
    },
    "softmax_predictions": PREDICTED,
}


class SoftmaxConfig(dg.Config):
    """How softmax regression is fitted."""

    learning_rate: float = Field(1e-3, gt=0, le=10, description="Step of every update.")
    epochs: int = Field(20, ge=1, le=10_000, description="Passes over the training images.")


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("softmax_model", CHECKS["softmax_model"]))
def softmax_model(train_digits: DigitSet, data_set: DataSetResource, config: SoftmaxConfig, seed: Seed):
    """Weights W (10, 784) and bias b (10,) of y = softmax(W x + b), by SGD, one image an update.

    The gradient of the cross-entropy −Σ y' log y is (y − y') xᵀ for W and y − y' for b.
    """
    from mnist_pipeline.report import figures

    records, on_epoch = passes(config.epochs)
    with stopwatch() as watch:
        parameters = softmax.sgd(
            train_digits.images,
            train_digits.labels,
            learning_rate=config.learning_rate,
            epochs=config.epochs,
            seed=seed.value,
            on_epoch=on_epoch,
        )
    model = described(parameters, records, train_digits)
    deviations = softmax.pixel_deviations(train_digits.images)
    return result(
        model,
        f"loss {model.loss[-1]:.4f} after {len(records)} epochs",
        seconds=watch.seconds,
        numbers={"loss": float(model.loss[-1]), "training_accuracy": float(model.accuracy[-1])},
        figures={
            "templates": figures.templates(model.weights, deviations, IMAGE_SIDE, data_set.class_names),
            "learning": figures.learning_curves(model.loss, {"training": model.accuracy}, "Softmax regression"),
        },
        config=config,
        seed=seed,
        checks=measured(model),
    )


def passes(epochs: int) -> tuple[list[softmax.EpochRecord], softmax.OnEpoch]:
    """A list for what each pass measures, and what fills it and tells it as a pass ends."""
    records: list[softmax.EpochRecord] = []

    def on_epoch(record: softmax.EpochRecord) -> None:
        records.append(record)
        progress(record.epoch, epochs, loss=record.loss, accuracy=record.accuracy)

    return records, on_epoch


def described(parameters: softmax.Parameters, records: list[softmax.EpochRecord], digits: DigitSet) -> SoftmaxModel:
    """A fitted model with what its passes measured, its gradient held to finite differences on some digits."""
    weights, bias = parameters
    sample = digits.images[:NUM_CHECKED].reshape(NUM_CHECKED, -1) / 255
    error = softmax.gradient_error(weights, bias, digits.labels[:NUM_CHECKED], sample)
    loss, accuracy = (np.array([getattr(record, name) for record in records]) for name in ("loss", "accuracy"))
    return SoftmaxModel(weights, bias, loss, accuracy, np.array(error))


def measured(model: SoftmaxModel) -> dict[str, Measured]:
    """What the checks of a fitted model measured."""
    return {"gradient": at_most(float(model.gradient_error), 1e-5), "loss_falls": loss_falls(model.loss)}


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("softmax_predictions", CHECKS["softmax_predictions"]))
def softmax_predictions(softmax_model: SoftmaxModel, test_digits: DigitSet):
    """Class probabilities y = softmax(W x + b) of each test image, and the most probable class."""
    with stopwatch() as watch:
        probabilities = softmax.predict_probabilities(softmax_model.weights, softmax_model.bias, test_digits.images)
    return predicted(probabilities, watch.seconds)
