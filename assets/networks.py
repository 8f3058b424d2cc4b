"""The training of the two networks.

Torch is imported inside the functions that use it, so that the definitions load quickly.
"""

import dataclasses

import dagster as dg
import pandas as pd

from mnist_pipeline.data.held_out import held_out_size
from mnist_pipeline.data.records import DigitSet, RawData
from mnist_pipeline.evaluation.scores import most_frequent_share, wilson_interval
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.checks import at_least, checks, loss_falls
from mnist_pipeline.runtime.graph.configs import config_of, settings_of
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, progress, result, stopwatch
from mnist_pipeline.utils import machine

GROUP = "networks"
POOL = "training"  # one of Dagster's pools, without a limit by default; see docs/deploy.md
TRAINED = {
    "loss_falls": "If the loss does not fall, the network has not learned. Last loss.",
    "held_out_accuracy": "A network that classifies held-out images hardly better than by naming "
    "the most frequent class is useless. Upper end of the 95% interval of the accuracy.",
}
CHECKS = dict.fromkeys(("mlp_model", "cnn_model"), TRAINED)


def _model_asset(name: str) -> dg.AssetsDefinition:
    Config = config_of(MODELS[name])

    @dg.asset(
        io_manager_key=STORAGE,
        name=f"{name}_model",
        group_name=GROUP,
        kinds={"torch"},
        pool=POOL,
        description=f"{MODELS[name].title}, trained on the training images that are not held out. "
        f"{MODELS[name].summary}",
        check_specs=checks(f"{name}_model", CHECKS),
    )
    def model(
        train_digits: DigitSet,
        raw_mnist: RawData,
        config: Config,  # type: ignore[valid-type]  # made from the entry
        seed: Seed,
    ):
        with machine.importing():
            from mnist_pipeline.methods.networks import modules, training
        (images, labels), data_set = train_digits, raw_mnist.data_set
        validation_size = held_out_size(labels)
        settings = settings_of(config)
        network, recipe = training.from_settings(
            name,
            settings,
            num_classes=train_digits.num_classes,
            seed=seed.number,
            num_images=len(images) - validation_size,
            shape=images.shape[1:],
            handwritten=None if data_set.is_mnist else data_set.handwritten,
        )

        def on_epoch(record: training.EpochRecord) -> None:
            progress(
                record.epoch,
                recipe.epochs,
                loss=record.loss,
                accuracy=record.accuracy,
                held_out_accuracy=record.validation_accuracy,
            )

        with stopwatch():
            history = training.train(
                network,
                images,
                labels,
                recipe,
                seed=seed.number,
                validation_size=validation_size,
                drawn=data_set.is_mnist and settings["recipe"] == "default",
                on_epoch=on_epoch,
            )
        value = training.stored(network, history)
        losses = [[round(loss, 5) for loss in record.losses] for record in history.epochs]
        loss, accuracy = value["loss"], value["accuracy"]
        curves = {"training": accuracy, "held-out": value["validation_accuracy"]}
        held_out = float(value["validation_accuracy"][-1])
        return result(
            value,
            f"held-out accuracy {held_out:.2%} after {recipe.epochs} epochs",
            numbers={
                "loss": float(loss[-1]),
                "training_accuracy": float(accuracy[-1]),
                "validation_accuracy": held_out,
                "precision": history.precision,
                "device": history.device,
                "recipe": dg.MetadataValue.json(dataclasses.asdict(recipe)),
                "losses": dg.MetadataValue.json(losses),
                "temperature": history.temperature,
                "parameters": modules.num_parameters(network),
            },
            tables={"layers": pd.DataFrame(modules.layer_rows(network))},
            figures={
                "learning": figures.learning_curves(loss, curves, MODELS[name].short_title, losses)
            },
            config=config,
            seed=seed,
            checks={
                "loss_falls": loss_falls(loss, train_digits.num_classes),
                # a tenth of the way from naming the most frequent class to 1
                "held_out_accuracy": at_least(
                    wilson_interval(round(held_out * validation_size), validation_size)[1],
                    0.9 * most_frequent_share(labels) + 0.1,
                ),
            },
        )

    return model


mlp_model, cnn_model = _model_asset("mlp"), _model_asset("cnn")
