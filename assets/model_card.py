"""The model card of the champion."""

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.evaluation import scores
from mnist_pipeline.evaluation.champion import Champion
from mnist_pipeline.evaluation.scores import Comparison
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.graph.checks import checks, exactly
from mnist_pipeline.runtime.graph.resources import DataSetResource, StoredResults
from mnist_pipeline.runtime.graph.results import result, stopwatch

from .models import ByModel, asset_of_all_models
from .serving import GROUP

CHECKS = {
    "model_card": {
        "describes_champion": "The card must be that of the model in service. 1 if it has the checksum of its answers.",
    },
}


@asset_of_all_models(
    group_name=GROUP,
    kinds={"markdown"},
    deps=[model.model_asset for model in MODELS.values()],
    check_specs=checks("model_card", CHECKS),
)
def model_card(
    champion: Champion,
    predictions: ByModel,
    evaluations: ByModel,
    raw_mnist: pd.DataFrame,
    train_digits: DigitSet,
    test_digits: DigitSet,
    model_comparison: Comparison,
    robustness: pd.DataFrame,
    data_set: DataSetResource,
    stored_results: StoredResults,
):
    """The model card of the champion in Markdown: purpose, data, recipe, accuracy, limits.

    If the present champion stays because its challengers are worse, so does its card.
    """
    from mnist_pipeline.report import card

    model, fingerprint = MODELS[champion.model], card.fingerprint(champion)
    with stopwatch():
        is_current = np.array_equal(champion.labels, predictions[champion.model].labels)
        present = None if is_current else stored_results.previous("model_card")
        present = present if present and fingerprint in present else None
        if is_current:
            evaluated = evaluations[champion.model]
        else:
            evaluated = scores.evaluate(test_digits.labels, np.array(champion.labels))
        names = ["champion", model.model_asset, model.predictions_asset]
        chosen, *made = map(stored_results.origins(names).__getitem__, names)
        found: str = present or card.render(
            card.Values(
                champion=champion,
                reason=chosen["reason"],
                evaluation=evaluated,
                files=raw_mnist,
                num_train=len(train_digits.labels),
                data_set=data_set.described,
                is_current=is_current,
                comparison=model_comparison,
                robustness=robustness,
                origins=made,
            )
        )
    return result(
        found,
        f"{model.title}, {champion.accuracy:.2%}{', as before' if present else ''}",
        numbers={"card": dg.MetadataValue.md(found), "kept": present is not None},
        checks={"describes_champion": exactly(fingerprint in found, 1)},
    )
