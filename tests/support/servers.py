"""A PostgreSQL server, and commands of the pipeline in processes of their own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from mnist_pipeline.runtime.project import PROJECT

RUN_SECONDS = 600
START_SECONDS = 60
OF_A_RUN = {"run", "run_id", "seconds"}
PASSWORD = "seven%21words"  # as in an address: it needs an escape


class Server(NamedTuple):
    """A PostgreSQL server on loopback."""

    port: int
    binaries: Path

    def address(self, name: str, user: str = "digits", password: str = PASSWORD) -> str:
        """The address of a database, for the setting."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Execute a statement as the owner of the server; return its output."""
        address = f"postgresql://owner:owner@127.0.0.1:{self.port}/{database}"
        command = [self.binaries / "psql", address, "-Atc", statement]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def database(self, name: str) -> str:
        """Create a database; return its address."""
        self.sql(f"CREATE DATABASE {name} OWNER digits")
        return self.address(name)


def missing(what: str) -> NoReturn:
    """Skip a test, because this machine lacks something; in CI, fail instead."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, which CI must have")
    pytest.skip(f"{what} is missing")


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server with a user `digits`.

    Its files are not in pytest's directory, which other users can't read.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        missing("PostgreSQL's server (Debian's package postgresql)")
    with tempfile.TemporaryDirectory(prefix="mnist-pipeline-postgres-") as home:
        yield from _served(found[-1].parent, Path(home))


def _served(binaries: Path, home: Path) -> Iterator[Server]:
    data, port = home / "data", free_port()
    (home / "password").write_text("owner")
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(home, "nobody")
        shutil.chown(home / "password", "nobody")
    initialize = ["-D", data, "-U", "owner", "-A", "scram-sha-256", f"--pwfile={home / 'password'}", "-N", "-E", "UTF8"]
    subprocess.run([*_as_nobody(), binaries / "initdb", *initialize], check=True, capture_output=True)
    options = ["-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", home, "-c", "fsync=off"]
    log = (home / "log").open("wb")
    process = subprocess.Popen([*_as_nobody(), binaries / "postgres", *options], stdout=log, stderr=log)
    try:
        server = Server(port, binaries)
        _wait_for(server, process, home / "log")
        server.sql("CREATE USER digits PASSWORD 'seven!words'")
        yield server
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        log.close()


def _as_nobody() -> list[str]:
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []


def _wait_for(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    ready = [server.binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(server.port)]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(ready, check=False).returncode:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def variables(data: Path, storage: Path, **more: str) -> dict[str, str]:
    """The environment of a command with its own data directory and storage."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MNIST_PIPELINE_")}
    places = {"DATA": data, "STORAGE": storage}
    named = {f"MNIST_PIPELINE_{name}": str(path) for name, path in places.items()}
    return {**own, "PYTHONPATH": str(PROJECT), **named, "DAGSTER_HOME": str(storage / "dagster"), **more}


def command(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the pipeline until it ends."""
    line = [sys.executable, "-m", "mnist_pipeline.cli", *arguments]
    return subprocess.run(
        line, cwd=PROJECT, env=environ, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )


def started(*arguments: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    """Start a command of the pipeline; its errors are part of its output."""
    line = [sys.executable, "-m", "mnist_pipeline.cli", *arguments]
    return subprocess.Popen(line, cwd=PROJECT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def data_versions(storage: Path) -> dict[str, str]:
    """The SHA-256 of each stored asset, by its manifest."""
    manifests = {path.stem: json.loads(path.read_text()) for path in (storage / "manifests").glob("*.json")}
    return {name: manifest["data_version"] for name, manifest in manifests.items()}


def without_times(document: Any) -> Any:
    """The document of a report without what differs between runs over the same data."""
    if isinstance(document, dict):
        return {key: without_times(value) for key, value in document.items() if key not in OF_A_RUN}
    return [without_times(each) for each in document] if isinstance(document, list) else document
