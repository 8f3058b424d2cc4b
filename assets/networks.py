"""The training of the two networks.

Torch is imported inside the functions that use it, so that the definitions load quickly.
"""

import dataclasses
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from mnist_pipeline.methods.networks.training import EpochRecord

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
            from mnist_pipeline.methods.networks import modules, training

        with stopwatch():
            network, recipe, history, held_out_weights = training.train_on(
                image_kind,
                train_digits,
                name,
                settings_of(config),
                seed=mnist_seed.number,
                on_epoch=_log_epoch,
            )
        value = training.stored(network, history) | held_out_weights
        losses = [np.round(record.losses, 5).tolist() for record in history.epochs]
        curves = {"training": value["accuracy"], "held-out": value["validation_accuracy"]}
        last = history.epochs[-1]
        panels = figures.learning_panels(value["loss"], curves, MODELS[name].short_title, losses)
        return result(
            value,
            f"held-out accuracy {last.validation_accuracy:.2%}, epochs: {last.num_epochs}",
            numbers={
                "loss": last.loss,
                "training_accuracy": last.accuracy,
                "validation_accuracy": last.validation_accuracy,
                "precision": history.precision,
                "device": history.device,
                "recipe": dg.MetadataValue.json(dataclasses.asdict(recipe)),
                "losses": dg.MetadataValue.json(losses),
                "temperature": history.temperature,
                "parameters": modules.num_parameters(network),
            },
            tables={"layers": pd.DataFrame(modules.layer_rows(network))},
            figures={"learning": figures.side_by_side(*panels.values())},
            config=config,
            seed=mnist_seed,
        )

    return model


def _log_epoch(record: "EpochRecord") -> None:
    progress(
        record.epoch,
        record.num_epochs,
        held_out_accuracy=record.validation_accuracy,  # first: a narrow terminal cuts the line
        accuracy=record.accuracy,
        loss=record.loss,
    )


mlp_model, cnn_model = _model_asset("mlp"), _model_asset("cnn")
