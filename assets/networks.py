"""The training of the two networks.

Torch is imported inside the functions that use it, so that the definitions load quickly.
"""

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.configs import config_of, settings_of
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, progress, result, stopwatch
from mnist_pipeline.utils import machine

GROUP = "networks"
POOL = "training"  # one of Dagster's pools, without a limit by default; see docs/deploy.md


def _model_asset(name: str) -> dg.AssetsDefinition:
    Config = config_of(MODELS[name])

    @dg.asset(
        io_manager_key=STORAGE,
        name=f"{name}_model",
        group_name=GROUP,
        kinds={"torch"},
        pool=POOL,
        description=f"{MODELS[name].title}, trained on the training images that are not held out, "
        f"and then again on all of a small set. {MODELS[name].summary}",
    )
    def model(
        train_digits: DigitSet,
        image_kind: ImageKind,
        config: Config,  # type: ignore[valid-type]  # made from the entry
        mnist_seed: Seed,
    ):
        with machine.importing():  # faster, because it collects no garbage
            from mnist_pipeline.methods.networks import modules

        with stopwatch():
            fitted = (
                MODELS[name]
                .method()
                .fit(
                    train_digits,
                    settings_of(config),
                    seed=mnist_seed.number,
                    kind=image_kind,
                    on_epoch=progress,
                )
            )
        network = modules.of_weights(name, fitted.weights)
        losses = [np.round(parts, 5).tolist() for parts in fitted.losses]
        curves = {"training": fitted.accuracy, "held-out": fitted.validation_accuracy}
        panels = figures.learning_panels(fitted.loss, curves, MODELS[name].short_title, losses)
        validation_accuracy = float(fitted.validation_accuracy[-1])
        return result(
            fitted,
            f"held-out accuracy {validation_accuracy:.2%}, epochs: {len(fitted.loss)}",
            numbers={
                "loss": float(fitted.loss[-1]),
                "training_accuracy": float(fitted.accuracy[-1]),
                "validation_accuracy": validation_accuracy,
                "precision": fitted.precision,
                "device": fitted.device,
                "recipe": dg.MetadataValue.json(fitted.recipe),
                "losses": dg.MetadataValue.json(losses),
                "temperature": fitted.temperature,
                "parameters": modules.num_parameters(network),
            },
            tables={"layers": pd.DataFrame(modules.layer_rows(network))},
            figures={"learning": figures.side_by_side(*panels.values())},
            config=config,
            seed=mnist_seed,
        )

    return model


mlp_model, cnn_model = _model_asset("mlp"), _model_asset("cnn")
