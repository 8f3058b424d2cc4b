"""Shared by the fault tests: two slices of MNIST, and storages of undisturbed runs over them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.idx import write_idx

from faults import commands
from mnist_pipeline.data.datasets import DigitSet

IN_MEMORY = Path("/dev/shm")
ROOM = 2_000_000_000  # bytes; the tests need about a tenth


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the counts of a worker of pytest-xdist to the process that prints their sums."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = dict(commands.COUNTED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    commands.COUNTED.update(getattr(node, "workeroutput", {}).get("faults", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if commands.COUNTED:
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(commands.COUNTED.items()))
        lost = len(terminalreporter.stats.get("failed", []))
        result = "0 values lost" if not lost else f"{lost} TESTS FAILED: see which values were lost above"
        terminalreporter.write_line(f"{commands.COUNTED.total()} faults injected ({faults}), {result}")


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A temporary directory for the session, in memory where possible: the faults end processes, not the machine."""
    in_memory = os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM
    with tempfile.TemporaryDirectory(prefix="faults-", dir=IN_MEMORY if in_memory else None) as directory:
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
def undisturbed(slices: tuple[Path, Path], place: Path) -> tuple[Path, Path]:
    """The storage of a whole run over the first slice, and of one over the second slice after the first."""
    first, second = place / "undisturbed-first", place / "undisturbed-second"
    ended = commands.run(first, slices[0])
    assert ended.code == 0, ended.output
    shutil.copytree(first, second)
    ended = commands.run(second, slices[1])
    assert ended.code == 0, ended.output
    return first, second
