"""The graph is found by its place, whatever other packages are in the current directory or on
Python's path.
"""

import os
import subprocess
from pathlib import Path

import pytest
from support.graph_fixtures import environment
from support.served import PROGRAM

from mnist_pipeline.runtime.project import PROJECT

pytestmark = pytest.mark.slow


def test_a_run_imports_no_other_package_called_assets(
    elsewhere: Path, slice_directory: Path, tmp_path: Path
) -> None:
    for file in elsewhere.glob("*.py"):  # libraries on the path would be the choice of the user
        file.unlink()
    path = os.pathsep.join([str(elsewhere), str(PROJECT)])
    environ = os.environ | environment(slice_directory, tmp_path / "storage") | {"PYTHONPATH": path}
    command = [*PROGRAM, "run", "--select", "raw_mnist"]
    done = subprocess.run(
        command, cwd=elsewhere, env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
