"""Assets over all models: what they read is in the graph, and reaches the function by the name of
the model.
"""

from typing import Any

import dagster as dg

from assets.models import by_model, of_all_models
from mnist_pipeline.models import MODELS


def test_an_asset_reads_the_values_of_every_model_by_name() -> None:
    @dg.asset(ins=of_all_models("predictions", "evaluations"))
    def shown(data_mean: int, **by_asset: Any):
        return data_mean, by_model(by_asset)

    read = {
        asset
        for model in MODELS.values()
        for asset in (model.predictions_asset, model.evaluation_asset)
    }
    assert {key.to_user_string() for key in shown.keys_by_input_name.values()} == read | {
        "data_mean"
    }
    mean, (fitted, predictions, evaluations) = shown(data_mean=1, **{name: name for name in read})
    assert (mean, fitted) == (1, {})
    assert predictions == {name: f"{name}_predictions" for name in MODELS}
    assert evaluations == {name: f"{name}_evaluation" for name in MODELS}
