"""The executor of steps: the setting names the default, and a run may choose otherwise."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.executors.step_executor import step_executor
from mnist_pipeline.runtime.graph.run_lock import with_storage_lock


def _choice(run_config: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    """The executor of a run on the executor that the environment names, and its configuration."""
    executor = with_storage_lock(step_executor(settings.load(), ["preloaded"]))
    job = dg.JobDefinition(name="job", graph_def=dg.GraphDefinition("graph"), executor_def=executor)
    ((choice,),) = (each.items() for each in dg.validate_run_config(job, run_config)["execution"].values())
    return choice


@pytest.mark.parametrize(
    ("executor", "expected"),
    [
        ("in_process", "in_process"),
        ("multiprocess", "multiprocess"),
        ("ray", "in_process"),  # the whole run is a job of the cluster
    ],
)
def test_the_setting_names_the_default_and_a_run_may_choose_otherwise(
    executor: str, expected: str, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_EXECUTOR", executor)
    assert _choice()[0] == expected
    assert _choice({"execution": {"config": {"in_process": {}}}})[0] == "in_process"
    name, config = _choice({"execution": {"config": {"multiprocess": {"max_concurrent": 3}}}})
    assert (name, config["max_concurrent"]) == ("multiprocess", 3)
    assert config["start_method"]["forkserver"]["preload_modules"][0] == "preloaded"


def test_any_other_executor_is_used_as_it_is(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_EXECUTOR", "dagster:multiprocess_executor")
    assert step_executor(settings.load()) is dg.multiprocess_executor
