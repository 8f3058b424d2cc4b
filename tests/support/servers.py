"""Servers on this machine, and commands of the pipeline in processes of their own."""

import importlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from mnist_pipeline.runtime.project import PROJECT

COMMAND = (sys.executable, "-m", "mnist_pipeline.cli")
RUN_SECONDS = 600  # that a server, a run or a command may take on a busy machine


def missing(what: str) -> NoReturn:
    """Skip a test, because this machine lacks something; in CI, fail instead."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing; CI must have it")
    pytest.skip(f"{what} is missing", allow_module_level=True)


def library(name: str) -> Any:
    """Import a library that only the scale tests need."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(f"{name} (pip install 'mnist-dagster[test-scale]')")


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + RUN_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


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
            ready = [found[-1] / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port]
            until(lambda: subprocess.run(ready, check=False).returncode == 0)
            server_at = ["-h", "127.0.0.1", "-p", port, "-U", "digits"]
            subprocess.run([found[-1] / "createdb", *server_at, "digits"], check=True)
            yield f"postgresql+psycopg2://digits@127.0.0.1:{port}/digits"
        finally:
            server.terminate()
            server.wait(RUN_SECONDS)


def example(section: str) -> str:
    """The lines of the first example in a section of docs/deploy.md."""
    page = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")
    match = re.search(rf"^##+ {section}\n.*?^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert match
    return match[1]


def configure(file: Path, *sections: str) -> None:
    """Put the lines of sections of docs/deploy.md into a `dagster.yaml`, as the page says."""
    lines = yaml.safe_load(file.read_text(encoding="utf-8"))
    for section in sections:
        if section == "PostgreSQL":
            del lines["event_log_storage"]
        lines |= yaml.safe_load(example(section))
    file.write_text(yaml.safe_dump(lines), encoding="utf-8")


def copy_project(directory: Path) -> Path:
    """Copy the code and its settings into a directory; return it."""
    for name in ("assets", "mnist_pipeline"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / name, directory / name, ignore=ignored)
    shutil.copy(PROJECT / "pyproject.toml", directory)
    return directory


def lint(copy: Path) -> None:
    """Check a copy of the code as `make lint` does."""
    types = PROJECT / ".mypy_cache"  # of `make lint`, with which mypy takes two seconds
    if types.exists():
        shutil.copytree(types, copy / types.name)
    for command in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        program, *options = command.split()
        succeed([Path(sys.executable).with_name(program), *options], copy)


def machine(directory: Path) -> dict[str, str]:
    """The environment of a machine with a checkout, and without any setting."""
    checkout = copy_project(directory / "checkout")
    (checkout / "data").symlink_to(PROJECT / "data")
    return {
        **unset(),
        "HOME": str(directory),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(checkout),  # before the checkout of the tests
    }


def shell(script: str, environ: dict[str, str]) -> str:
    """What a script prints, whose commands all succeed."""
    return succeed(["bash", "-e", "-c", script], Path(environ["HOME"]), environ)


def unset() -> dict[str, str]:
    """The environment of the tests without settings of the pipeline, of Dagster and of AWS, and
    without the worker of pytest, whose directories another pytest must not share.
    """
    prefixes = ("MNIST_PIPELINE_", "DAGSTER_", "AWS_", "XDG_", "PYTEST_XDIST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def variables(data: Path, storage: Path | str, **more: str) -> dict[str, str]:
    """The environment of a command with its own data directory and storage."""
    return {
        **unset(),
        "PYTHONPATH": str(PROJECT),
        "MNIST_PIPELINE_DATA": str(data),
        "MNIST_PIPELINE_STORAGE": str(storage),
        **more,
    }


def command(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the pipeline until it ends."""
    return ended([*COMMAND, *arguments], PROJECT, environ)


def succeed(
    line: Sequence[str | Path], directory: Path, environ: Mapping[str, str] | None = None
) -> str:
    """Run a command, which must succeed; return its output."""
    done = ended(line, directory, environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ended(
    line: Sequence[str | Path], directory: Path, environ: Mapping[str, str] | None
) -> subprocess.CompletedProcess[str]:
    """Run a command until it ends."""
    return subprocess.run(
        line,
        cwd=directory,
        env=environ,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
