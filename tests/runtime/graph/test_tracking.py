"""A run that is logged to MLflow is read back with MLflow's own functions."""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from support.graph_fixtures import invoke

from mnist_pipeline.runtime.graph import tracking
from mnist_pipeline.runtime.graph.records import origins
from mnist_pipeline.runtime.settings import PROJECT
from mnist_pipeline.runtime.storage.storage import read

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow and its libraries
]


@pytest.fixture
def store(own_copy: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new store, which the environment names."""
    address = f"sqlite:///{tmp_path / 'tracking' / 'mlflow.db'}"
    monkeypatch.setenv("MNIST_PIPELINE_MLFLOW", address)
    return address


def logged(address: str) -> list[Run]:
    mlflow.set_tracking_uri(address)
    found: Any = mlflow.search_runs(experiment_names=[tracking.EXPERIMENT], output_format="list")
    return list(found)


def files(run: Run) -> Mapping[str, bytes]:
    root = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id))
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_parameters_metrics_figures_and_models_are_read_back(
    store: str, own_copy: tuple[Path, Path], tmp_path: Path
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("{ops: {softmax_model: {config: {epochs: 3}}}, resources: {seed: {config: {value: 7}}}}")
    selection = "key:softmax_model or key:softmax_predictions or key:softmax_evaluation"
    invoke("run", "--select", selection, "--config", str(config))
    (run,) = logged(store)
    model, evaluation = read("softmax_model"), read("softmax_evaluation")
    assert run.info.status == "FINISHED"
    assert {name: run.data.params[f"softmax_model/{name}"] for name in ("config/epochs", "seed")} == {
        "config/epochs": "3",
        "seed": "7",
    }
    assert run.data.metrics["softmax_evaluation/accuracy"] == evaluation.accuracy
    client = MlflowClient(store)
    for name, curve in {"loss": model.loss, "accuracy": model.accuracy}.items():
        history = client.get_metric_history(run.info.run_id, f"softmax_model/{name}")
        assert sorted((each.step, each.value) for each in history) == list(enumerate(curve, 1))
    stored = files(run)
    figures = {name for name in stored if name.endswith(".png")}
    assert figures >= {"figures/softmax_model/learning.png", "figures/softmax_evaluation/confusion.png"}
    assert set(stored) - figures == {"assets/softmax_model.safetensors"}
    assert {name: (own_copy[1] / name).read_bytes() for name in stored} == stored


def test_nested_settings_are_parameters_with_the_names_of_their_places() -> None:
    metadata = {"recipe": {"epochs": 2, "variation": {"shift": 1}}, "config": {"epochs": None}, "seed": 3, "count": 4}
    params, tags, metrics = tracking._entries(dg.AssetMaterialization("model", metadata=metadata))
    expected = {"recipe/epochs": "2", "recipe/variation/shift": "1", "config/epochs": "None", "seed": "3"}
    assert (params, tags, metrics) == (expected, {}, {"count": [(0, 4.0)]})


def test_the_two_runs_name_each_other_and_the_versions(store: str) -> None:
    invoke("run", "--select", "key:softmax_evaluation")
    (run,) = logged(store)
    key = dg.AssetKey("softmax_evaluation")
    with dg.DagsterInstance.get() as instance:
        recorded = origins(instance, [key])[key]
        assert run.data.tags[tracking.DAGSTER_RUN] == recorded["run_id"]
        (found,) = instance.get_runs(dg.RunsFilter(tags={tracking.MLFLOW_RUN: run.info.run_id}))
    assert found.run_id == recorded["run_id"]
    for version in ("data_version", "code_version"):
        assert run.data.tags[f"softmax_evaluation/dagster/{version}"] == recorded[version]


def test_the_example_of_the_documentation_reads_a_run_back(
    own_copy: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (PROJECT / "docs" / "mlflow.md").read_text(encoding="utf-8")
    (code,) = re.findall("```python\n(.*?)```", text, re.DOTALL)
    (setting,) = re.findall("^MNIST_PIPELINE_MLFLOW=(\\S+)", text, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_PIPELINE_MLFLOW", setting)
    invoke("run", "--select", "key:softmax_model or key:softmax_evaluation")
    capsys.readouterr()
    exec(code, {})
    printed = capsys.readouterr().out
    assert f"{read('softmax_evaluation').accuracy:.3f}" in printed


def test_a_run_that_fails_is_logged_as_failed(store: str, own_copy: tuple[Path, Path]) -> None:
    np.save(own_copy[1] / "assets" / "digit_images.npy", np.zeros(3))
    invoke("run", "--select", "key:harris_corners", code=1)
    assert [run.info.status for run in logged(store)] == ["FAILED"]


def test_an_error_of_mlflow_is_a_warning_and_the_run_succeeds(
    own_copy: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MNIST_PIPELINE_MLFLOW", f"sqlite:///{tmp_path}/file/mlflow.db")
    invoke("run", "--select", "key:data_mean")
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs(limit=1)
        logs = [entry.user_message for entry in instance.all_logs(run.run_id) if entry.level == 30]
    assert any("MNIST_PIPELINE_MLFLOW" in message for message in logs)


def test_a_run_is_refused_in_one_line_if_mlflow_is_not_installed(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: dict[str, Any] = {}
    monkeypatch.setattr(importlib.util, "find_spec", nothing.get)
    output = invoke("run", code=1)
    assert "mnist-dagster[mlflow]" in output
    assert len(output.splitlines()) == 1
