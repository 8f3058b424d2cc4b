"""`mnist-pipeline ui` in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mnist_pipeline.runtime.project import PROJECT
from mnist_pipeline.runtime.web import LOCALHOST
from support.servers import RUN_SECONDS, free_port, until

# Python's `-m` would import from the current directory.
PROGRAM = (sys.executable, Path(sys.executable).with_name("mnist-pipeline"))
STOP_SECONDS = 30
LAUNCH = """mutation { launchRun(executionParams: {
  selector: {
    repositoryName: "__repository__", repositoryLocationName: "mnist-pipeline",
    jobName: "everything",
    assetSelection: [{path: ["raw_mnist"]}]
  }
  runConfigData: {loggers: {console: {config: {log_level: "ERROR"}}}}
}) { __typename } }"""
RUNS = "{ runsOrError { ... on Runs { results { status } } } }"


def accept_hangup() -> None:
    """For a process that starts: handle SIGHUP as in a terminal, even if the tests run under
    `nohup`.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextlib.contextmanager
def served_ui(
    data: Path,
    storage: Path,
    *options: str,
    stop: signal.Signals = signal.SIGTERM,
    is_awaited: bool = True,
    program: Sequence[str | Path] = PROGRAM,
    cwd: Path = PROJECT,
    variables: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Serve the UI over a storage directory until the context ends with a signal; yields the
    address of its pages.

    If `is_awaited`, the UI serves its first page before. At the end, it must leave no process and
    no message behind.
    """
    address = f"http://{LOCALHOST}:{free_port()}"
    environment = {key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"} | {
        "MNIST_PIPELINE_DATA": str(data),
        "MNIST_PIPELINE_STORAGE": str(storage),
        **(variables or {}),
    }
    command = [*program, "ui", "--port", address.rpartition(":")[2], *options]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=cwd, env=environment, preexec_fn=accept_hangup, **pipes)
    try:
        assert process.stdout is not None
        assert address in process.stdout.readline()  # it listens, and answers later
        if is_awaited:
            urllib.request.urlopen(address, timeout=RUN_SECONDS).close()
        yield address
    finally:
        process.send_signal(stop)
        _, errors = process.communicate(
            timeout=STOP_SECONDS
        )  # until all processes that have these pipes have ended
    assert (process.returncode, errors) == (0, "")


def query(address: str, document: str) -> Any:
    """The data of the answer to a GraphQL document."""
    headers = {"Content-Type": "application/json", "Origin": address}
    request = urllib.request.Request(
        f"{address}/graphql", json.dumps({"query": document}).encode(), headers
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)["data"]


def run_raw_mnist(address: str) -> None:
    """Launch a run of the first asset as the UI does, and wait until it has succeeded."""
    assert query(address, LAUNCH) == {"launchRun": {"__typename": "LaunchRunSuccess"}}
    until(lambda: query(address, RUNS)["runsOrError"]["results"] == [{"status": "SUCCESS"}])
