"""Servers on this machine, and commands of the pipeline in processes of their own."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import yaml

from mnist_pipeline.runtime.instance import CONFIGURATION
from mnist_pipeline.runtime.project import PROJECT

RUN_SECONDS = 600
START_SECONDS = 60


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


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of an empty database on a PostgreSQL server, as Dagster's configuration takes
    it.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    if not found:
        missing("PostgreSQL's server (Debian's package postgresql)")
    # PostgreSQL refuses to run as root; another user can't read pytest's directory.
    user = (
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        if os.geteuid() == 0
        else []
    )
    with tempfile.TemporaryDirectory(prefix="mnist-pipeline-postgres-") as home:
        if user:
            shutil.chown(home, "nobody")
        port, data = str(free_port()), f"{home}/data"
        subprocess.run(
            [*user, found[-1] / "initdb", "-D", data, "-U", "digits", "-N"],
            check=True,
            capture_output=True,
        )
        server = subprocess.Popen(
            [*user, found[-1] / "postgres", "-D", data, "-h", "127.0.0.1", "-p", port, "-k", home]
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while subprocess.run(
                [found[-1] / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port], check=False
            ).returncode:
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield f"postgresql+psycopg2://digits@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(START_SECONDS)


def configure(home: Path, *sections: str) -> None:
    """Write the `dagster.yaml` of an instance: the default file, with the lines of sections of
    docs/deploy.md.
    """
    page = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")
    found = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    for section in sections:
        (lines,) = re.findall(
            r"^```yaml\n(.*?)^```",
            page.split(f"\n### {section}\n")[1].split("\n##")[0],
            re.M | re.S,
        )
        found |= yaml.safe_load(lines)
    home.mkdir(parents=True)
    (home / CONFIGURATION.name).write_text(yaml.safe_dump(found), encoding="utf-8")


def variables(data: Path, storage: Path | str, **more: str) -> dict[str, str]:
    """The environment of a command with its own data directory and storage."""
    own = {
        name: value for name, value in os.environ.items() if not name.startswith("MNIST_PIPELINE_")
    }
    return {
        **own,
        "PYTHONPATH": str(PROJECT),
        "MNIST_PIPELINE_DATA": str(data),
        "MNIST_PIPELINE_STORAGE": str(storage),
        "DAGSTER_HOME": f"{storage}/dagster",
        **more,
    }


def command(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the pipeline until it ends."""
    line = [sys.executable, "-m", "mnist_pipeline.cli", *arguments]
    return subprocess.run(
        line,
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
