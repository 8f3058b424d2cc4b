"""The two networks: their training, their predictions of the test images, and the errors of the
convolutional network.

Torch is imported inside the functions that use it, so that the definitions load quickly.
"""

import dataclasses
from enum import Enum
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.held_out import SHARE
from mnist_pipeline.data.records import Network, Predictions
from mnist_pipeline.evaluation import scores
from mnist_pipeline.inference import networks as inference
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.checks import at_least, checks, exactly, loss_falls
from mnist_pipeline.runtime.graph.resources import DataSetResource, Seed
from mnist_pipeline.runtime.graph.results import progress, result, stopwatch
from mnist_pipeline.utils import machine

from .predictions import PREDICTED, predicted

if TYPE_CHECKING:
    from mnist_pipeline.training import EpochRecord

GROUP = "networks"
POOL = "training"  # one of Dagster's pools, without a limit by default; see docs/deploy.md
TRAINED = {
    "finite_weights": "One NaN weight makes every prediction NaN. Number of weights that are not "
    "finite.",
    "loss_falls": "If the loss does not fall, the network has not learned. Last loss.",
    "held_out_accuracy": "A network that reads held-out images hardly better than by naming the "
    "most frequent class is "
    "useless. Accuracy.",
}
CHECKS = {
    **dict.fromkeys(("mlp_model", "cnn_model"), TRAINED),
    **dict.fromkeys(("mlp_predictions", "cnn_predictions"), PREDICTED),
    "cnn_kernels": {
        "finite": "A weight that is not finite can't be drawn. Number of weights that are not "
        "finite."
    },
    "cnn_errors": {
        "all_wrong": "Every row is an error. Number of rows whose prediction equals the true label."
    },
}
NUM_ERRORS_SHOWN = 60
RecipeName = Enum(
    "RecipeName",
    {"DEFAULT": "default", "FAST": "fast", "NOTEBOOK": "notebook", "THOROUGH": "thorough"},
)


class NetworkConfig(dg.Config):
    """How a network is trained: a named recipe, and the settings that replace its own."""

    recipe: RecipeName = Field(RecipeName.DEFAULT, description="Named training recipe.")
    epochs: int | None = Field(
        None, ge=1, le=1_000, description="Passes over the images; default: as the recipe."
    )
    batch_size: int | None = Field(
        None, ge=1, le=65_536, description="Images per update; default: as the recipe."
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        le=10,
        description="Adam's learning rate, or its peak in a one-cycle schedule; default: as the "
        "recipe.",
    )


def _model_asset(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"{name}_model",
        group_name=GROUP,
        kinds={"torch"},
        pool=POOL,
        description=f"{MODELS[name].title}, trained on the training images that are not held out. "
        f"{MODELS[name].summary}",
        check_specs=checks(f"{name}_model", CHECKS, "finite_weights", "held_out_accuracy"),
    )
    def model(train_digits: DigitSet, config: NetworkConfig, seed: Seed, data_set: DataSetResource):
        with machine.importing():
            from mnist_pipeline import networks, training
        images, labels = train_digits
        validation_size = round(SHARE * len(images))
        recipe = training.named_recipe(
            name, config.recipe.value, **config.model_dump(exclude={"recipe"})
        )
        if config.recipe is RecipeName.DEFAULT and not data_set.canonical:
            recipe = training.adapt(
                recipe,
                len(images) - validation_size,
                handwritten=data_set.described.handwritten,
                epochs=config.epochs,
            )
        network = training.build(
            networks.KINDS[name], num_classes=train_digits.num_classes, seed=seed.value
        )
        with stopwatch():
            history = training.train(
                network,
                images,
                labels,
                recipe,
                seed=seed.value,
                validation_size=validation_size,
                on_epoch=lambda record: _report_epoch(record, recipe.epochs),
            )
        value = training.stored(network, history)
        losses = [[round(loss, 5) for loss in record.losses] for record in history.epochs]
        curves = {"training": value.accuracy, "held-out": value.validation_accuracy}
        held_out = float(value.validation_accuracy[-1])
        return result(
            value,
            f"held-out accuracy {held_out:.2%} after {recipe.epochs} epochs",
            numbers={
                "loss": float(value.loss[-1]),
                "training_accuracy": float(value.accuracy[-1]),
                "validation_accuracy": held_out,
                "precision": history.precision,
                "device": history.device,
                "recipe": dg.MetadataValue.json(dataclasses.asdict(recipe)),
                "losses": dg.MetadataValue.json(losses),
                "temperature": history.temperature,
                "parameters": networks.num_parameters(network),
            },
            tables={"layers": pd.DataFrame(networks.layer_rows(network))},
            figures={
                "learning": figures.learning_curves(
                    value.loss, curves, MODELS[name].short_title, losses
                )
            },
            config=config,
            seed=seed,
            checks={
                "finite_weights": exactly(
                    sum(np.count_nonzero(~np.isfinite(w)) for w in value.weights.values()), 0
                ),
                "loss_falls": loss_falls(value.loss, train_digits.num_classes),
                # a tenth of the way from naming the most frequent class to 1
                "held_out_accuracy": at_least(
                    held_out, 0.9 * scores.most_frequent_share(labels) + 0.1
                ),
            },
        )

    return model


