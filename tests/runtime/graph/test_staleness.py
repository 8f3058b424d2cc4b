"""Nothing is rerun that did not change: code versions, data versions, and `run --changed`."""

import gzip
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from support.graph_fixtures import invoke, materialized

from mnist_pipeline.cli import selection
from mnist_pipeline.cli.selection import definitions
from mnist_pipeline.data import datasets
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.runtime.graph.staleness import out_of_sync


def test_after_a_run_everything_is_in_sync_and_changed_runs_nothing(finished: Path) -> None:
    before = {
        path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file() and "assets" in path.parts
    }
    output = invoke("run", "--changed")
    assert "Materializing" not in output
    assert "Everything is in sync." in output
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_nothing_is_built_on_what_failed_a_check_that_stops_what_is_downstream(
    own_copy: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = datasets.load_digits

    def without_sevens(*args: Any, **kwargs: Any) -> DigitSet:
        images, labels = read(*args, **kwargs)
        return DigitSet(images, np.where(labels == 7, 1, labels).astype(np.uint8))

    with monkeypatch.context() as patch:
        patch.setattr(datasets, "load_digits", without_sevens)
        invoke("run", "--select", "key:train_digits", code=1)
        refused = invoke("run", "--changed", code=1)
        assert "train_digits failed" in refused
        assert "data_mean" not in refused
    assert "Everything is in sync." in invoke("run", "--changed")


def test_a_rerun_with_equal_results_leaves_what_is_downstream_in_sync(own_copy: tuple[Path, Path]) -> None:
    invoke("run", "--select", "key:data_mean")
    with dg.DagsterInstance.get() as instance:
        assert not out_of_sync(instance, definitions()).keys() & selection.select_assets("*")


def test_other_results_bring_just_what_depends_on_them_up_to_date(own_copy: tuple[Path, Path], tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("ops: {softmax_model: {config: {epochs: 3}}}")
    invoke("run", "--select", "key:softmax_model", "--config", str(config))
    output = invoke("run", "--changed")
    assert materialized(output) == {
        "softmax_predictions",
        "softmax_evaluation",
        "held_out_labels",
        "model_comparison",
        "champion",
        "recognizer",
        "model_card",
        "robustness",
        "evaluation_report",
    }
    assert "Materializing" not in invoke("run", "--changed")


def test_changed_raw_files_are_noticed(own_copy: tuple[Path, Path]) -> None:
    labels = own_copy[0] / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(labels.read_bytes()))
    content[8:10] = content[9:7:-1]  # two labels change places
    labels.write_bytes(gzip.compress(bytes(content), 1))
    output = invoke("run", "--changed")
    assert {"raw_mnist", "test_digits", "knn_evaluation", "evaluation_report"} <= materialized(output)
    assert not {"data_mean", "softmax_model", "cnn_model"} & materialized(output)


def test_the_staleness_that_we_read_is_the_one_that_dagster_shows(own_copy: tuple[Path, Path]) -> None:
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(
            dg.AssetMaterialization("digit_images", tags={"dagster/data_version": "another"})
        )
        stale = out_of_sync(instance, definitions())
    named = {key.to_user_string(): reason for key, reason in stale.items()}
    assert set(named) >= {"harris_corners", "reconstructions"}
    assert "digit_images has a new version" in named["harris_corners"]
