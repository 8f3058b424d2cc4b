"""Workers: each item done once, somewhere, and again where its worker is lost."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.executors import workers
from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.runtime.settings import Settings


def _configured(storage: Path, executor: str, **more: str) -> Settings:
    return settings.load(
        {"MNIST_PIPELINE_STORAGE": str(storage), "MNIST_PIPELINE_EXECUTOR": executor, "MNIST_PIPELINE_THREADS": "1"}
        | more
    )


@pytest.fixture(params=["in_process", "multiprocess"])
def configured(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return _configured(tmp_path, request.param)


@pytest.fixture
def multiprocess(tmp_path: Path) -> Settings:
    return _configured(tmp_path, "multiprocess")


def _square(number: int) -> int:
    return number * number


def _where(item: object) -> tuple[int, str, str, str]:
    loaded = settings.load()
    return os.getpid(), loaded.storage, loaded.executor, os.environ["OMP_NUM_THREADS"]


def _meet(directory: str) -> int:
    """Wait until another one is here too."""
    (Path(directory) / str(os.getpid())).touch()
    while len(list(Path(directory).iterdir())) < 2:
        time.sleep(0.01)
    return os.getpid()


def _die_once(directory: str) -> str:
    try:
        (Path(directory) / "died").touch(exist_ok=False)
    except FileExistsError:
        return "done again"
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def _die(item: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _StubbornError(Exception):
    """Can't be made from its arguments, and so not be sent as it is."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def _refuse(directory: str) -> None:
    path = Path(directory) / "tries"
    path.write_text(f"{path.read_text() if path.exists() else ''}x")
    raise ValueError("no digit is eleven")


def _refuse_stubbornly(item: object) -> None:
    raise _StubbornError("this", "that")


def test_each_item_is_done_once_whatever_carries_it_out(configured: Settings) -> None:
    items = [3, 1, 2, 2, 0]
    assert sorted(workers.each(configured, _square, items)) == [(0, 0), (1, 1), (2, 4), (2, 4), (3, 9)]
    assert list(workers.each(configured, _square, [])) == []


def test_items_need_not_be_hashable(configured: Settings) -> None:
    assert list(workers.each(configured, len, [[1, 2]])) == [([1, 2], 2)]


def test_workers_have_the_drivers_settings_and_carry_out_in_process_what_they_start(multiprocess: Settings) -> None:
    ((_, (pid, storage, executor, threads)),) = workers.each(multiprocess, _where, [None])
    assert pid != os.getpid()
    assert (storage, executor, threads) == (multiprocess.storage, "in_process", "1")


def test_two_workers_work_at_once(multiprocess: Settings, tmp_path: Path) -> None:
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    pids = {pid for _, pid in workers.each(multiprocess, _meet, [str(meeting)] * 2)}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_an_item_whose_worker_is_killed_is_done_again_and_the_others_are_not(
    multiprocess: Settings, tmp_path: Path
) -> None:
    assert list(workers.each(multiprocess, _die_once, [str(tmp_path)])) == [(str(tmp_path), "done again")]


def test_an_item_that_ends_three_workers_is_named_with_the_reason(multiprocess: Settings) -> None:
    with pytest.raises(workers.WorkerError, match=r"item 'seven': its worker was lost 3 times, .* ended by SIGKILL"):
        list(workers.each(multiprocess, _die, ["seven"]))


def test_what_the_function_raises_is_raised_and_not_tried_again(configured: Settings, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no digit is eleven"):
        list(workers.each(configured, _refuse, [str(tmp_path)]))
    assert (tmp_path / "tries").read_text() == "x"


def test_an_error_that_can_not_be_sent_goes_by_its_words(multiprocess: Settings) -> None:
    with pytest.raises(workers.WorkerError, match="_StubbornError: this and that"):
        list(workers.each(multiprocess, _refuse_stubbornly, [None]))


def test_workers_end_with_their_context(multiprocess: Settings) -> None:
    generator = workers.each(multiprocess, _where, [1, 2])
    _, (pid, *_) = next(generator)
    generator.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_task_that_needs_all_cores_has_no_other_beside_it(multiprocess: Settings) -> None:
    with workers.opened(multiprocess) as opened:
        opened.submit("light", _square, 1)
        opened.submit("heavy", _square, 2, needs=workers.Needs(cores=None))
        opened.submit("later", _square, 3)
        assert [task.key for task in opened._waiting] == ["heavy", "later"]
        assert dict(opened.completed()) == {"light": 1, "heavy": 4, "later": 9}


def _lent_turn(storage: str) -> bool:
    with run_lock.lent(), run_lock.turn(pytest.fail):
        return True


def test_a_worker_takes_no_turn_at_a_storage_that_its_driver_has(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.mkdir()
    monkeypatch.setenv("MNIST_PIPELINE_EXECUTOR", "multiprocess")
    with run_lock.turn(pytest.fail):
        assert dict(workers.each(settings.load(), _lent_turn, [str(storage)])) == {str(storage): True}


@pytest.mark.parametrize(("executor", "module"), [("ray", "ray"), ("dask", "distributed")])
def test_an_executor_that_is_not_installed_is_refused_with_the_command_that_installs_it(
    executor: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers.importlib.util, "find_spec", {"anything": None}.get)
    with pytest.raises(workers.WorkerError, match=rf"pip install 'mnist-pipeline\[{executor}\]'"):
        workers.require(_configured(tmp_path, executor))


def test_sqlite_is_refused_for_a_cluster_that_was_there_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {"distributed": True}
    monkeypatch.setattr(workers.importlib.util, "find_spec", found.get)
    address = {"MNIST_PIPELINE_CLUSTER": "tcp://127.0.0.1:1"}  # nobody listens there
    with pytest.raises(workers.WorkerError, match="set MNIST_PIPELINE_DATABASE to a PostgreSQL database"):
        workers.require(_configured(tmp_path, "dask", **address))
    with pytest.raises(workers.WorkerError, match=r"MNIST_PIPELINE_CLUSTER is .* where nothing answers"):
        workers.require(_configured(tmp_path, "dask", MNIST_PIPELINE_DATABASE="postgresql://u:p@h/n", **address))
