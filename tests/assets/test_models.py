"""Assets over all models: what they read is in the graph, and reaches the function by the name of
the model.
"""

import dagster as dg

from assets.models import ByModel, asset_of_all_models
from mnist_pipeline.models import MODELS


def test_an_asset_reads_the_values_of_every_model_by_name() -> None:
    @asset_of_all_models(group_name="some")
    def shown(
        context: dg.AssetExecutionContext,
        data_mean: int,
        evaluations: ByModel,
        predictions: ByModel,
    ):
        """What it does."""
        return {**evaluations, "mean": data_mean}, predictions

    read = {
        asset
        for model in MODELS.values()
        for asset in (model.predictions_asset, model.evaluation_asset)
    }
    assert {key.to_user_string() for key in shown.keys_by_input_name.values()} == read | {
        "data_mean"
    }
    inputs = {name: name for name in read}
    evaluations, predictions = shown(dg.build_asset_context(), data_mean=1, **inputs)
    assert evaluations == {"mean": 1, **{name: f"{name}_evaluation" for name in MODELS}}
    assert predictions == {name: f"{name}_predictions" for name in MODELS}
    (spec,) = shown.specs
    assert (spec.group_name, spec.description) == ("some", "What it does.")
