"""Shared by the fault tests: two slices of MNIST, storages of undisturbed runs over them, and a process to fork."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.idx import write_idx

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.runtime.settings import PROJECT

NURSERY = Path(__file__).with_name("nursery.py")
VARIABLES = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}
COUNTED: dict[str, int] = {}


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if COUNTED:
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(COUNTED.items()))
        lost = len(terminalreporter.stats.get("failed", []))
        result = "0 values lost" if not lost else f"{lost} TESTS FAILED: see which values were lost above"
        terminalreporter.write_line(f"{sum(COUNTED.values())} faults injected ({faults}), {result}")


@dataclass
class Ended:
    """How a command ended."""

    code: int
    seconds: float
    signalled: bool
    lag: float | None
    output: str


@dataclass
class Nursery:
    """Runs commands of `mnist-pipeline`, each in a process forked from one that has all modules imported."""

    process: subprocess.Popen[str]
    directory: Path
    outputs: dict[int, Path] = field(default_factory=dict)

    def start(self, storage: Path, data: Path, *arguments: str, fault: dict[str, Any] | None = None) -> int:
        output = self.directory / f"output-{len(self.outputs)}"
        environment = {
            "MNIST_PIPELINE_DATA": str(data),
            "MNIST_PIPELINE_STORAGE": str(storage),
            "DAGSTER_HOME": str(storage / "dagster"),
        }
        request = {"environment": environment, "arguments": arguments, "fault": fault, "output": str(output)}
        child = self._request(request)["child"]
        self.outputs[child] = output
        return child

    def wait(self, child: int, **request: Any) -> Ended:
        answer = self._request({"wait": child, **request})
        return Ended(**answer, output=self.outputs[child].read_text(errors="replace"))

    def run(self, storage: Path, data: Path, *arguments: str, fault: dict[str, Any] | None = None) -> Ended:
        return self.wait(self.start(storage, data, "run", *arguments, fault=fault))

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A temporary directory for the session."""
    with tempfile.TemporaryDirectory(prefix="faults-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def slices(train: DigitSet, test: DigitSet, place: Path) -> tuple[Path, Path]:
    """Two disjoint data directories of 300 training and 150 test digits."""
    return tuple(
        write_idx(
            place / name,
            DigitSet(train.images[first : first + 300], train.labels[first : first + 300]),
            DigitSet(test.images[first : first + 150], test.labels[first : first + 150]),
        )
        for name, first in (("first", 0), ("second", 1_000))
    )


@pytest.fixture(scope="session")
def nursery(place: Path) -> Iterator[Nursery]:
    with _nursery(place / "outputs") as nursery:
        yield nursery


@pytest.fixture(scope="session")
def nurseries(nursery: Nursery, place: Path) -> Iterator[tuple[Nursery, Nursery]]:
    """Two nurseries, for independent faults."""
    with _nursery(place / "second-outputs") as second:
        yield nursery, second


@contextmanager
def _nursery(outputs: Path) -> Iterator[Nursery]:
    outputs.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(NURSERY)],
        cwd=PROJECT,
        env={**os.environ, **VARIABLES, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline()) == {"ready": True}
    yield Nursery(process, outputs)
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)


@pytest.fixture(scope="session")
def undisturbed(nursery: Nursery, slices: tuple[Path, Path], place: Path) -> tuple[Path, Path]:
    """The storage of a whole run over the first slice, and of one over the second slice after the first."""
    first, second = place / "undisturbed-first", place / "undisturbed-second"
    ended = nursery.run(first, slices[0])
    assert ended.code == 0, ended.output
    shutil.copytree(first, second)
    ended = nursery.run(second, slices[1])
    assert ended.code == 0, ended.output
    return first, second
