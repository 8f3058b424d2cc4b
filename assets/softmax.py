"""Softmax regression by hand-written stochastic gradient descent."""

import dagster as dg

from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.methods.softmax import method
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.configs import config_of, settings_of
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, progress, result, stopwatch

GROUP = "softmax"
SoftmaxConfig = config_of(MODELS["softmax"])


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numba"})
def softmax_model(
    train_digits: DigitSet,
    image_kind: ImageKind,
    config: SoftmaxConfig,  # type: ignore[valid-type]  # made from the entry
    mnist_seed: Seed,
):
    """Weights W (classes, 784) and bias b (classes,) of the regression y = softmax(W x + b).

    They are fitted by stochastic gradient descent with one image per update. The gradient of the
    cross-entropy −Σ y' log y is (y − y') xᵀ for W and y − y' for b.
    """
    images = train_digits.images
    with stopwatch():
        fitted = method.fit(
            train_digits,
            settings_of(config),
            seed=mnist_seed.number,
            kind=image_kind,
            on_epoch=progress,
        )
    loss, accuracy = fitted.loss, fitted.accuracy
    panels = figures.learning_panels(loss, {"training": accuracy}, "Softmax regression")
    return result(
        fitted,
        f"loss {loss[-1]:.4f}, epochs: {len(loss)}",
        numbers={"loss": float(loss[-1]), "training_accuracy": float(accuracy[-1])},
        figures={
            "templates": figures.templates(
                fitted.weights,
                method.pixel_deviations(images),
                images.shape[1:],
                train_digits.class_numbers,
            ),
            "learning": figures.side_by_side(*panels.values()),
        },
        config=config,
        seed=mnist_seed,
    )
