"""One run at a time writes into a storage; a run whose process has died is marked as failed."""

import multiprocessing
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from support.processes import locked_elsewhere

from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.runtime.storage import files
from mnist_pipeline.runtime.storage.storage import Storage

pytestmark = pytest.mark.slow
PATIENCE_SECONDS = 60


def test_a_run_waits_for_another_and_names_it(storage: Path) -> None:
    storage.mkdir()
    messages: list[str] = []
    with (
        locked_elsewhere(storage / ".lock") as other,
        run_lock.storage_lock(lambda message: (messages.append(message), other.kill())),
    ):
        assert f"process {os.getpid()}, since " in (files.lock_holder(storage / ".lock") or "")
    (message,) = messages
    assert f"process {other.pid}, since " in message
    assert str(storage) in message


def test_a_run_does_not_wait_for_its_own_lock_and_releases_it(storage: Path) -> None:
    storage.mkdir()
    with run_lock.storage_lock(pytest.fail), files.lock(storage / ".lock", pytest.fail) as taken:
        assert not taken  # this process has the lock already
    assert files.lock_holder(storage / ".lock") is None
    assert (storage / ".lock").read_bytes() == b""


def test_a_lock_ends_with_its_process(storage: Path) -> None:
    storage.mkdir()
    with locked_elsewhere(storage / ".lock") as other:
        assert f"process {other.pid}, since " in (files.lock_holder(storage / ".lock") or "")
        other.kill()
        other.wait()
        assert files.lock_holder(storage / ".lock") is None


def test_a_run_removes_the_temporary_files_of_a_killed_run_and_completes_its_commit(storage: Path) -> None:
    stored = Storage(storage)
    stored.write("data_mean", np.zeros(784))
    file = storage / "assets" / "data_mean.npy"
    manifest = stored.published.manifest("data_mean")
    assert manifest is not None
    file.rename(file.with_name(f".data_mean.npy.{manifest.files['assets/data_mean.npy'].sha256[:16]}.staged"))
    file.with_name(f".data_mean.npy.{32 * '0'}.tmp").write_bytes(b"half")
    file.with_name(".data_mean.npy.0123456789abcdef.staged").write_bytes(b"never committed")
    np.testing.assert_array_equal(stored.read("data_mean"), np.zeros(784))
    with run_lock.storage_lock(pytest.fail):
        assert list(file.parent.iterdir()) == [file]
    np.testing.assert_array_equal(stored.read("data_mean"), np.zeros(784))


@pytest.fixture
def instance(storage: Path) -> Iterator[dg.DagsterInstance]:
    (storage / "dagster" / "alive").mkdir(parents=True)
    with dg.DagsterInstance.from_config(str(storage / "dagster")) as instance:
        yield instance


def _started(instance: dg.DagsterInstance, process: str, parent: str | None = None) -> str:
    run = dg.DagsterRun(
        "everything",
        run_id=str(uuid.uuid4()),
        status=dg.DagsterRunStatus.STARTED,
        tags={run_lock.PROCESS_TAG: process} if process else {},
        parent_run_id=parent,
        root_run_id=parent,
    )
    return instance.add_run(run).run_id


def test_only_a_run_whose_process_has_died_is_marked_as_failed(instance: dg.DagsterInstance, storage: Path) -> None:
    living, dead = f"1-{uuid.uuid4().hex}", f"1-{uuid.uuid4().hex}"
    (storage / "dagster" / "alive" / dead).touch()
    with locked_elsewhere(storage / "dagster" / "alive" / living):
        runs = {
            "living": _started(instance, living),
            "unknown": _started(instance, ""),
            "from outside": _started(instance, "../../x"),
            "dead": (first := _started(instance, dead)),
            "executed again": _started(instance, dead, parent=first),
        }
        assert run_lock.fail_abandoned_runs(instance) == 1
    statuses = {name: instance.get_run_by_id(run).status.value for name, run in runs.items()}  # type: ignore[union-attr]
    assert statuses == dict.fromkeys(runs, "STARTED") | {"dead": "FAILURE"}
    assert not (storage / "dagster" / "alive" / dead).exists()


@dg.op
def nothing() -> None:
    pass


@dg.job(executor_def=run_lock.with_storage_lock(dg.in_process_executor))
def short() -> None:
    nothing()


def test_a_run_whose_steps_are_done_is_alive_until_its_end_is_recorded(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, marked = dg.DagsterInstance.handle_new_event, []

    def look_then_record(instance: dg.DagsterInstance, event: dg.EventLogEntry, **options: object) -> None:
        if event.dagster_event_type == dg.DagsterEventType.RUN_SUCCESS:
            marked.append(run_lock.fail_abandoned_runs(instance))
        record(instance, event, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(dg.DagsterInstance, "handle_new_event", look_then_record)
    dg.execute_job(dg.reconstructable(short), instance)
    assert marked == [0]
    assert [run.status.value for run in instance.get_runs()] == ["SUCCESS"]


def test_a_run_that_ends_while_its_lock_is_looked_at_is_not_marked_as_failed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = _started(instance, f"1-{uuid.uuid4().hex}")

    def end_then_look(_: Path) -> None:
        instance.report_run_canceled(instance.get_run_by_id(run_id))  # type: ignore[arg-type]

    monkeypatch.setattr(files, "lock_holder", end_then_look)
    assert run_lock.fail_abandoned_runs(instance) == 0
    assert [run.status.value for run in instance.get_runs()] == ["CANCELED"]


def test_a_step_process_ends_with_its_run_and_so_does_what_it_started() -> None:
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    run = context.Process(target=_run_with_a_step, args=(writer,))
    run.start()
    step = reader.recv()
    run.kill()
    run.join()
    writer.close()
    assert reader.poll(PATIENCE_SECONDS)
    with pytest.raises(EOFError):  # the step and its child held the other end
        reader.recv()
    assert step > 0


def _run_with_a_step(writer: object) -> None:
    step = multiprocessing.get_context("spawn").Process(target=_step, args=(writer,))
    step.start()
    step.join()


def _step(writer: object) -> None:
    run_lock.end_with_parent()
    subprocess.Popen(["sleep", "1000"], pass_fds=[writer.fileno()])  # type: ignore[attr-defined]
    writer.send(os.getpid())  # type: ignore[attr-defined]
    signal.pause()
