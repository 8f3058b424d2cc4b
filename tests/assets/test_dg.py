"""The project under Dagster's own command, `dg`, as a user of Dagster knows it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from support.served import LOCALHOST, STOP_SECONDS
from support.servers import free_port

from mnist_pipeline.runtime import settings

pytestmark = pytest.mark.slow
ATTEMPTS, SECONDS = 240, 0.5
COPIED = ("assets", "mnist_pipeline", "pyproject.toml", "workspace.yaml")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, to be changed."""
    copy = tmp_path / "project"
    copy.mkdir()
    for name in COPIED:
        source = settings.PROJECT / name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, copy / name, ignore=ignored) if source.is_dir() else shutil.copy(source, copy / name)
    return copy


def run_dg(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        [command(), *arguments], cwd=project, env=variables(project), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def command() -> str:
    return str(Path(sys.executable).with_name("dg"))


def variables(project: Path) -> dict[str, str]:
    """The environment of a copy: its modules come before the installed ones."""
    return {**os.environ, "VIRTUAL_ENV": sys.prefix, "PYTHONPATH": str(project), "COLUMNS": "200"}


def listed_assets(project: Path) -> set[str]:
    output = run_dg(project, "list", "defs", "--json")
    return {asset["asset_key"] for asset in json.loads(output[output.index("{") :])["assets"]}


def test_a_scaffolded_asset_is_part_of_the_graph(project: Path) -> None:
    before = listed_assets(settings.PROJECT)
    run_dg(project, "scaffold", "defs", "dagster.asset", "extra.py")
    assert (project / "assets" / "extra.py").is_file()
    run_dg(project, "check", "defs")
    assert listed_assets(project) == before | {"extra"}


def test_dg_launches_assets(storage: Path) -> None:
    Path(os.environ["DAGSTER_HOME"]).mkdir(parents=True)
    run_dg(settings.PROJECT, "launch", "--assets", "raw_mnist")
    with dg.DagsterInstance.get() as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey("raw_mnist"))
    assert (storage / "assets" / "raw_mnist.csv").is_file()


def test_dg_serves_the_graph(storage: Path) -> None:
    Path(os.environ["DAGSTER_HOME"]).mkdir(parents=True)
    with served_by_dg() as port:
        question = {"query": "{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }"}
        request = urllib.request.Request(
            f"http://{LOCALHOST}:{port}/graphql", json.dumps(question).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            nodes = json.load(response)["data"]["repositoriesOrError"]["nodes"]
    assert [node["location"]["name"] for node in nodes] == ["mnist-pipeline"]


@contextlib.contextmanager
def served_by_dg() -> Iterator[int]:
    """Run `dg dev` until the context ends; yields the port."""
    port = free_port()
    process = subprocess.Popen(
        [command(), "dev", "--port", str(port)],
        cwd=settings.PROJECT,
        env=variables(settings.PROJECT),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(ATTEMPTS):
            assert process.poll() is None, "dg dev ended early"
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://{LOCALHOST}:{port}/server_info", timeout=1).close()
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
