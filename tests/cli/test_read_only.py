"""A storage on a read-only medium can be inspected and used, and commands that write refuse it in one line."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from support.graph_fixtures import Outcome, copy_storage, environment

from mnist_pipeline.runtime.settings import PROJECT
from mnist_pipeline.runtime.storage.storage import Storage

COMMAND = """
import sys
from mnist_pipeline.cli.__main__ import main
from support.processes import give_up_override
give_up_override()
sys.argv[0] = "mnist-pipeline"
main()
"""


@pytest.fixture(scope="module")
def read_only(finished_run: tuple[Outcome, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A read-only copy of the finished run's storage, with a picture next to it."""
    root = tmp_path_factory.mktemp("medium") / "storage"
    copy_storage(finished_run[1], root)
    digit = Storage(root).read("test_digits").images[0]
    PIL.Image.fromarray(255 - np.pad(digit, 20)).save(root.with_name("digit.png"))
    paths = [root, *root.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield root
    for path in paths:
        path.chmod(0o755)


def run(root: Path, scratch: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to which permissions apply; it must not change anything, nor leave a temporary file."""
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    scratch.mkdir(exist_ok=True)
    places = {"PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "tests")]), "TMPDIR": str(scratch)}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env={**os.environ, **environment(root, root), **places},
        capture_output=True,
        text=True,
        check=False,
    )
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert list(scratch.iterdir()) == []
    return done


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [("verify", "intact"), ("lineage recognizer", "cnn_model"), ("predict digit.png", "digit.png")],
)
def test_commands_that_only_read_work(arguments: str, shown: str, read_only: Path, tmp_path: Path) -> None:
    named = [str(read_only.with_name(word)) if word.endswith(".png") else word for word in arguments.split()]
    done = run(read_only, tmp_path / "scratch", *named)
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout


def test_a_damaged_database_is_named_by_its_path_on_the_medium(read_only: Path, tmp_path: Path) -> None:
    database = read_only / "dagster" / "history" / "runs.db"
    whole = database.read_bytes()
    database.chmod(0o644)
    database.write_bytes(whole[:1000])
    database.chmod(0o444)
    done = run(read_only, tmp_path / "scratch", "verify")
    database.chmod(0o644)
    database.write_bytes(whole)
    database.chmod(0o444)
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert str(database) in line


@pytest.mark.parametrize("arguments", ["run --changed", "prune", "ui --port 1"])
def test_commands_that_write_refuse_it_in_one_line(arguments: str, read_only: Path, tmp_path: Path) -> None:
    done = run(read_only, tmp_path / "scratch", *arguments.split())
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert str(read_only) in line
    assert "MNIST_PIPELINE_STORAGE" in line
