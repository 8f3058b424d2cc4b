"""Nothing is rerun that did not change: code versions, data versions, and `run --changed`."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from click.testing import CliRunner, Result

from assets import evaluation
from mnist_pipeline.cli import main as cli
from mnist_pipeline.cli import project, selection
from mnist_pipeline.data import datasets
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.runtime.graph import code_versions
from mnist_pipeline.runtime.graph.staleness import out_of_sync
from mnist_pipeline.runtime.settings import PROJECT

NETWORKS = {f"{model}_{kind}" for model in ("mlp", "cnn") for kind in ("model", "predictions")}
REPORT = {"evaluation_report"}
ANSWERS = {"recognizer", "inbox_predictions"}
STREAMED = {"expanded_softmax", "expanded_confusions", "expanded_evaluation"}
VERSIONS = (
    "import json; from assets.definitions import defs; graph = defs.resolve_asset_graph(); "
    "print(json.dumps({k.to_user_string(): graph.get(k).code_version for k in graph.materializable_asset_keys}))"
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source, to be edited."""
    directory = tmp_path_factory.mktemp("source")
    for package in ("assets", "mnist_pipeline"):
        shutil.copytree(PROJECT / package, directory / package, ignore=shutil.ignore_patterns("__pycache__"))
    return directory


@pytest.fixture(scope="module")
def versions(copy: Path) -> dict[str, str]:
    return _versions(copy)


def test_every_asset_has_a_code_version(versions: dict[str, str]) -> None:
    assert all(len(version) == 16 for version in versions.values())
    assert len(versions) == len(project.defs.resolve_asset_graph().materializable_asset_keys)


@pytest.mark.parametrize(
    ("file", "old", "new", "marked"),
    [
        ("mnist_pipeline/figures.py", '"""', '"""Rewritten. ', set()),
        ("mnist_pipeline/figures.py", "PREVIEW_COLORS = 48", "PREVIEW_COLORS = 47", REPORT),
        ("mnist_pipeline/training.py", "import math\n", "import math\n# A comment.\n", set()),
        ("mnist_pipeline/training.py", "label_smoothing=0.1", "label_smoothing=0.2",
         NETWORKS | {"robustness", "expanded_cnn", "expanded_confusions", "expanded_evaluation"}),
        ("mnist_pipeline/harris.py", "KAPPA = 0.05", "KAPPA = 0.06", {"harris_corners"} | REPORT),
        ("mnist_pipeline/softmax.py", "learning_rate: float = 1e-3", "learning_rate: float = 2e-3",
         {"softmax_model", "softmax_predictions", "robustness"} | STREAMED | ANSWERS | REPORT),
        ("mnist_pipeline/report/charts.py", "COMPACT = (5.2, 2.6)", "COMPACT = (5.3, 2.6)", REPORT),
        ("mnist_pipeline/report/words.py", "SIGNIFICANCE = 0.05", "SIGNIFICANCE = 0.06", REPORT),
        ("mnist_pipeline/report/templates/page.html.j2", "<main>", "<main >", REPORT),
        ("mnist_pipeline/report/templates/script.js", '"use strict"', '"use strict" ', REPORT),
        ("mnist_pipeline/report/words.py", '"""', '"""Rewritten. ', set()),
        ("assets/results.py", "HEADLINE = ", "HEADLINE: str = ", set()),
        ("assets/knn.py", "NUM_KEPT = 10", "NUM_KEPT = 11", {"knn_predictions"}),
    ],
)  # fmt: skip
def test_an_edit_marks_the_assets_that_use_what_was_edited(
    file: str, old: str, new: str, marked: set[str], copy: Path, versions: dict[str, str]
) -> None:
    original = (copy / file).read_text()
    assert old in original
    (copy / file).write_text(original.replace(old, new, 1))
    try:
        after = _versions(copy)
    finally:
        (copy / file).write_text(original)
    assert {key for key, version in after.items() if version != versions[key]} == marked


