"""`verify` on a finished run: each problem has a line and a remedy, and the remedy mends it."""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from support.graph_fixtures import invoke, materialized

from assets.definitions import defs
from mnist_pipeline.runtime.graph.event_log import VERSION
from mnist_pipeline.runtime.storage import storage as storage_module
from mnist_pipeline.runtime.storage.storage import Storage, stored_key


@pytest.fixture
def stored(own_copy) -> Storage:
    return Storage(str(own_copy[1]))


def problems(code: int = 1) -> tuple[dict[str, str], str]:
    """The lines of values that are not intact, by key, and the last line of the output."""
    *lines, last = invoke("verify", code=code).splitlines()
    split = (line.split(maxsplit=1) for line in lines)
    return {key: found for key, found in split if found != "ok"}, last


def test_an_intact_storage_is_counted(stored):
    found, last = problems(code=0)
    assert found == {}
    assert last == f"All {len(stored.keys())} stored values in {stored.root} are intact."


def test_each_missing_or_damaged_value_has_a_line_and_one_run_mends_them(stored):
    directory = stored.path
    stored.main_file("harris_corners").write_bytes(b"damaged")
    shutil.rmtree(directory / "cnn_kernels")
    (record,) = directory.glob("knn_evaluation/*/runs/*.json")
    record.write_text(record.read_text().replace('"accuracy": 0', '"accuracy": 1'))
    shutil.rmtree(directory / "report")
    invoke("report", code=1)
    (directory / "data_mean" / "current").write_text("none")
    found, last = problems()
    damaged = {"harris_corners", "cnn_kernels", "knn_evaluation", "data_mean", "evaluation_report"}
    assert found.keys() == damaged
    # A record counts by itself, because a run does not replace it.
    remedies = f"run mnist-pipeline run --changed, and delete {record}"
    assert last == f"Error: {len(damaged) + 1} problems in {directory}; to mend them, {remedies}"


def test_a_file_that_is_only_missing_where_people_open_it_is_mended_without_computing(stored):
    shutil.rmtree(stored.path / "report")
    (stored.path / "data_mean" / "current").unlink()
    assert problems()[0].keys() == {"evaluation_report", "data_mean"}
    assert materialized(invoke("run", "--changed")) == set()
    assert problems(code=0)[0] == {}


def test_a_damaged_value_that_no_run_stored_is_deleted(stored):
    stored.write("own", np.zeros(3))
    stored.main_file("own").write_bytes(b"")
    storage_module._verified.clear()  # as in a process of its own
    assert problems()[1].startswith("Error: 1 problem in ")  # it is the current version
    stored.write("own", np.zeros(3))
    (stored.path / "own" / "current").write_text("none")
    found, last = problems()
    assert found.keys() == {"own"}
    assert last.endswith(f"to mend them, delete {stored.path / 'own'}")
    shutil.rmtree(stored.path / "own")
    problems(code=0)


def test_a_damaged_trial_which_only_a_user_asks_for_is_selected_by_the_name_of_its_asset(stored):
    asset = dg.AssetKey("experiment_trials")
    trial, *_ = defs.resolve_asset_graph().get(asset).partitions_def.get_partition_keys()
    version = stored.write(key := stored_key("experiment_trials", trial), np.zeros(3))
    with dg.DagsterInstance.get() as instance:
        event = dg.AssetMaterialization(asset, partition=trial, metadata={VERSION: version})
        instance.report_runless_asset_event(event)
    stored.main_file(key).write_bytes(b"")
    last = problems()[1]
    assert last.endswith(
        "to mend them, run mnist-pipeline run --changed --select experiment_trials"
    )


def test_a_damaged_former_version_and_a_damaged_record_are_deleted(stored):
    recorded = stored.current_version("data_mean")
    former = stored.path / "data_mean" / stored.write("data_mean", np.zeros(784))
    stored.main_file("data_mean").write_bytes(b"")
    stored.set_current("data_mean", recorded)
    (record,) = (stored.path / "covariance").glob("*/runs/*.json")
    shutil.copy(record, other := record.with_name("other.json"))  # it names another run
    assert problems()[1].endswith(f"delete {former}, and delete {other}")
    shutil.rmtree(former)
    other.unlink()
    problems(code=0)


def test_values_are_compared_with_their_checksums_even_if_dagsters_records_are_not_readable(
    storage, monkeypatch
):
    stored = Storage(str(storage))
    for key in ("covariance", "data_mean"):
        stored.write(key, np.zeros(9))
    (damaged := stored.main_file("data_mean")).write_bytes(b"")

    def fail():
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(dg.DagsterInstance, "get", fail)
    printed = invoke("verify", code=1)
    assert re.search("covariance +ok", printed)
    assert str(damaged) in printed
    assert "disk I/O error" in printed
    damaged.unlink()
    stored.write("data_mean", np.zeros(9))
    assert "disk I/O error" in invoke("verify", code=1)


def follow(output: str) -> list[str]:
    """Do what `verify` advises; return the advice."""
    (advice,) = re.findall("to mend them, (.*)", output)
    parts = advice.split(", and ")
    for part in parts:
        verb, _, rest = part.partition(" ")
        if verb == "delete":
            subprocess.run(["rm", "-r", rest], check=True)
        else:
            invoke(*rest.removeprefix("mnist-pipeline ").split())
    return parts


def replaced_by(make: Callable[[Path], object], *files: Path) -> None:
    """Put something else instead of files."""
    for file in files:
        file.unlink()
        make(file)


@pytest.mark.slow
@pytest.mark.usefixtures("without_drawing")
def test_the_advice_mends_every_damage(own_copy):
    _, storage = own_copy
    stored = Storage(str(storage))
    stored.write("asset_of_a_former_graph", np.zeros(3))
    former = stored.main_file("asset_of_a_former_graph")
    (record,) = stored.main_file("cnn_kernels").parent.glob("runs/*.json")
    replaced_by(Path.touch, former, record)
    # These need no run.
    replaced_by(Path.mkdir, storage / "covariance" / "current", storage / "report" / "index.html")
    replaced_by(os.mkfifo, storage / "projections" / "current", storage / "report" / "report.json")
    # Nothing but the report, at most, depends on these.
    replaced_by(Path.mkdir, stored.main_file("knn_votes"))
    replaced_by(os.mkfifo, stored.main_file("harris_corners"))
    replaced_by(dangling_link, stored.main_file("shuffled_cnn").with_name("manifest.json"))
    (storage / "cnn_errors").rename(aside := storage / "errors")
    (storage / "reconstructions").rename(storage / "cnn_errors")
    aside.rename(storage / "reconstructions")
    storage_module._verified.clear()  # as in a process of its own
    advice = follow(invoke("verify", code=1))
    assert {
        "run mnist-pipeline run --changed",
        f"delete {former.parent.parent}",
        f"delete {record}",
    } < {*advice}
    invoke("verify")


def dangling_link(path: Path) -> None:
    path.symlink_to("absent")
