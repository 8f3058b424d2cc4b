"""A backfill on a Ray cluster of this machine, on an instance that the lines of `docs/deploy.md`
alone configure.
"""

import json
import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import command, configure, library, until, variables

from mnist_pipeline.runtime.project import PROJECT
from mnist_pipeline.runtime.storage.storage import Storage, stored_key

library("dagster_ray")

CLUSTER = """
import sys, ray
print(ray.init(num_cpus=2, include_dashboard=True, log_to_driver=False).dashboard_url, flush=True)
sys.stdin.read()
"""
DIGITS = "key:raw_mnist or key:train_digits or key:test_digits or key:image_kind"
ENDED = ("FAILED", "STOPPED", "SUCCEEDED")
TRIALS = [f"{model}-size_{size}-seed_0" for model in ("knn", "softmax") for size in (100, 300)]


@pytest.fixture
def cluster(monkeypatch) -> Iterator[str]:
    """The address of a Ray cluster, which has the code, but no settings of the pipeline or of
    Dagster.
    """
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", uuid.uuid4().hex)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", CLUSTER], cwd="/", text=True, **pipes) as process:
        yield f"http://{process.stdout.readline().strip()}"


def test_a_backfill_of_trials_runs_as_jobs_of_the_cluster(
    cluster, slice_directory, tmp_path, postgres
):
    storage = tmp_path / "storage"
    environ = variables(slice_directory, storage)
    environ |= {"DAGSTER_HOME": str(storage / "dagster"), "DAGSTER_POSTGRES_URL": postgres}
    environ |= {"RAY_ADDRESS": cluster}
    assert command("run", "--select", "raw_mnist", environ=environ).returncode == 0
    configure(storage / "dagster" / "dagster.yaml", "PostgreSQL", "Ray")
    assert command("run", "--select", DIGITS, environ=environ).returncode == 0
    trials = ",".join(TRIALS)
    backfill = f"-m dagster job backfill -j sweep --noprompt --partitions {trials}"
    subprocess.run([sys.executable, *backfill.split()], cwd=PROJECT, env=environ, check=True)
    daemon = [str(Path(sys.executable).with_name("dagster-daemon")), "run"]
    with subprocess.Popen(daemon, cwd=PROJECT, env=environ) as process:
        try:
            until(
                lambda: sum(status in ENDED for status in statuses(cluster, environ)) == len(TRIALS)
            )
        finally:
            process.terminate()
    assert statuses(cluster, environ) == ["SUCCEEDED"] * len(TRIALS)
    stored = Storage(str(storage))
    assert all(stored.current_version(stored_key("experiment_trials", trial)) for trial in TRIALS)


def statuses(cluster: str, environ: dict[str, str]) -> list[str]:
    """The states of the jobs that were submitted to the cluster."""
    headers = {"Authorization": f"Bearer {environ['RAY_AUTH_TOKEN']}"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{cluster}/api/jobs/", headers=headers)
    ) as response:
        return [job["status"] for job in json.load(response) if job["type"] == "SUBMISSION"]
