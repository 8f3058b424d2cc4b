"""A storage of an earlier version is brought to this one.

The fixture is a part of what commit 5219778 stored of the slice of the digits: some values, and the Dagster instance.
"""

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from support.damage import MAIN
from support.graph_fixtures import invoke

from mnist_pipeline.cli import main as cli
from mnist_pipeline.evaluation.scores import Comparison
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


@pytest.mark.parametrize("name", MAIN)
def test_a_database_of_a_later_version_of_dagster_is_refused(name: str, own_copy: tuple[Path, Path]) -> None:
    with closing(sqlite3.connect(own_copy[1] / "dagster" / name)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'later'")
    result = CliRunner().invoke(cli.main, ["upgrade"])
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    (line,) = [line for line in result.output.splitlines() if "Error: " in line]
    assert "later version of Dagster" in line