def test_the_version_of_the_report_covers_every_file_of_its_package() -> None:
    parts: dict[str, str] = {}
    code_versions._collect(code_versions.function_of(evaluation.evaluation_report), parts)
    package = PROJECT / "mnist_pipeline" / "report"
    modules = {f"mnist_pipeline.report.{file.stem}" for file in package.glob("*.py") if file.stem != "__init__"}
    files = {file.name for file in (package / "templates").iterdir()}
    assert len(files) > 10
    assert modules | files | {"mnist_pipeline.report", "mnist_pipeline.figures", "mnist_pipeline.machine"} <= set(parts)


def test_after_a_run_everything_is_in_sync_and_changed_runs_nothing(finished: Path) -> None:
    before = {
        path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file() and "assets" in path.parts
    }
    result = _run("--changed")
    assert result.exit_code == 0, result.output
    assert "Materializing" not in result.output
    assert "Everything is in sync." in result.output
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
        assert _run("--select", "key:train_digits").exit_code == 1
        refused = _run("--changed")
        assert refused.exit_code == 1
        assert "train_digits failed" in refused.output
        assert "data_mean" not in refused.output
    healed = _run("--changed")
    assert healed.exit_code == 0, healed.output
    assert "Everything is in sync." in healed.output


def test_a_rerun_with_equal_results_leaves_what_is_downstream_in_sync(own_copy: tuple[Path, Path]) -> None:
    assert _run("--select", "key:data_mean").exit_code == 0
    with dg.DagsterInstance.get() as instance:
        assert not out_of_sync(instance, project.defs).keys() & selection.select_assets("*")


def test_other_results_bring_just_what_depends_on_them_up_to_date(own_copy: tuple[Path, Path], tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("ops: {softmax_model: {config: {epochs: 3}}}")
    assert _run("--select", "key:softmax_model", "--config", str(config)).exit_code == 0
    result = _run("--changed")
    assert result.exit_code == 0, result.output
    assert _materialized(result) == {
        "softmax_predictions",
        "softmax_evaluation",
        "model_comparison",
        "champion",
        "recognizer",
        "robustness",
        "evaluation_report",
    }
    assert "Materializing" not in _run("--changed").output


def test_changed_raw_files_are_noticed(own_copy: tuple[Path, Path]) -> None:
    labels = own_copy[0] / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(labels.read_bytes()))
    content[8:10] = content[9:7:-1]  # two labels change places
    labels.write_bytes(gzip.compress(bytes(content), 1))
    result = _run("--changed")
    assert result.exit_code == 0, result.output
    assert {"raw_mnist", "test_digits", "knn_evaluation", "evaluation_report"} <= _materialized(result)
    assert not {"data_mean", "softmax_model", "cnn_model"} & _materialized(result)


def test_after_a_failure_changed_goes_on_where_it_stopped(own_copy: tuple[Path, Path]) -> None:
    _, storage = own_copy
    (storage / "assets" / "digit_images.npy").write_bytes(b"damaged")
    assert _run("--select", "key:harris_corners").exit_code == 1
    assert _run("--select", "key:digit_images").exit_code == 0
    result = _run("--changed")
    assert result.exit_code == 0, result.output
    assert "Everything is in sync." in result.output


def test_the_staleness_that_we_read_is_the_one_that_dagster_shows(own_copy: tuple[Path, Path]) -> None:
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(
            dg.AssetMaterialization("digit_images", tags={"dagster/data_version": "another"})
        )
        stale = out_of_sync(instance, project.defs)
    named = {key.to_user_string(): reason for key, reason in stale.items()}
    assert set(named) >= {"harris_corners", "reconstructions"}
    assert "digit_images has a new version" in named["harris_corners"]


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["run", *arguments])


def _materialized(result: Result) -> set[str]:
    """The assets that a run told as finished."""
    rows = (line.split() for line in result.output.splitlines())
    return {row[0] for row in rows if len(row) > 2 and row[2] == "s" and row[1].replace(".", "").isdigit()}


def _versions(source: Path) -> dict[str, str]:
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, "-c", VERSIONS], cwd=source, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)
