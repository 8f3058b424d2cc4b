"""Assets over all models: what they read is in the graph, and reaches the function by the name of
the model.
"""

from typing import Any

import dagster as dg

from assets.models import by_model, of_all_models
from mnist_pipeline.methods.table import MODELS


def test_an_asset_reads_the_values_of_every_model_by_name() -> None:
    @dg.asset(ins=of_all_models("predictions", "evaluation"))
    def shown(data_mean: int, **by_asset: Any):
        return data_mean, by_model(by_asset, "evaluation")

    read = {f"{name}_{kind}" for name in MODELS for kind in ("predictions", "evaluation")}
    keys = {key.to_user_string() for key in shown.keys_by_input_name.values()}
    assert keys == {"data_mean", *read}
    mean, evaluations = shown(data_mean=1, **{name: name for name in read})
    assert (mean, evaluations) == (1, {name: f"{name}_evaluation" for name in MODELS})
