"""The assets of models without an asset module of their own, made from their entries in the table of models."""

from importlib import import_module
from inspect import signature

import dagster as dg
import numpy as np
from pydantic import create_model

from mnist_pipeline import models
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.held_out import split
from mnist_pipeline.models import MODELS, Model
from mnist_pipeline.records import Predictions
from mnist_pipeline.runtime.graph.checks import at_most, checks, exactly
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import ROW_COUNT, result, stopwatch

FITTED = {"finite": "One NaN makes every prediction NaN. Number of values that are not finite."}
PREDICTED = {"probabilities_sum_to_one": "The probabilities of an image sum to 1. Largest difference from 1."}


def model_asset(model: Model) -> dg.AssetsDefinition:
    """The asset `NAME_model`: the arrays that the method's `fit` returns."""
    method, Config = model.method, config_of(model)

    @dg.asset(
        name=model.model_asset,
        group_name=model.group,
        kinds={"numpy"},
        description=f"{model.title}, fitted on the training images that are not held out. {model.summary}",
        ins={"digits": dg.AssetIn(model.training_asset)},
        check_specs=checks(model.model_asset, {model.model_asset: FITTED}),
    )
    def fitted(digits: DigitSet, config: Config, seed: Seed):  # type: ignore[valid-type]  # made from the entry
        fit = import_module(method).fit
        is_random = "seed" in signature(fit).parameters
        with stopwatch():
            kept, _ = split(len(digits.images))
            settings = {**dict(config), **({"seed": seed.value} if is_random else {})}
            arrays = fit(digits.images[kept], digits.labels[kept], **settings)
        numbers = sum(array.size for array in arrays.values())
        return result(
            arrays,
            f"{numbers:,} numbers from {len(kept):,} images",
            numbers={"count": numbers},
            config=config,
            seed=seed if is_random else None,
            checks={"finite": exactly(sum(np.count_nonzero(~np.isfinite(array)) for array in arrays.values()), 0)},
        )

    return fitted


def predictions_asset(model: Model) -> dg.AssetsDefinition:
    """The asset `NAME_predictions`: the answers of the fitted model to the test images."""
    name = model.name

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
            answer = models.answer(MODELS[name], fitted, test_digits.images)
        return predicted(answer.probabilities, answer.labels)

    return predictions


def predicted(probabilities: np.ndarray, labels: np.ndarray | None = None) -> dg.MaterializeResult[Predictions]:
    """The result of an asset that predicts by probabilities; the label is the most probable class unless given."""
    chosen = probabilities.argmax(axis=1) if labels is None else labels
    confidence = float(probabilities.max(axis=1).mean())
    return result(
        Predictions(chosen.astype(np.uint8), probabilities.astype(np.float32)),
        f"mean confidence {confidence:.1%}",
        numbers={ROW_COUNT: len(chosen), "mean_confidence": confidence},
        checks={"probabilities_sum_to_one": at_most(np.abs(probabilities.sum(axis=1) - 1).max(), 1e-5)},
    )


def config_of(model: Model) -> type[dg.Config]:
    """The configuration of `NAME_model`, from the settings of the entry."""
    name, doc = f"{model.name.title()}Config", f"How {model.phrase} is fitted."
    return create_model(name, __base__=dg.Config, __doc__=doc, **models.setting_fields(model))


simple = [model for model in MODELS.values() if not model.has_own_assets]
model_assets = [model_asset(model) for model in simple]
predictions_assets = [predictions_asset(model) for model in simple]
