"""The executor of steps: the setting names the default, and a run may choose otherwise."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path

import dagster as dg
import pytest

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.executors.step_executor import step_executor
from mnist_pipeline.runtime.graph.run_lock import one_at_a_time

IN_PROCESS = {"in_process": {}}
MULTIPROCESS = {"multiprocess": {"max_concurrent": 1}}


@dg.op
def step() -> None:
    """Do nothing, in some process."""


def job() -> dg.JobDefinition:
    """A job on the executor that the environment names."""
    executor = one_at_a_time(step_executor(settings.load(), [__name__]))
    return dg.JobDefinition(name="job", graph_def=dg.GraphDefinition("graph", node_defs=[step]), executor_def=executor)


@pytest.mark.parametrize(
    ("executor", "expected"),
    [
        ("in_process", IN_PROCESS),
        ("multiprocess", {"multiprocess": {"max_concurrent": None}}),
        ("ray", IN_PROCESS),  # the whole run is a job of the cluster
        ("dask", IN_PROCESS),
    ],
)
def test_the_setting_names_the_default_and_a_run_may_choose_otherwise(
    executor: str, expected: object, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_EXECUTOR", executor)
    assert dg.validate_run_config(job())["execution"]["config"] == expected
    for chosen in (IN_PROCESS, MULTIPROCESS):
        resolved = dg.validate_run_config(job(), {"execution": {"config": chosen}})
        assert resolved["execution"]["config"] == chosen


def test_any_other_executor_is_used_as_it_is(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_EXECUTOR", "dagster:multiprocess_executor")
    assert step_executor(settings.load()) is dg.multiprocess_executor


def test_each_step_has_a_process_of_its_own(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.mkdir()
    shutil.copy(settings.PROJECT / "mnist_pipeline" / "cli" / "dagster.yaml", storage)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    module = importlib.import_module(Path(__file__).stem)  # a child process imports the job by this name
    with dg.DagsterInstance.from_config(str(storage)) as instance:
        outcome = dg.execute_job(
            dg.reconstructable(module.job), instance, run_config={"execution": {"config": MULTIPROCESS}}
        )
        (entry,) = instance.all_logs(outcome.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
    assert entry.dagster_event
    assert entry.dagster_event.pid != os.getpid()
