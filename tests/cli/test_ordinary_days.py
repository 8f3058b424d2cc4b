"""What people meet when nothing is attacked: a forgotten file name, a small machine, a pipe,
another package.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.graph_fixtures import environment, invoke

from mnist_pipeline.runtime.project import PROJECT

COMMAND = [sys.executable, "-m", "mnist_pipeline.cli"]


def shell(command: str, storage: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command in which `$M` is the command line."""
    env = {
        **os.environ,
        **environment(PROJECT / "data", storage),
        "M": " ".join(COMMAND),
        **variables,
    }
    return subprocess.run(
        ["bash", "-c", command], env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["-v 300000", "-n 20"])
def test_too_little_memory_or_too_few_files_is_one_line(limit: str, tmp_path: Path) -> None:
    done = shell(f"ulimit {limit}; $M run --select raw_mnist", tmp_path / "storage")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or done.stderr.startswith("Error: ")


@pytest.mark.parametrize("output", ["| head -1", ">/dev/full", ">&-"])
def test_output_that_can_not_be_written_is_at_most_one_line(output: str, finished: Path) -> None:
    done = shell(f"$M history {output}", finished)
    assert len(done.stderr.splitlines()) <= 1, done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "predict photo.png --force --sheet photo.png",
        "inspect data --force --sheet data/photo.png",
        "inspect data --sheet photo.png",
        "export cnn --onnx photo.png",
        "export cnn --onnx cnn.onnx --card photo.png",
    ],
)
def test_a_command_writes_over_no_input_and_over_no_other_file_unasked(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/photo.png").touch()
    Path("photo.png").touch()
    *_, written = arguments = line.split()
    assert f"{written} " in invoke(*arguments, code=1)
    assert Path(written).read_bytes() == b""


def test_a_file_that_exists_is_replaced_on_request(slice_directory: Path, tmp_path: Path) -> None:
    (sheet := tmp_path / "sheet.png").write_bytes(b"an earlier sheet")
    invoke("inspect", str(slice_directory), "--sheet", str(sheet), "--force")
    assert sheet.read_bytes().startswith(b"\x89PNG")
