"""`mnist-pipeline ui` in a process of its own."""

import contextlib
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_graphql import DagsterGraphQLClient

from mnist_pipeline.runtime.project import PROJECT
from mnist_pipeline.runtime.web import LOCALHOST
from support.servers import RUN_SECONDS, free_port, until, variables

# Python's `-m` would import from the current directory.
PROGRAM = (sys.executable, Path(sys.executable).with_name("mnist-pipeline"))
STOP_SECONDS = 30
SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE


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
    code: int = 0,
    error: str | None = None,
    program: Sequence[str | Path] = PROGRAM,
    cwd: Path = PROJECT,
    **more: str,
) -> Iterator[str]:
    """Serve the UI over a storage directory until the context ends with a signal; yields the
    address of its pages. `more` are further variables of its environment.

    If `is_awaited`, the UI serves its first page before. At the end, it must leave no process
    behind, and no message but one line with `error`, after which it ends without a signal.
    """
    address = f"http://{LOCALHOST}:{free_port()}"
    command = [*program, "ui", "--port", address.rpartition(":")[2], *options]
    environ = variables(data, storage, **more)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=cwd, env=environ, preexec_fn=accept_hangup, **pipes)
    try:
        assert address in process.stdout.readline()  # it listens, and answers later
        if is_awaited:
            urllib.request.urlopen(address, timeout=RUN_SECONDS).close()
        yield address
        if error is None:
            process.send_signal(stop)
        _, errors = process.communicate(
            timeout=STOP_SECONDS
        )  # until all processes that have these pipes have ended
    finally:
        process.kill()
    assert process.returncode == code, errors
    assert len(errors.splitlines()) == (error is not None), errors
    assert (error or "") in errors


def process_of(address: str, name: str) -> int:
    """The ID of the process of a server that has a text in its command, once there is one."""
    until(lambda: bool(_processes(address, name)))
    return _processes(address, name)[0]


def _processes(address: str, name: str) -> list[int]:
    listing = subprocess.check_output(["ps", "-wweo", "pid=,ppid=,args="], text=True)
    processes = [line.split(None, 2) for line in listing.splitlines()]
    port = f"--port {address.rpartition(':')[2]}"
    found = {pid for pid, _, command in processes if port in command}
    while below := {pid for pid, parent, _ in processes if parent in found} - found:
        found |= below
    return [int(pid) for pid, _, command in processes if pid in found and name in command]


def client_of(address: str) -> DagsterGraphQLClient:
    """Dagster's own client of a server."""
    return DagsterGraphQLClient(LOCALHOST, int(address.rpartition(":")[2]))


def launch_raw_mnist(client: DagsterGraphQLClient) -> str:
    """Put a run of the first asset into the queue."""
    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    return client.submit_job_execution(
        "everything", run_config=quiet, asset_selection=["raw_mnist"]
    )


def await_run(client: DagsterGraphQLClient, run: str) -> None:
    """Wait until a run has succeeded."""
    until(lambda: client.get_run_status(run) in (SUCCESS, FAILURE))
    assert client.get_run_status(run) == SUCCESS


def run_raw_mnist(address: str) -> None:
    """Launch a run of the first asset, and wait until it has succeeded."""
    client = client_of(address)
    await_run(client, launch_raw_mnist(client))
