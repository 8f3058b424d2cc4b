"""What people meet when nothing is attacked: a storage that only others write, a pipe."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.graph_fixtures import environment, invoke
from support.servers import COMMAND, ended

from mnist_pipeline.runtime.instance import CONFIGURATION
from mnist_pipeline.runtime.project import PROJECT
from mnist_pipeline.runtime.storage.storage import Storage

# Root can write everywhere, unless it gives up this capability.
AS_USER = "" if os.geteuid() else "setpriv --bounding-set=-dac_override"


def shell(command: str, storage: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell command in which `$M` is the command line."""
    variables = {**os.environ, **environment(PROJECT / "data", storage), "M": " ".join(COMMAND)}
    return ended(["bash", "-c", command], PROJECT, variables)


def test_a_storage_that_can_not_be_written_is_one_line(tmp_path):
    home = tmp_path / "storage" / "dagster"
    home.mkdir(parents=True)
    shutil.copy(CONFIGURATION, home)
    Storage(str(home.parent)).write("data_mean", np.zeros(784))
    home.chmod(0o500)
    done = shell(f"{AS_USER} $M run", home.parent)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {home}")
    assert len(done.stderr.splitlines()) == 1


def test_results_that_can_only_be_read_are_verified(storage):
    invoke("run", "--select", "raw_mnist")
    subprocess.run(["chmod", "-R", "a-w", storage], check=True)
    done = shell(f"{AS_USER} $M verify", storage)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("concurency: {}", "concurency"),
        ("concurrency: [", "line 1"),
        ("storage: {sqlite: {base_dir: {env: ABSENT}}}", "ABSENT"),
    ],
)
def test_a_mistake_in_dagster_yaml_is_one_line(lines, named, storage):
    (file := storage / "dagster" / CONFIGURATION.name).parent.mkdir(parents=True)
    file.write_text(lines)
    (line,) = invoke("run", "--select", "raw_mnist", code=1).splitlines()
    assert str(file) in line
    assert named in line


def test_output_that_nobody_reads_is_no_error_and_a_full_disk_is_one_line(tmp_path):
    for output, code, lines in ((">/dev/full", 1, 1), (">&-", 0, 0), ("| true", 1, 0)):
        done = shell(f"$M history {output}; exit ${{PIPESTATUS[0]}}", tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (code, lines), done.stderr
