"""A storage of an earlier version is brought to this one.

The fixture is a part of what commit 5219778 stored of the slice of the digits: some values, and the Dagster instance.
"""

import tarfile
from pathlib import Path

import dagster as dg
import pytest
from support.graph_fixtures import invoke

from mnist_pipeline.evaluation import Comparison
from mnist_pipeline.runtime.storage import storage as stored

FIXTURE = Path(__file__).with_name("storage-5219778.tar.xz")
KEPT = ("data_mean", "cnn_evaluation", "model_comparison")
LOST = ("champion", "softmax_model")


@pytest.mark.slow
def test_runs_and_values_of_an_earlier_version_are_kept_and_the_others_named_in_one_line(storage: Path) -> None:
    storage.mkdir()
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(storage, filter="data")
    before = {path: path.read_bytes() for path in (storage / "assets").iterdir()}
    output = invoke("upgrade")
    (line,) = [line for line in output.splitlines() if all(name in line for name in LOST)]
    assert not [name for name in KEPT if name in line]
    assert {path: path.read_bytes() for path in (storage / "assets").iterdir()} == before
    assert isinstance(stored.read("model_comparison"), Comparison)
    assert stored.read("data_mean").shape == (784,)
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
        assert run.is_success
        assert instance.get_latest_materialization_event(dg.AssetKey("champion"))
        assert instance.get_latest_materialization_event(dg.AssetKey("raw_mnist"))
    assert "max_concurrent_runs: 1" in (storage / "dagster" / "dagster.yaml").read_text()
    assert invoke("upgrade") == output
