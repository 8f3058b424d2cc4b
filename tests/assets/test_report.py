"""The report, called as a function on stored values; `tests/report` tests its page and its numbers."""

from pathlib import Path

import dagster as dg
import pytest
from support.calls import call

from mnist_pipeline.runtime.storage.storage import Storage


def test_provenance_and_seconds_are_those_of_the_stored_values(finished: Path) -> None:
    storage = Storage(str(finished))
    with dg.DagsterInstance.ephemeral() as instance:
        document = call("evaluation_report", context=dg.build_asset_context(instance=instance)).value.document
    assert document["assets"].keys() >= {"raw_mnist", "covariance", "knn_index", "mlp_model", "model_comparison"}
    for name, found in document["assets"].items():
        assert found["data_version"] == storage.current(name)
        assert found["seconds"] == storage.origin(name)["metadata"]["seconds"]
    parts = [document["assets"][f"cnn_{part}"]["seconds"] for part in ("model", "predictions")]
    assert document["models"]["cnn"]["seconds"] == pytest.approx(sum(parts), abs=1e-3)
