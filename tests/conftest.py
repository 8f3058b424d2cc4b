"""What the tests share: the real digits, read once."""

import multiprocessing
import os
from collections.abc import Generator, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from pathlib import Path

import pytest

# Before NumPy and torch are imported: threads that spin while they wait starve whoever shares the
# machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from mnist_pipeline.data.datasets import load_digits
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.utils import machine

pytest_plugins = [
    "support.servers",  # before those that import it, or pytest can't rewrite its assertions
    "support.browser",
    "support.graph_fixtures",
    "support.recognizing",
]
REPOSITORY = Path(__file__).resolve().parent.parent
LONGEST = (
    "cli/test_run.py",
    "test_add_a_model.py",
    "assets/test_own_images.py",
    "runtime/test_component.py",
    "assets/test_odd_sets.py",
    "runtime/web/test_server.py",
    "handwriting/test_accuracy.py",
    "runtime/web/test_draw_page.py",
    "assets/test_experiments.py",
    "evaluation/test_labels_to_check.py",
    "cli/test_history.py",
    "runtime/graph/test_code_versions.py",
    "report/test_page_numbers.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How thoroughly damaged files are tried."""
    parser.addoption(
        "--fuzz-cases", type=int, default=1_000, metavar="N", help="Cases in all; 1,000 by default."
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import the tests, and nearly all that they use, as commands import: without searching for
    garbage among it, then and afterwards.
    """
    with machine.importing():
        return (yield)


@pytest.hookimpl(tryfirst=True)  # before tests are left out by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process is left alone with one of them at
    the end; end with those that share a browser, which no other test may follow.
    """
    order = {REPOSITORY / "tests" / name: index for index, name in enumerate(LONGEST)}
    last = {item.path for item in items if "browser" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (item.path in last, order.get(item.path, len(order))))


@pytest.fixture(scope="session")
def other_processes() -> Iterator[list[ProcessPoolExecutor]]:
    """The process of `other_process`, after those that have ended."""
    executors: list[ProcessPoolExecutor] = []
    yield executors
    for executor in executors:
        executor.shutdown()


@pytest.fixture
def other_process(other_processes) -> ProcessPoolExecutor:
    """A process for calls of compiled code, which a wrong argument could end.

    A result is then a `BrokenProcessPool`. The tests share a process, which has to import torch
    and Numba, until it ends.
    """
    try:
        other_processes[-1].submit(int).result()
    except (IndexError, BrokenExecutor):
        spawn = multiprocessing.get_context("spawn")
        other_processes.append(ProcessPoolExecutor(1, spawn))
    return other_processes[-1]


@pytest.fixture(scope="session")
def data_directory() -> Path:
    """The embedded MNIST files."""
    return REPOSITORY / "data"


@pytest.fixture(scope="session")
def train(data_directory) -> DigitSet:
    """All 60,000 training digits; read-only, since every test sees the same."""
    return _frozen(load_digits(data_directory, "train"))


@pytest.fixture(scope="session")
def test(data_directory) -> DigitSet:
    """All 10,000 test digits; read-only."""
    return _frozen(load_digits(data_directory, "test"))


@pytest.fixture(scope="session")
def small_train(train) -> DigitSet:
    """The first 2,000 training digits."""
    return DigitSet(train.images[:2_000], train.labels[:2_000])


@pytest.fixture(scope="session")
def small_test(test) -> DigitSet:
    """The first 500 test digits."""
    return DigitSet(test.images[:500], test.labels[:500])


def _frozen(digits: DigitSet) -> DigitSet:
    for array in digits:
        array.setflags(write=False)
    return digits
