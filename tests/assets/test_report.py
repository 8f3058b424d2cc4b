"""The report, called as a function on stored values; `tests/report` tests what it contains."""

from datetime import datetime, timedelta

import dagster as dg
import pytest
from support.calls import call

from mnist_pipeline.runtime.storage import storage

pytestmark = pytest.mark.usefixtures("finished", "without_drawing")


def test_provenance_and_seconds_are_those_of_the_stored_values():
    stored = storage.default_storage()
    with dg.DagsterInstance.ephemeral() as instance:
        document = call(
            "evaluation_report", context=dg.build_asset_context(instance=instance)
        ).value.document
    assert document["assets"].keys() >= {
        "raw_mnist",
        "covariance",
        "knn_votes",
        "mlp_model",
        "model_comparison",
    }
    for name, found in document["assets"].items():
        assert found["data_version"] == stored.current_version(name)
        assert found["seconds"] == stored.origin(name)["metadata"]["seconds"]
    assert datetime.fromisoformat(document["run"]["started"]).utcoffset() == timedelta(0)
    parts = [document["assets"][f"cnn_{part}"]["seconds"] for part in ("model", "predictions")]
    assert document["models"]["cnn"]["seconds"] == pytest.approx(sum(parts), abs=1e-3)
