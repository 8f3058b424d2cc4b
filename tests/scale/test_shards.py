"""Shards computed by several workers have the same bytes as by one, even if workers or drivers are killed."""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import dagster as dg
import pytest
from support.servers import command, data_versions, started, variables

from mnist_pipeline.runtime.graph.run_lock import PROCESS_TAG
from mnist_pipeline.runtime.storage.storage import Storage
from mnist_pipeline.utils.processes import children

DIGITS = "key:raw_mnist or key:train_digits or key:test_digits"
EXPANDED = "group:expanded"
TRIALS = "group:experiments"
NUM_TRIALS = 12
SECONDS = 300
Undisturbed = dict[str, str]


@pytest.fixture(scope="module")
def undisturbed(slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The data versions of a run in one process."""
    storage = tmp_path_factory.mktemp("undisturbed")
    return _computed(storage, EXPANDED, variables(slice_directory, storage))


@pytest.fixture(scope="module")
def undisturbed_trials(slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The data versions of a sweep in one process."""
    storage = tmp_path_factory.mktemp("undisturbed-trials")
    return _computed(storage, TRIALS, _with_sweep(slice_directory, storage))


def _computed(storage: Path, selection: str, environ: dict[str, str]) -> Undisturbed:
    """Compute the digits and a selection; return the data versions."""
    for each in (DIGITS, selection):
        _require("run", "--select", each, environ=environ)
    return data_versions(storage)


@pytest.mark.parametrize("executor", ["multiprocess", "ray", "dask"])
def test_a_worker_that_is_killed_amid_a_shard_costs_time_alone(
    executor: str, slice_directory: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    environ = variables(slice_directory, tmp_path)
    _require("run", "--select", DIGITS, environ=environ)
    driver = started("run", "--select", EXPANDED, environ={**environ, "MNIST_PIPELINE_EXECUTOR": executor})
    manifests = tmp_path / "manifests"
    # One worker while folds are deformed, and one while their neighbours are searched.
    first = _kill_a_worker(driver, tmp_path, after=tmp_path)
    second = _kill_a_worker(driver, tmp_path, after=manifests / "expanded_eigendecomposition.json")
    output = driver.communicate(timeout=SECONDS)
    assert driver.returncode == 0, output
    assert first != second
    assert data_versions(tmp_path) == undisturbed
    _require("verify", environ=environ)
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        lost = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert len(lost) == 2  # both were in the middle of a run
    identical = f"{len(undisturbed)} of {len(undisturbed)} assets and shards identical to those of one process"
    print(f"{executor}: 2 workers killed during a fold, {identical}")


def _require(*arguments: str, environ: dict[str, str]) -> None:
    ended = command(*arguments, environ=environ)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def _kill_a_worker(driver: subprocess.Popen[str], storage: Path, after: Path) -> int:
    """Wait until a file exists, kill a worker that computes a fold, and return its process id.

    A tag of a run names the lock file of its process, which begins with the process id.
    """
    going = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], job_name="expanded_shards")
    deadline = time.monotonic() + SECONDS
    with dg.DagsterInstance.from_config(str(storage / "dagster")) as instance:
        while time.monotonic() < deadline and driver.poll() is None:
            for run in instance.get_runs(going) if after.exists() else []:
                worker = int(run.tags[PROCESS_TAG].partition("-")[0])
                if worker in _descendants(driver.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)
                        return worker
            time.sleep(0.005)
    raise AssertionError("no worker computed a fold")


def _descendants(pid: int) -> set[int]:
    """The process ids of all descendants of a process."""
    return {each for child in children(pid) for each in (child, *_descendants(child))}


@pytest.mark.parametrize("executor", ["in_process", "multiprocess", "ray", "dask"])
def test_a_run_of_trials_that_is_killed_twice_ends_with_every_row_and_the_same_bytes(
    executor: str, slice_directory: Path, undisturbed_trials: Undisturbed, tmp_path: Path
) -> None:
    environ = _with_sweep(slice_directory, tmp_path)
    _require("run", "--select", DIGITS, environ=environ)
    environ["MNIST_PIPELINE_EXECUTOR"] = executor
    finished = 0
    for _ in range(2):
        driver = started("run", "--select", TRIALS, "--changed", environ=environ)
        while _num_trials(tmp_path) < finished + 2:
            assert driver.poll() is None, driver.communicate()
            time.sleep(0.005)
        driver.kill()
        driver.communicate(timeout=SECONDS)
        finished = _num_trials(tmp_path)
    assert finished < NUM_TRIALS
    ended = command("run", "--select", TRIALS, "--changed", environ=environ)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (missing,) = map(int, re.findall(r"experiment_trials of (\d+) shards", ended.stdout))
    assert 0 < missing < NUM_TRIALS
    assert data_versions(tmp_path) == undisturbed_trials
    assert len(Storage(str(tmp_path)).read("experiment_summary")) == NUM_TRIALS
    _require("verify", environ=environ)
    print(f"{executor}: killed twice, {missing} trials left to run, {NUM_TRIALS} rows, identical to an undisturbed run")


def _with_sweep(data: Path, storage: Path) -> dict[str, str]:
    """The environment of a command with a sweep of twelve trials."""
    sweep = storage.parent / f"{storage.name}.yaml"
    sweep.write_text("- {model: [knn, softmax, mlp, cnn], size: [20, 100, 300]}")
    return variables(data, storage, MNIST_PIPELINE_EXPERIMENTS=str(sweep))


def _num_trials(storage: Path) -> int:
    """Number of stored trials."""
    return len(list((storage / "manifests").glob("experiment_trials-*.json")))
