"""`verify` names what is wrong, and its advice mends it."""

import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from support.graph_fixtures import invoke

from mnist_pipeline.runtime.storage import storage as storage_module
from mnist_pipeline.runtime.storage.storage import Storage


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
    """Put something else in place of files."""
    for file in files:
        file.unlink()
        make(file)


@pytest.mark.slow
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
