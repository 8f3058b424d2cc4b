"""The expanded set on several workers: the same bytes as on one, whoever is killed meanwhile."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import dagster as dg
import pytest
from support.servers import command, data_versions, started, variables

from mnist_pipeline.runtime.graph.run_lock import PROCESS_TAG

DIGITS = "key:raw_mnist or key:train_digits or key:test_digits"
EXPANDED = "group:expanded"
SECONDS = 300
Undisturbed = dict[str, str]


@pytest.fixture(scope="module")
def undisturbed(slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The data versions of a run in one process."""
    storage = tmp_path_factory.mktemp("undisturbed")
    for selection in (DIGITS, EXPANDED):
        _require("run", "--select", selection, environ=variables(slice_directory, storage))
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
    found: set[int] = set()
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, listed.read_text().split()):
                found |= {child, *_descendants(child)}
    return found
