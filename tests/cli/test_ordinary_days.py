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
@pytest.mark.parametrize("limit", ["-v 300000", "-v 1200000", "-n 20"])
def test_too_little_memory_or_too_few_files_is_one_line_and_no_damage(
    limit: str, tmp_path: Path
) -> None:
    done = shell(f"ulimit {limit}; $M run --select raw_mnist", tmp_path / "storage")
    if done.returncode:
        assert "Traceback" not in done.stderr
        assert "damaged" not in done.stderr
        assert any(word in done.stderr for word in ("memory", "files", "ulimit"))


@pytest.mark.parametrize("output", ["| head -1", ">/dev/full", ">&-"])
def test_output_that_can_not_be_written_is_at_most_one_line(output: str, finished: Path) -> None:
    done = shell(f"$M history {output}", finished)
    assert len(done.stderr.splitlines()) <= 1, done.stderr


@pytest.mark.parametrize(
    "command", [["predict", "{0}", "--sheet", "{0}"], ["inspect", "{1}", "--sheet", "{2}"]]
)
def test_a_forgotten_file_name_overwrites_no_file_of_a_person(
    command: list[str], finished: Path, slice_directory: Path, tmp_path: Path
) -> None:
    photo, labels = tmp_path / "photo.png", next(slice_directory.glob("train-labels*"))
    photo.write_bytes(b"a photo")
    before = photo.read_bytes(), labels.read_bytes()
    invoke(*(each.format(photo, slice_directory, labels) for each in command), code=1)
    assert (photo.read_bytes(), labels.read_bytes()) == before


def test_an_export_replaces_only_what_it_wrote(finished: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    own, model = tmp_path / "own.txt", tmp_path / "cnn.onnx"
    own.write_text("notes")
    invoke("export", "cnn", "--onnx", str(own), code=1)
    assert own.read_text() == "notes"
    invoke("export", "cnn", "--onnx", str(model))
    invoke("export", "cnn", "--onnx", str(model))
