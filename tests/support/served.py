"""`mnist-pipeline ui` in a separate process, and a client that sends raw HTTP to it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse
from pathlib import Path
from typing import NamedTuple

from mnist_pipeline.runtime.settings import PROJECT
from mnist_pipeline.runtime.ui.server import LOCALHOST
from support.processes import accept_hangup
from support.servers import free_port

Headers = dict[str, str | list[str] | None]

JSON = "application/json"
ATTEMPTS = 240
SECONDS = 0.5
STOP_SECONDS = 30


class Answer(NamedTuple):
    """A response."""

    status: int
    headers: HTTPMessage
    body: bytes


@dataclass(frozen=True)
class Client:
    """A client of a UI on this machine."""

    port: int

    @property
    def host(self) -> str:
        return f"{LOCALHOST}:{self.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def send(
        self, method: str, target: str, changes: Headers | None = None, body: bytes = b"", version: str = "1.1"
    ) -> Answer:
        """Send a request as a page of the UI does, but for `changes` of headers: None omits one, a list repeats it."""
        headers: Headers = {"Host": self.host, "Connection": "close"}
        if method not in ("GET", "HEAD"):
            headers |= {"Origin": self.origin, "Content-Type": JSON}
        if body:
            headers["Content-Length"] = str(len(body))
        lines = [f"{method} {target} HTTP/{version}"]
        for name, value in (headers | (changes or {})).items():
            values = value if isinstance(value, list) else [value]
            lines += [f"{name}: {each.replace('PORT', str(self.port))}" for each in values if each is not None]
        with socket.create_connection((LOCALHOST, self.port), timeout=60) as connection:
            # A server that refuses a long body stops reading it.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            response = HTTPResponse(connection, method=method)
            response.begin()
            content = b""
            with contextlib.suppress(ConnectionResetError):
                content = response.read()
            return Answer(response.status, response.headers, content)

    def query(self, document: str) -> Answer:
        """Send a GraphQL document as a page of the UI does."""
        return self.send("POST", "/graphql", body=json.dumps({"query": document}).encode())


@contextlib.contextmanager
def served_ui(
    data: Path,
    storage: Path,
    *options: str,
    stop: signal.Signals = signal.SIGTERM,
    python: str | Path = sys.executable,
    cwd: Path = PROJECT,
    variables: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """Serve the UI over a storage directory until the context ends with a signal to the command; yields the port."""
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"} | {
        "MNIST_PIPELINE_DATA": str(data),
        "MNIST_PIPELINE_STORAGE": str(storage),
        **(variables or {}),
    }
    command = [str(python), "-m", "mnist_pipeline.cli", "ui", "--port", str(port), *options]
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # it is closed when nothing refers to it
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stderr=errors, start_new_session=True, preexec_fn=accept_hangup
    )
    try:
        assert any(_is_served(process, port) for _ in range(ATTEMPTS)), f"nothing is served at port {port}"
        yield port
    finally:
        (group,) = _output("pgrep", "-P", str(process.pid))  # of the servers
        process.send_signal(stop)
        process.wait(STOP_SECONDS)
    errors.seek(0)
    printed = errors.read()
    assert "Fatal Python error" not in printed, printed
    assert process.returncode == (-stop if stop == signal.SIGKILL else 0)
    assert any(_has_ended(group) for _ in range(ATTEMPTS)), "mnist-pipeline ui left servers behind"


def _is_served(process: subprocess.Popen[bytes], port: int) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        raise AssertionError(f"mnist-pipeline ui ended early with exit code {process.wait(SECONDS)}")
    with socket.socket() as probe:
        return probe.connect_ex((LOCALHOST, port)) == 0


def _has_ended(group: str) -> bool:
    processes = [line.split() for line in _output("ps", "-A", "-o", "pgid=,stat=")]
    return all(state.startswith("Z") for own_group, state in processes if own_group == group)


def _output(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
