"""Softmax regression by hand-written stochastic gradient descent."""

import dagster as dg
import numpy as np
from pydantic import Field

from assets import data_sets
from assets.checks import at_most, checks, loss_falls
from assets.records import Predictions, SoftmaxModel
from assets.results import progress, result, stopwatch
from assets.seed import Seed
from mnist_pipeline import softmax
from mnist_pipeline.datasets import IMAGE_SIDE, DigitSet

GROUP = "softmax"
NUM_CHECKED = 10
CHECKS = {
    "softmax_model": {
        "gradient": "The derivation, held to finite differences at the fitted weights; largest relative difference.",
        "loss_falls": "Descent that does not descend has too large a step, or a wrong sign.",
    },
    "softmax_predictions": {"probabilities_sum_to_one": "Softmax gives a distribution; largest departure from 1."},
}


class SoftmaxConfig(dg.Config):
    """How softmax regression is fitted."""

    learning_rate: float = Field(1e-3, gt=0, le=10, description="Step of every update.")
    epochs: int = Field(20, ge=1, le=10_000, description="Passes over the training images.")


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("softmax_model", CHECKS["softmax_model"]))
def softmax_model(train_digits: DigitSet, config: SoftmaxConfig, seed: Seed):
    """Weights W (10, 784) and bias b (10,) of y = softmax(W x + b), by SGD, one image an update.

    The gradient of the cross-entropy −Σ y' log y is (y − y') xᵀ for W and y − y' for b.
    """
    from mnist_pipeline import figures

    records: list[softmax.EpochRecord] = []

    def on_epoch(record: softmax.EpochRecord) -> None:
        records.append(record)
        progress(record.epoch, config.epochs, loss=record.loss, accuracy=record.accuracy)

    with stopwatch() as watch:
        weights, bias = softmax.sgd(
            train_digits.images,
            train_digits.labels,
            learning_rate=config.learning_rate,
            epochs=config.epochs,
            seed=seed.value,
            on_epoch=on_epoch,
        )
    sample = train_digits.images[:NUM_CHECKED].reshape(NUM_CHECKED, -1) / 255
    gradient_error = softmax.gradient_error(weights, bias, train_digits.labels[:NUM_CHECKED], sample)
    deviations = softmax.pixel_deviations(train_digits.images)
    loss = np.array([record.loss for record in records])
    accuracy = np.array([record.accuracy for record in records])
    return result(
        SoftmaxModel(weights, bias, loss, accuracy, np.array(gradient_error)),
        f"loss {loss[-1]:.4f} after {len(loss)} epochs",
        seconds=watch.seconds,
        numbers={"loss": float(loss[-1]), "training_accuracy": float(accuracy[-1])},
        figures={
            "templates": figures.templates(weights, deviations, IMAGE_SIDE, data_sets.current().known.class_names),
            "learning": figures.learning_curves(loss, {"training": accuracy}, "Softmax regression"),
        },
        config=config,
        seed=seed,
        checks={"gradient": at_most(gradient_error, 1e-5), "loss_falls": loss_falls(loss)},
    )


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("softmax_predictions", CHECKS["softmax_predictions"]))
def softmax_predictions(softmax_model: SoftmaxModel, test_digits: DigitSet):
    """Class probabilities y = softmax(W x + b) of each test image, and the most probable class."""
    with stopwatch() as watch:
        probabilities = softmax.predict_probabilities(softmax_model.weights, softmax_model.bias, test_digits.images)
    labels = probabilities.argmax(axis=1).astype(np.uint8)
    return result(
        Predictions(labels, probabilities.astype(np.float32)),
        f"mean confidence {probabilities.max(axis=1).mean():.1%}",
        seconds=watch.seconds,
        numbers={"count": len(labels), "mean_confidence": float(probabilities.max(axis=1).mean())},
        checks={"probabilities_sum_to_one": at_most(np.abs(probabilities.sum(axis=1) - 1).max(), 1e-5)},
    )
