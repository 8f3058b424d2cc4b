"""The values of all models as inputs, and the assets of models without a module here."""

from collections.abc import Iterable

import dagster as dg

from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.methods.table import MODELS, Model, assets_of_models
from mnist_pipeline.runtime.graph.configs import config_of, settings_of
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, progress, result, stopwatch

# Models whose assets have figures of their own, in the modules `knn`, `softmax` and `networks`.
SHOWN = ("knn", "softmax", "mlp", "cnn")
DIGITS = ("train_digits", "test_digits")
# The check of assets that combine models. It asks Dagster about the inputs of its asset.
SAME_INPUTS = {
    "same_inputs": "Results on different images must not stand side by side. Number of inputs, "
    "direct or not, that were computed from former training or test images.",
}


def inputs(names: Iterable[str]) -> dict[str, dg.AssetIn]:
    """Inputs with the names of their assets; an asset takes them as `**by_asset`."""
    return {name: dg.AssetIn(name) for name in names}


def of_all_models(*kinds: str) -> dict[str, dg.AssetIn]:
    """The inputs `NAME_KIND` of all models."""
    return inputs(assets_of_models(*kinds))


def model_asset(model: Model) -> dg.AssetsDefinition:
    """The asset `NAME_model`: the result of the method's `fit`."""
    Config = config_of(model)

    @dg.asset(
        name=model.model_asset,
        io_manager_key=STORAGE,
        group_name=model.group,
        kinds={"numpy"},
        description=f"{model.title}, fitted on the training images that are not held out. "
        f"{model.summary}",
    )
    def fitted(
        train_digits: DigitSet,
        image_kind: ImageKind,
        config: Config,  # type: ignore[valid-type]  # made from the entry
        mnist_seed: Seed,
    ):
        with stopwatch():
            value = model.method().fit(
                train_digits,
                settings_of(config),
                seed=mnist_seed.number,
                kind=image_kind,
                on_epoch=progress,
            )
        return result(
            value,
            f"fitted to {len(train_digits.divided()[0]):,} images",
            config=config,
            seed=mnist_seed,
        )

    return fitted


further_models = [model_asset(model) for model in MODELS.values() if model.name not in SHOWN]
