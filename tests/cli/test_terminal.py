"""Sessions on terminals of 80 and 120 columns, compared with recordings in which numbers and paths are masked.

`RECORD_TERMINAL=1 pytest tests/cli/test_terminal.py` records them again.
"""

import os
import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

from mnist_pipeline.cli import main as cli
from mnist_pipeline.data.datasets import DigitSet

SESSIONS = (
    "--help",
    "run --help",
    "run --select key:data_mean",
    "run --select cnn_modle",
    "list group:pca",
    "predict line.png",
    "predict missing.png",
    "history softmax",
    "lineage data_mean",
    "report",
    "inspect data",
    "verify",
)
IDENTIFIER = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{8,}\b")  # a version or the id of a run
NUMBER = re.compile(
    r"(?<=[\s(])>?\d[\d.,:%×-]*| +>?\d[\d.,:%×-]*"
)  # with the spaces before it, which align it to the right
MAY_BE_LONG = "run --select"  # a reason


@pytest.fixture
def session(own_copy: tuple[Path, Path], small_test: DigitSet, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with data, the storage of a finished run, and a picture of three digits."""
    directory = own_copy[0].parent
    monkeypatch.chdir(directory)
    digits = np.hstack([np.pad(image, ((40, 40), (20, 20))) for image in small_test.images[:3]])
    PIL.Image.fromarray(255 - np.kron(digits, np.ones((3, 3), np.uint8))).save("line.png")
    return directory


@pytest.mark.parametrize("columns", [80, 120])
def test_a_session_fits_the_terminal_and_looks_as_recorded(columns: int, session: Path) -> None:
    recorded = []
    for arguments in SESSIONS:
        found = CliRunner().invoke(
            cli.main, arguments.split(), env={"COLUMNS": str(columns)}, prog_name="mnist-pipeline"
        )
        text = found.output.replace(str(session), "…")
        if not arguments.startswith(MAY_BE_LONG):
            assert max(map(len, text.splitlines())) <= columns, text
        text = IDENTIFIER.sub(lambda match: "#" * len(match[0]), text)
        text = NUMBER.sub(lambda match: "#".rjust(len(match[0])), text)
        recorded.append(f"$ mnist-pipeline {arguments}\n{text}")
    path = Path(__file__).with_name(f"terminal-{columns}.txt")
    if os.environ.get("RECORD_TERMINAL"):
        path.write_text("\n".join(recorded))
    assert path.read_text() == "\n".join(recorded)
