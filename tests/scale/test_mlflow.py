"""The sensor of docs/mlflow.md logs a run, and MLflow reads it back as the page shows."""

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "mlflow.md"
ACCURACY = 0.9926

# Of MLflow and its libraries.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@dg.asset(code_version="1")
def cnn_evaluation() -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(metadata={"accuracy": ACCURACY, "config": {"k": 3}})


def test_the_sensor_of_the_page_logs_a_run_and_the_example_reads_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    sensor_code, example = re.findall(
        r"^```python.*?\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    defined: dict[str, Any] = {}
    exec(compile(sensor_code, "docs/mlflow.md", "exec"), defined)
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([cnn_evaluation], instance=instance)
        finished = done.get_run_success_event()
        defined["mlflow_runs"](
            dg.build_run_status_sensor_context("mlflow_runs", finished, instance, done.dagster_run)
        )
    (logged,) = defined["MlflowClient"](defined["STORE"]).search_runs(["1"])
    assert logged.data.tags["dagster/run_id"] == done.run_id
    assert logged.data.tags["cnn_evaluation/dagster/code_version"] == "1"
    assert logged.data.params == {"cnn_evaluation/config": "{'k': 3}"}
    assert logged.data.metrics == {"cnn_evaluation/accuracy": ACCURACY}
    exec(example, {})
    assert str(ACCURACY) in capsys.readouterr().out
