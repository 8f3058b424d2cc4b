"""The report, called as a function on stored values; `tests/report` tests its page and its numbers."""

import re

import dagster as dg
import pytest
from support.calls import call

from mnist_pipeline.report.document import Report
from mnist_pipeline.runtime.graph.results import SECONDS

pytestmark = pytest.mark.usefixtures("finished")


def report(instance: dg.DagsterInstance) -> Report:
    found: Report = call("evaluation_report", context=dg.build_asset_context(instance=instance)).value
    return found


def test_assets_that_were_never_materialized_have_an_empty_provenance() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        document = report(instance).document
    assert document["assets"].keys() >= {"raw_mnist", "covariance", "knn_index", "cnn_model", "model_comparison"}
    for origin in document["assets"].values():
        assert origin == dict.fromkeys(
            (
                "run_id",
                "data_version",
                "code_version",
                "seconds",
                "config",
                "seed",
                "recipe",
                "adaptation",
                "losses",
                "reason",
            )
        )
    assert {figures["seconds"] for figures in document["models"].values()} == {None}
    assert document["run"]["assets"] == len(document["assets"])
    assert document["run"]["canonical"] == (document["run"]["source"] == "MNIST")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", document["run"]["started"])


def test_provenance_and_seconds_come_from_the_latest_materializations() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for asset, seconds in {"cnn_model": 9.0, "cnn_predictions": 0.25}.items():
            for run in (99.0, seconds):
                event = dg.AssetMaterialization(
                    asset, metadata={SECONDS: run}, tags={"dagster/data_version": f"version of {asset}"}
                )
                instance.report_runless_asset_event(event)
        document = report(instance).document
    assert document["assets"]["cnn_model"]["seconds"] == 9
    assert document["assets"]["cnn_model"]["data_version"] == "version of cnn_model"
    assert document["models"]["cnn"]["seconds"] == 9.25
    assert document["models"]["mlp"]["seconds"] is None
