"""The cost of each executor: the full graph, from the shell prompt into an empty storage, once per executor.

`python -m benchmarks.executors [EXECUTOR…]` prints a row per executor: wall seconds; seconds until the first step
begins; seconds per step in which no step runs after that; how many assets have the bytes of the first run. The report
is left out, because it holds times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import dagster as dg

from mnist_pipeline.runtime.settings import PROJECT

HEADER = f"{'executor':<14}{'wall s':>8}{'start s':>9}{'steps':>7}{'idle s a step':>15}   identical"
EXECUTORS = ("in_process", "multiprocess", "ray")  # with dask, steps run in process
REPORT = "evaluation_report"  # holds times and the run's id


class Run(NamedTuple):
    """One run: when it began and ended, when each step did, and the SHA-256 of its stored values."""

    begun: float
    ended: float
    steps: list[tuple[float, float]]
    versions: dict[str, str]

    @property
    def idle(self) -> float:
        """Seconds after the first step's begin in which no step is carried out."""
        reached, idle = self.steps[0][0], 0.0
        for begun, ended in self.steps:
            idle += max(begun - reached, 0)
            reached = max(reached, ended)
        return idle + self.ended - reached


def run(executor: str, directory: Path) -> Run:
    own = {name: value for name, value in os.environ.items() if not name.startswith("MNIST_PIPELINE_")}
    places = {"MNIST_PIPELINE_STORAGE": str(directory), "DAGSTER_HOME": str(directory / "dagster")}
    command = [sys.executable, "-m", "mnist_pipeline.cli", "run"]
    begun = time.time()
    subprocess.run(
        command,
        cwd=PROJECT,
        env={**own, **places, "MNIST_PIPELINE_EXECUTOR": executor},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    ended = time.time()
    manifests = (json.loads(path.read_text()) for path in sorted((directory / "manifests").glob("*.json")))
    versions = {manifest["asset"]: manifest["data_version"] for manifest in manifests}
    return Run(begun, ended, _steps(directory / "dagster"), versions)


def _steps(home: Path) -> list[tuple[float, float]]:
    """When each step began and ended, the first first."""
    kinds = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (found,) = instance.get_runs()
        events = instance.all_logs(found.run_id, of_type=kinds)
    times: dict[str, list[float]] = {}
    for event in events:
        times.setdefault(str(event.step_key), []).append(event.timestamp)
    return sorted((min(each), max(each)) for each in times.values())


def main() -> None:
    print(HEADER)
    reference: dict[str, str] = {}
    for executor in sys.argv[1:] or EXECUTORS:
        with tempfile.TemporaryDirectory() as directory:
            found = run(executor, Path(directory))
        reference = reference or found.versions
        same = sum(found.versions.get(name) == version for name, version in reference.items() if name != REPORT)
        row = f"{executor:<14}{found.ended - found.begun:>8.1f}{found.steps[0][0] - found.begun:>9.1f}"
        row += f"{len(found.steps):>7}{found.idle / len(found.steps):>15.3f}   {same} of {len(reference) - 1}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