def _report_epoch(record: "EpochRecord", epochs: int) -> None:
    """Report the measurements of an epoch as progress of the step."""
    held_out = (
        {}
        if record.validation_accuracy is None
        else {"held_out_accuracy": record.validation_accuracy}
    )
    progress(record.epoch, epochs, loss=record.loss, accuracy=record.accuracy, **held_out)


def _predictions_asset(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"{name}_predictions",
        group_name=GROUP,
        kinds={"torch"},
        description="The calibrated class probabilities of each test image by "
        f"{MODELS[name].phrase}.",
        ins={"model": dg.AssetIn(f"{name}_model")},
        check_specs=checks(f"{name}_predictions", CHECKS),
    )
    def predictions(model: Network, test_digits: DigitSet):
        with stopwatch():
            state = inference.state(model, None, 0)
            answer = inference.answer_many(state, test_digits.images)
        return predicted(answer.probabilities)

    return predictions


mlp_model, cnn_model = _model_asset("mlp"), _model_asset("cnn")
mlp_predictions, cnn_predictions = _predictions_asset("mlp"), _predictions_asset("cnn")


@dg.asset(group_name=GROUP, kinds={"numpy"}, check_specs=checks("cnn_kernels", CHECKS))
def cnn_kernels(cnn_model: Network):
    """The 32 first-layer kernels of the convolutional network, float32 (32, 5, 5)."""
    with stopwatch():
        kernels = next(array for array in cnn_model.weights.values() if array.ndim == 4)[:, 0]
    return result(
        kernels,
        f"{len(kernels)} kernels, largest weight {np.abs(kernels).max():.2f}",
        figures={
            "kernels": figures.image_grid(
                kernels, 8, title=f"{len(kernels)} first-layer kernels", signed=True
            )
        },
        checks={"finite": exactly(np.count_nonzero(~np.isfinite(kernels)), 0)},
    )


@dg.asset(group_name=GROUP, kinds={"pandas"}, check_specs=checks("cnn_errors", CHECKS))
def cnn_errors(cnn_predictions: Predictions, test_digits: DigitSet, data_set: DataSetResource):
    """Every test digit that the convolutional network misreads, the most confident error first."""
    with stopwatch():
        errors = pd.DataFrame(
            scores.misclassified(
                test_digits.labels, cnn_predictions.labels, cnn_predictions.probabilities
            )
        )
    images, shown = test_digits.images, errors.head(NUM_ERRORS_SHOWN).to_dict("records")
    return result(
        errors,
        f"{len(errors)} errors of {len(test_digits.labels):,}",
        tables={"worst": errors},
        figures={"errors": figures.misread_images(images, shown, len(errors), data_set.class_names)}
        if shown
        else {},
        checks={"all_wrong": exactly((errors["true_label"] == errors["predicted_label"]).sum(), 0)},
    )
