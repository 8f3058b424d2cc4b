"""The values of all models as inputs, and the assets of models without a module here."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import dagster as dg

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.held_out import split
from mnist_pipeline.models import MODELS, Model
from mnist_pipeline.runtime.graph.configs import config_of, settings_of
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch


class ByModel(NamedTuple):
    """The values of the assets of all models, by the name of the model."""

    fitted: dict[str, Any]
    predictions: dict[str, Any]
    evaluations: dict[str, Any]


# The attribute of an entry that names the asset behind each field of `ByModel`.
ASSETS = {
    "fitted": "model_asset",
    "predictions": "predictions_asset",
    "evaluations": "evaluation_asset",
}


def of_all_models(*fields: str) -> dict[str, dg.AssetIn]:
    """The inputs of an asset for fields of `ByModel`; the asset takes them as `**by_asset`."""
    keys = [getattr(model, ASSETS[field]) for field in fields for model in MODELS.values()]
    return {key: dg.AssetIn(key) for key in keys}


def by_model(by_asset: Mapping[str, Any]) -> ByModel:
    """Sort the inputs of `of_all_models` by field and model; a field that is not read is empty."""
    return ByModel(
        *(
            {
                name: by_asset[key]
                for name, model in MODELS.items()
                if (key := getattr(model, attribute)) in by_asset
            }
            for attribute in ASSETS.values()
        )
    )


def model_asset(model: Model) -> dg.AssetsDefinition:
    """The asset `NAME_model`: what the method's `fit` returns."""
    Config = config_of(model)

    @dg.asset(
        name=model.model_asset,
        io_manager_key=STORAGE,
        group_name=model.group,
        kinds={"numpy"},
        description=f"{model.title}, fitted on the training images that are not held out. "
        f"{model.summary}",
    )
    def fitted(train_digits: DigitSet, config: Config, seed: Seed):  # type: ignore[valid-type]  # made from the entry
        images, labels = train_digits
        settings = settings_of(config)
        kept, _ = split(len(images))
        with stopwatch():
            arrays = model.method().fit(images[kept], labels[kept], settings, seed=seed.number)
        count = sum(array.size for array in arrays.values())
        return result(
            arrays,
            f"{count:,} numbers from {len(kept):,} images",
            numbers={"count": count},
            config=config,
            seed=seed,
        )

    return fitted


model_assets = [model_asset(model) for model in MODELS.values() if not model.has_own_asset]
