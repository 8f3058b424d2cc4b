"""Each item is computed once, by some worker, and again where its worker ends."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.settings import load_from

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.environment import Settings
from mnist_pipeline.runtime.executors import futures
from mnist_pipeline.runtime.executors.requirements import ExecutorError
from mnist_pipeline.runtime.graph import run_lock

pytestmark = pytest.mark.slow


def _configured(storage: Path, executor: str) -> Settings:
    values = {"STORAGE": str(storage), "EXECUTOR": executor, "THREADS": "1"}
    return load_from({f"MNIST_PIPELINE_{name}": value for name, value in values.items()})


@pytest.fixture(params=["in_process", "multiprocess"])
def configured(request: pytest.FixtureRequest, tmp_path: Path, importable: None) -> Settings:
    return _configured(tmp_path, request.param)


@pytest.fixture
def multiprocess(tmp_path: Path, importable: None) -> Settings:
    return _configured(tmp_path, "multiprocess")


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers import the functions of this module by its name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(Path(__file__).parent), str(settings.PROJECT))))


def _name(function: Callable[[Any], object]) -> str:
    return f"{Path(__file__).stem}:{function.__name__}"


def square(number: int) -> int:
    return number * number


def describe_worker(item: object) -> tuple[int, str, str, str]:
    loaded = settings.load()
    return os.getpid(), loaded.storage, loaded.executor, os.environ["OMP_NUM_THREADS"]


def die_once(directory: str) -> str:
    try:
        (Path(directory) / "died").touch(exist_ok=False)
    except FileExistsError:
        return "run again"
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def die(item: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_a_death(directory: str) -> int:
    """Run until the worker of `die_once` has ended, and count how often this task was started."""
    with (Path(directory) / "starts").open("a") as starts:
        starts.write("x")
    while not (Path(directory) / "died").exists():
        time.sleep(0.01)
    time.sleep(0.5)  # a pool that ends all workers with one would do so meanwhile
    return len((Path(directory) / "starts").read_text())


def die_or_wait(item: list[str]) -> object:
    task, directory = item
    return die_once(directory) if task == "die" else wait_for_a_death(directory)


def refuse(directory: str) -> None:
    with (Path(directory) / "tries").open("a") as tries:
        tries.write("x")
    raise ValueError("no digit is eleven")


def enter_lock(storage: str) -> bool:
    with run_lock.under_driver_lock(), run_lock.storage_lock(pytest.fail):
        return True


def test_each_item_is_computed_once_by_any_executor(configured: Settings) -> None:
    items = [3, 1, 2, 2, 0]
    assert sorted(futures.compute(configured, _name(square), items)) == [(0, 0), (1, 1), (2, 4), (2, 4), (3, 9)]
    assert list(futures.compute(configured, "builtins:len", [[1, 2]])) == [([1, 2], 2)], "items need not be hashable"
    assert list(futures.compute(configured, _name(square), [])) == []


def test_workers_adopt_the_settings_of_the_driver_and_run_in_process(multiprocess: Settings) -> None:
    ((_, (pid, storage, executor, threads)),) = futures.compute(multiprocess, _name(describe_worker), [None])
    assert pid != os.getpid()
    assert (storage, executor, threads) == (multiprocess.storage, "in_process", "1")


def test_a_worker_that_is_killed_costs_its_item_alone(multiprocess: Settings, tmp_path: Path) -> None:
    items = [["wait", str(tmp_path)], ["die", str(tmp_path)]]
    results = [result for _, result in futures.compute(multiprocess, _name(die_or_wait), items)]
    assert sorted(results, key=str) == [1, "run again"]


def test_an_item_that_ends_its_worker_every_time_is_named(multiprocess: Settings) -> None:
    with pytest.raises(ExecutorError, match="seven"):
        list(futures.compute(multiprocess, _name(die), ["seven"]))


def test_an_exception_of_the_function_is_raised_and_the_item_is_not_run_again(
    configured: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="eleven"):
        list(futures.compute(configured, _name(refuse), [str(tmp_path)]))
    assert (tmp_path / "tries").read_text() == "x"


def test_workers_end_with_the_iteration(multiprocess: Settings) -> None:
    iteration = futures.compute(multiprocess, _name(describe_worker), [1, 2])
    _, (pid, *_) = next(iteration)
    iteration.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline


def test_a_worker_that_has_loaded_the_graph_with_other_settings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(futures, "_adopted", {"MNIST_PIPELINE_FOLDS": "4"})
    with pytest.raises(ExecutorError, match="settings"):
        futures.call({"MNIST_PIPELINE_FOLDS": "5"}, "builtins:len", [])


def test_a_worker_does_not_wait_for_the_lock_that_its_driver_holds(
    storage: Path, importable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.mkdir()
    monkeypatch.setenv("MNIST_PIPELINE_EXECUTOR", "multiprocess")
    with run_lock.storage_lock(pytest.fail):
        assert dict(futures.compute(settings.load(), _name(enter_lock), [str(storage)])) == {str(storage): True}
