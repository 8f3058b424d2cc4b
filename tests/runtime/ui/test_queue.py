"""Runs that are requested while another one works wait in the queue of the daemon, not as processes."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.served import Client, served_ui

from mnist_pipeline.runtime.storage.storage import Storage

pytestmark = pytest.mark.slow

LAUNCH = """mutation { launchRun(executionParams: {
  selector: {repositoryName: "__repository__", repositoryLocationName: "mnist-pipeline", jobName: "digits_group"}
}) { __typename } }"""
STATUSES = "{ runsOrError { ... on Runs { results { status } } } }"
NUM_RUNS = 5
PATIENCE_SECONDS = 120


def statuses(client: Client) -> list[str]:
    found = json.loads(client.query(STATUSES).body)["data"]["runsOrError"]["results"]
    return sorted(run["status"] for run in found)


def until(look: Callable[[], object], expected: object) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := look()) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


def test_one_of_five_requested_runs_is_a_process_and_the_others_are_queued(
    slice_directory: Path, tmp_path: Path
) -> None:
    storage = tmp_path / "storage"
    with served_ui(slice_directory, storage) as port:
        client = Client(port)
        with Storage(str(storage)).lock(lambda holder: None):  # so that the first run has to wait for the storage
            for _ in range(NUM_RUNS):
                assert "LaunchRunSuccess" in client.query(LAUNCH).body.decode()
            until(lambda: statuses(client), ["QUEUED"] * (NUM_RUNS - 1) + ["STARTED"])
            until(lambda: len(list((storage / "dagster" / "alive").iterdir())), 1)  # a file per process of a run
        until(lambda: statuses(client), ["SUCCESS"] * NUM_RUNS)
