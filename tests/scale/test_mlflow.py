"""The sensor of deploy/mlflow_runs.py logs a run, and MLflow reads it back."""

import runpy
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from support.servers import library

mlflow = library("mlflow")
FILE = Path(__file__).parents[2] / "deploy" / "mlflow_runs.py"
ACCURACY = 0.9926

# Of MLflow and its libraries.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@dg.asset
def cnn_evaluation() -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(metadata={"accuracy": ACCURACY, "95%": 1, "config": {"k": 3}})


def test_the_sensor_logs_the_numbers_and_settings_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    sensor = runpy.run_path(str(FILE))["mlflow_runs"]
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([cnn_evaluation], instance=instance)
        finished = done.get_run_success_event()
        sensor(
            dg.build_run_status_sensor_context("mlflow_runs", finished, instance, done.dagster_run)
        )
    (logged,) = mlflow.search_runs(experiment_names=["mnist-pipeline"], output_format="list")
    assert logged.data.tags["dagster/run_id"] == done.run_id
    assert logged.data.params == {"cnn_evaluation/config": "{'k': 3}"}
    assert logged.data.metrics == {"cnn_evaluation/accuracy": ACCURACY, "cnn_evaluation/95_": 1}
