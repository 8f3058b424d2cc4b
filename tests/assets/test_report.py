"""The report, called as a function on stored values; `tests/report` tests its page and its numbers."""

import dagster as dg
import pytest
from support.calls import call

from mnist_pipeline.report.document import Report
from mnist_pipeline.runtime.graph.results import SECONDS

pytestmark = pytest.mark.usefixtures("finished")


def test_provenance_and_seconds_come_from_the_latest_materializations() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for asset, seconds in {"cnn_model": 9.0, "cnn_predictions": 0.25}.items():
            for run in (99.0, seconds):
                event = dg.AssetMaterialization(
                    asset, metadata={SECONDS: run}, tags={"dagster/data_version": f"version of {asset}"}
                )
                instance.report_runless_asset_event(event)
        report: Report = call("evaluation_report", context=dg.build_asset_context(instance=instance)).value
    document = report.document
    assert document["assets"]["cnn_model"]["seconds"] == 9
    assert document["assets"]["cnn_model"]["data_version"] == "version of cnn_model"
    assert document["models"]["cnn"]["seconds"] == 9.25
    # Nothing is known about assets that were never materialized.
    assert document["assets"].keys() >= {"raw_mnist", "covariance", "knn_index", "mlp_model", "model_comparison"}
    assert set(document["assets"]["mlp_model"].values()) == {None}
    assert document["models"]["mlp"]["seconds"] is None
