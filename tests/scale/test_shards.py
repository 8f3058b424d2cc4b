"""The expanded set on several workers: the same bytes as on one, whoever is killed meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from idx import write_idx

from assets.exclusive import PROCESS_TAG
from assets.settings import PROJECT
from assets.storage import Storage
from mnist_pipeline.datasets import DigitSet

DIGITS = "key:raw_mnist or key:train_digits or key:test_digits"
SECONDS = 300
Undisturbed = dict[str, str]


@pytest.fixture(scope="module")
def digits(small_train: DigitSet, small_test: DigitSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_idx(tmp_path_factory.mktemp("digits"), small_train, small_test)


@pytest.fixture(scope="module")
def undisturbed(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The data versions of a run in one process."""
    storage = tmp_path_factory.mktemp("undisturbed")
    for selection in (DIGITS, "group:expanded"):
        ended = _start(storage, digits, "in_process", "run", "--select", selection)
        output, _ = ended.communicate(timeout=SECONDS)
        assert ended.returncode == 0, output
    return _versions(storage)


@pytest.mark.parametrize("executor", ["multiprocess", "ray", "dask"])
def test_a_worker_that_is_killed_amid_a_shard_costs_time_alone(
    executor: str, digits: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    prepared = _start(tmp_path, digits, "in_process", "run", "--select", DIGITS)
    prepared.communicate(timeout=SECONDS)
    driver = _start(tmp_path, digits, executor, "run", "--select", "group:expanded")
    manifests = tmp_path / "manifests"
    # One while folds are made, and one while their neighbours are searched.
    first = _kill_a_worker(driver, tmp_path, after=tmp_path)
    second = _kill_a_worker(driver, tmp_path, after=manifests / "expanded_eigendecomposition.json")
    output, _ = driver.communicate(timeout=SECONDS)
    assert driver.returncode == 0, output
    assert first != second
    assert _versions(tmp_path) == undisturbed
    verified = _start(tmp_path, digits, "in_process", "verify")
    output, _ = verified.communicate(timeout=SECONDS)
    assert verified.returncode == 0, output
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        lost = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert len(lost) == 2  # both were in the middle of a run
    identical = f"{len(undisturbed)} of {len(undisturbed)} assets and shards identical to those of one process"
    print(f"{executor}: 2 workers killed amid a shard, {identical}")


def _kill_a_worker(driver: subprocess.Popen[str], storage: Path, after: Path) -> int:
    """Kill a worker that is amid a run of a fold, once a file is there; its process number.

    A run names in a tag the lock file of its process, which begins with the number.
    """
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], job_name="expanded_shards")
    deadline = time.monotonic() + SECONDS
    with dg.DagsterInstance.from_config(str(storage / "dagster")) as instance:
        while time.monotonic() < deadline and driver.poll() is None:
            for run in instance.get_runs(started) if after.exists() else []:
                worker = int(run.tags[PROCESS_TAG].partition("-")[0])
                if worker in _descendants(driver.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)
                        return worker
            time.sleep(0.005)
    raise AssertionError("no worker was seen amid a shard")


def _descendants(pid: int) -> set[int]:
    """The children of a process, and theirs: none but our own are killed."""
    found: set[int] = set()
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, listed.read_text().split()):
                found |= {child, *_descendants(child)}
    return found


def _versions(storage: Path) -> Undisturbed:
    stored = Storage(str(storage))
    return {key: stored.data_version(key) for key in stored.shelf.keys()}  # noqa: SIM118


def _start(storage: Path, data: Path, executor: str, *arguments: str) -> subprocess.Popen[str]:
    own = {
        "MNIST_PIPELINE_DATA": str(data),
        "MNIST_PIPELINE_STORAGE": str(storage),
        "DAGSTER_HOME": str(storage / "dagster"),
        "MNIST_PIPELINE_EXECUTOR": executor,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "assets", *arguments],
        cwd=PROJECT,
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
