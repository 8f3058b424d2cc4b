"""The graph is found by its place, whatever other packages are in the current directory or on Python's path."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.graph_fixtures import environment
from support.served import run_raw_mnist, served_ui

from mnist_pipeline.runtime.project import PROJECT

pytestmark = pytest.mark.slow
PROGRAM = (sys.executable, Path(sys.executable).with_name("mnist-pipeline"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A directory with another package `assets`, and with modules that are named like libraries."""
    (tmp_path / "elsewhere" / "assets").mkdir(parents=True)
    for name in ("assets/__init__.py", "assets/definitions.py", "dagster.py", "numba.py", "torch.py"):
        (tmp_path / "elsewhere" / name).write_text("raise SystemExit('another module was imported')")
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("on_path", [False, True])
def test_a_run_imports_no_other_package(on_path: bool, elsewhere: Path, slice_directory: Path, tmp_path: Path) -> None:
    if on_path:  # such libraries on the path would be the choice of the user
        for file in elsewhere.glob("*.py"):
            file.unlink()
    path = os.pathsep.join([*([str(elsewhere)] if on_path else []), str(PROJECT)])
    environ = os.environ | environment(slice_directory, tmp_path / "storage") | {"PYTHONPATH": path}
    command = [*PROGRAM, "run", "--select", "raw_mnist"]
    done = subprocess.run(command, cwd=elsewhere, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 always imports from the current directory first")
def test_the_processes_of_the_ui_import_nothing_from_the_current_directory(
    elsewhere: Path, slice_directory: Path, tmp_path: Path
) -> None:
    path = {"PYTHONPATH": str(PROJECT)}
    with served_ui(slice_directory, tmp_path / "storage", program=PROGRAM, cwd=elsewhere, variables=path) as address:
        run_raw_mnist(address)
