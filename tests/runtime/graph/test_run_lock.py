"""One run at a time into a storage, an end to runs whose process is gone, and a quick end on Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.runtime.settings import PROJECT
from mnist_pipeline.runtime.storage import files
from mnist_pipeline.runtime.storage.storage import Storage

HOLD = """
import sys
from pathlib import Path
from mnist_pipeline.runtime.storage import files
with files.lock(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.read()
"""
STUBBORN = """
import time
from mnist_pipeline.cli.interruption import bounded
with bounded():
    print("ready", flush=True)
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass
"""
QUICK_SECONDS = 3
PATIENCE_SECONDS = 60


@contextmanager
def held(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lock file until its input ends."""
    process = _python("-c", HOLD, str(path))
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_run_waits_for_another_and_says_for_which(storage: Path) -> None:
    storage.mkdir()
    told: list[str] = []
    with held(storage / ".lock") as other:

        def tell(message: str) -> None:
            told.append(message)
            other.kill()

        with run_lock.storage_lock(tell):
            assert files.lock_holder(storage / ".lock") == files.lock_holder(storage / ".lock") is not None
    (message,) = told
    assert message.startswith(f"Another run (process {other.pid}, since ")
    assert str(storage) in message


def test_within_a_run_nobody_waits_and_afterwards_nobody_holds(storage: Path) -> None:
    storage.mkdir()
    with run_lock.storage_lock(pytest.fail), run_lock.storage_lock(pytest.fail):
        assert files.holds_lock(storage / ".lock")
    assert files.lock_holder(storage / ".lock") is None
    assert (storage / ".lock").read_bytes() == b""


def test_a_lock_ends_with_its_process(storage: Path) -> None:
    storage.mkdir()
    with held(storage / ".lock") as other:
        assert f"process {other.pid}, since " in (files.lock_holder(storage / ".lock") or "")
        other.kill()
        other.wait()
        assert files.lock_holder(storage / ".lock") is None


def test_a_run_removes_what_a_killed_one_left_and_finishes_what_it_had_committed(storage: Path) -> None:
    stored = Storage(storage)
    stored.write("data_mean", np.zeros(784))
    place = storage / "assets" / "data_mean.npy"
    manifest = stored.published.manifest("data_mean")
    assert manifest is not None
    place.rename(place.with_name(f".data_mean.npy.{manifest.files['assets/data_mean.npy'].sha256[:16]}.staged"))
    (storage / "assets" / ".data_mean.npy.0123.tmp").write_bytes(b"half")
    (storage / "assets" / ".data_mean.npy.0123456789abcdef.staged").write_bytes(b"never committed")
    np.testing.assert_array_equal(stored.read("data_mean"), np.zeros(784))
    with run_lock.storage_lock(pytest.fail):
        assert [path.name for path in (storage / "assets").iterdir()] == ["data_mean.npy"]
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


def test_a_run_whose_process_is_gone_is_marked_as_failed_and_no_other(
    instance: dg.DagsterInstance, storage: Path
) -> None:
    living, dead = f"1-{uuid.uuid4().hex}", f"1-{uuid.uuid4().hex}"
    (storage / "dagster" / "alive" / dead).touch()
    with held(storage / "dagster" / "alive" / living):
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


def test_a_step_process_ends_with_its_run() -> None:
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    run = context.Process(target=_run_with_a_step, args=(writer,))
    run.start()
    step = reader.recv()
    run.kill()
    run.join()
    writer.close()
    with pytest.raises(EOFError):  # the step held the other end
        reader.recv()
    assert step > 0


def _run_with_a_step(writer: object) -> None:
    step = multiprocessing.get_context("spawn").Process(target=_step, args=(writer,))
    step.start()
    step.join()


def _step(writer: object) -> None:
    run_lock.end_with_parent()
    writer.send(os.getpid())  # type: ignore[attr-defined]
    signal.pause()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_does_not_listen_is_ended(number: signal.Signals) -> None:
    _require_quick_end(_python("-c", STUBBORN), "ready", number)


def test_a_run_that_waits_for_another_ends_on_ctrl_c(storage: Path) -> None:
    storage.mkdir()
    with held(storage / ".lock"):
        process = _python("-m", "mnist_pipeline.cli", "run", "--select", "raw_mnist")
        _require_quick_end(process, "Another run (", signal.SIGINT)


def test_a_run_ends_on_sigterm_and_counts_as_canceled(storage: Path) -> None:
    process = _python("-m", "mnist_pipeline.cli", "run")
    _require_quick_end(process, "raw_mnist", signal.SIGTERM)
    with dg.DagsterInstance.from_config(str(storage / "dagster")) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.CANCELED]


def _python(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *arguments], cwd=PROJECT, env=environment, text=True, **pipes)  # type: ignore[call-overload]


def _require_quick_end(process: subprocess.Popen[str], told: str, number: signal.Signals) -> None:
    """Once it has told that, a signal ends the process with a message and exit code 130."""
    assert process.stdout is not None
    try:
        while told not in (line := process.stdout.readline()):
            assert line, process.communicate()
        sent = time.monotonic()
        process.send_signal(number)
        process.wait(PATIENCE_SECONDS)
        assert time.monotonic() - sent < QUICK_SECONDS
        assert process.returncode == 130
        assert "\nInterrupted. " in process.communicate()[1]
    finally:
        process.kill()
