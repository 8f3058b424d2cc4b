"""The values of all models as inputs, and the assets of models without a module here."""

from collections.abc import Iterable

import dagster as dg

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.methods.table import MODELS, Model, assets_of_models
from mnist_pipeline.runtime.graph.configs import config_of, settings_of
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

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
    def fitted(train_digits: DigitSet, config: Config, mnist_seed: Seed):  # type: ignore[valid-type]  # made from the entry
        images, labels = train_digits
        settings = settings_of(config)
        kept, _ = train_digits.divided()
        with stopwatch():
            number = mnist_seed.number
            arrays = model.method().fit(images[kept], labels[kept], settings, seed=number)
        count = sum(array.size for array in arrays.values())
        return result(
            arrays,
            f"{count:,} numbers from {len(kept):,} images",
            numbers={"count": count},
            config=config,
            seed=mnist_seed,
        )

    return fitted


model_assets = [model_asset(model) for model in MODELS.values() if not model.has_own_asset]
