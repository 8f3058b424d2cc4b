"""Assets made from the table of models: assets that read all models, and the assets of models
without a module here.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import numpy as np
from pydantic import create_model

from mnist_pipeline import models
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.held_out import split
from mnist_pipeline.models import MODELS, Model, Simple
from mnist_pipeline.runtime.graph.checks import checks, exactly
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import result, stopwatch

from .predictions import PREDICTED, predicted

FITTED = {"finite": "One NaN makes every prediction NaN. Number of values that are not finite."}
ByModel = Mapping[str, Any]  # by the name of the model
# The parameters of an asset that reads all models, and the attribute of an entry that names the
# asset behind each.
READ_OF_MODELS = {
    "fitted": "model_asset",
    "predictions": "predictions_asset",
    "evaluations": "evaluation_asset",
}


def asset_of_all_models(**options: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Define an asset that reads all models, with the options of `dg.asset`.

    Its parameters `fitted`, `predictions` and `evaluations` are mappings by the name of the model,
    of the values of `NAME_model`, `NAME_predictions` and `NAME_evaluation`. Dagster passes each
    input as an argument of its own, and the table of models decides how many there are; so this
    function collects them. An instance of the component may have some of the models: the others are
    not in the mappings, and inputs that belong to them need a default.
    """

    def define(function: Callable[..., Any]) -> dg.AssetsDefinition:
        parameters = inspect.signature(function).parameters
        sources = {
            parameter: {
                name: getattr(model, READ_OF_MODELS[parameter]) for name, model in MODELS.items()
            }
            for parameter in parameters
            if parameter in READ_OF_MODELS
        }

        @functools.wraps(function)
        def compute(*context: Any, **given: Any) -> Any:
            by_model = {
                parameter: {
                    name: given.pop(asset) for name, asset in assets.items() if asset in given
                }
                for parameter, assets in sources.items()
            }
            return function(*context, **given, **by_model)

        # Dagster links an asset to the file of its function.
        code: Any = compute
        code.__code__ = code.__code__.replace(co_filename=function.__code__.co_filename)
        own = [
            each.replace(default=each.empty)
            for name, each in parameters.items()
            if name not in sources
        ]
        collected = [asset for assets in sources.values() for asset in assets.values()]
        inputs = [
            inspect.Parameter(asset, inspect.Parameter.POSITIONAL_OR_KEYWORD) for asset in collected
        ]
        # Dagster reads it
        compute.__signature__ = inspect.Signature([*own, *inputs])  # type: ignore[attr-defined]
        return dg.asset(**options)(compute)

    return define


def model_asset(model: Model, method: Simple) -> dg.AssetsDefinition:
    """The asset `NAME_model`: the arrays that the method's `fit` returns."""
    doc = f"How {model.phrase} is fitted."
    Config = create_model(
        f"{model.name.title()}Config",
        __base__=dg.Config,
        __doc__=doc,
        **models.setting_fields(model),
    )

    @dg.asset(
        name=model.model_asset,
        group_name=model.group,
        kinds={"numpy"},
        description=f"{model.title}, fitted on the training images that are not held out. "
        f"{model.summary}",
        check_specs=checks(model.model_asset, {model.model_asset: FITTED}),
    )
    # made from the entry
    def fitted(train_digits: DigitSet, config: Config, seed: Seed):  # type: ignore[valid-type]
        images, labels = train_digits
        with stopwatch():
            kept, _ = split(len(images))
            arrays = method.fit(images[kept], labels[kept], dict(config), seed.value)
        numbers = sum(array.size for array in arrays.values())
        return result(
            arrays,
            f"{numbers:,} numbers from {len(kept):,} images",
            numbers={"count": numbers},
            config=config,
            seed=seed if method.is_random else None,
            checks={
                "finite": exactly(
                    sum(np.count_nonzero(~np.isfinite(array)) for array in arrays.values()), 0
                )
            },
        )

    return fitted


def predictions_asset(model: Model, method: Simple) -> dg.AssetsDefinition:
    """The asset `NAME_predictions`: the answers of the fitted model to the test images."""

    @dg.asset(
        name=model.predictions_asset,
        group_name=model.group,
        kinds={"numpy"},
        description=f"{model.title}: class probabilities of each test image, and the label.",
        ins={"fitted": dg.AssetIn(model.model_asset)},
        check_specs=checks(model.predictions_asset, {model.predictions_asset: PREDICTED}),
    )
    def predictions(fitted: dict[str, np.ndarray], test_digits: DigitSet):
        with stopwatch():
            answer = method.answer(fitted, test_digits.images)
        return predicted(answer.probabilities, answer.labels)

    return predictions


simple = [(model, model.method()) for model in MODELS.values() if not model.has_own_assets]
model_assets = [
    model_asset(model, method) for model, method in simple if isinstance(method, Simple)
]
predictions_assets = [
    predictions_asset(model, method) for model, method in simple if isinstance(method, Simple)
]
