"""One run at a time writes into a storage, and runs whose process has died are marked as failed.

The process that carries out a run acquires the storage lock: the command line, or the process of the run's executor for
a run of the UI or the daemon. The processes of its steps and folds do not acquire the lock: each writes one asset at a
time, and ends with that process.

A second lock shows that the process of a run is alive. A tag of the run names this lock: a file, or a lock of the
PostgreSQL server if the Dagster instance is there, so that other machines see it too. If Dagster records a run as
started and its lock is free, the process has died.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import re
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import dagster as dg

from mnist_pipeline.runtime import database, settings, threads
from mnist_pipeline.runtime.graph import copies, tracking
from mnist_pipeline.runtime.storage import files, storage
from mnist_pipeline.utils.processes import kill_children

PROCESS_TAG = ".dagster/process"  # the UI hides tags with this prefix
POLL_SECONDS = 0.1
UNFINISHED = [dg.DagsterRunStatus[name] for name in ("NOT_STARTED", "STARTING", "STARTED", "CANCELING")]
ENDED = "The process of the run was killed, or its machine failed; mnist-pipeline run --changed continues."
_own: set[str] = set()  # the locks of the runs of this process
_until_exit = contextlib.ExitStack()  # the locks that this process holds until it ends
atexit.register(_until_exit.close)
_under_driver_lock: ContextVar[bool] = ContextVar("under_driver_lock", default=False)
WAITING = "Another run ({holder}) is writing into {root}; waiting until it ends …"


@contextlib.contextmanager
def storage_lock(notify: Callable[[str], object]) -> Iterator[None]:
    """Acquire the storage lock, and recover from interrupted runs. `notify` gets a message if a run has the lock."""
    if _under_driver_lock.get():
        yield
        return
    stored = storage.current()
    with stored.lock(lambda holder: notify(WAITING.format(holder=holder, root=stored.root))) as taken:
        if taken:
            for each in storage.all_storages():
                each.recover()
        yield


@contextlib.contextmanager
def under_driver_lock() -> Iterator[None]:
    """Carry out runs without acquiring the storage lock; only for workers whose driver has acquired it."""
    token = _under_driver_lock.set(True)
    try:
        yield
    finally:
        _under_driver_lock.reset(token)


@contextlib.contextmanager
def alive() -> Iterator[dict[str, str]]:
    """Keep a lock that shows that a run is alive; yield the tag that names it."""
    token = f"{os.getpid()}-{uuid.uuid4().hex}"
    configured = settings.load()
    with database.lock(configured, token) if configured.database else _locked_file(token):
        _own.add(token)
        try:
            yield {PROCESS_TAG: token}
        finally:
            _own.remove(token)


@contextlib.contextmanager
def _locked_file(token: str) -> Iterator[None]:
    path = _directory() / token
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with files.lock(path, lambda _: None):
            yield
    finally:
        path.unlink(missing_ok=True)


def fail_abandoned_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs whose process has died as failed; return their number."""
    unfinished = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    suspected = [run.run_id for run in unfinished if _is_abandoned(instance, run)]
    # Between the query and the look at its lock, a run may have ended, and its process after it.
    abandoned = instance.get_runs(dg.RunsFilter(suspected, statuses=UNFINISHED)) if suspected else []
    for run in abandoned:
        instance.report_run_failed(run, ENDED)
        (_directory() / run.tags[PROCESS_TAG]).unlink(missing_ok=True)
    return len(abandoned)


def _is_abandoned(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    name = run.tags.get(PROCESS_TAG, "")
    if not re.fullmatch(r"[0-9]+-[0-9a-f]{32}", name):
        return False
    parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    if parent and parent.tags.get(PROCESS_TAG) == name:
        return False  # a re-executed run has the tags of the first run until it gets its own
    configured = settings.load()
    if configured.database:
        return not database.is_locked(configured, name)
    return files.lock_holder(_directory() / name) is None


def _directory() -> Path:
    return settings.load().dagster_home / "alive"


def with_storage_lock(definition: dg.ExecutorDefinition) -> dg.ExecutorDefinition:
    """The same executor, but it acquires the storage lock before the first step."""
    source: Any = definition
    return dg.ExecutorDefinition(
        definition.name,
        config_schema=source.config_schema,
        requirements=source.get_requirements,
        executor_creation_fn=lambda context: _LockingExecutor(source.executor_creation_fn(context)),
    )


class _LockingExecutor(dg.Executor):
    def __init__(self, executor: dg.Executor) -> None:
        self._executor = executor

    @property
    def retries(self) -> Any:
        return self._executor.retries

    @property
    def step_dependency_config(self) -> Any:
        return self._executor.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        with contextlib.ExitStack() as stack:
            if plan_context.dagster_run.tags.get(PROCESS_TAG) not in _own:
                # Dagster records the end of the run after this generator, so the lock stays until the process ends.
                plan_context.instance.add_run_tags(plan_context.run_id, _until_exit.enter_context(alive()))
            with dg.raise_execution_interrupts():  # so that people can terminate a waiting run
                stack.enter_context(storage_lock(plan_context.log.info))
            threads.share_processors()  # before a step imports the libraries that read these variables
            stack.enter_context(open_event_logs("index", plan_context.run_id))
            events = self._executor.execute(plan_context, execution_plan)
            kept = copies.keep(events, plan_context.run_id, plan_context.log.warning)
            yield from tracking.log(kept, plan_context.dagster_run, plan_context.instance, plan_context.log.warning)


@contextlib.contextmanager
def open_event_logs(*names: str) -> Iterator[None]:
    """Keep a connection to SQLite files that receive the events of a run: `index`, and one named after the run.

    Dagster opens and closes a connection for each of some six hundred events. When the last connection to a database
    closes, SQLite copies its write-ahead log into the database and deletes the log. This connection prevents that
    until the run ends; nothing else depends on it.
    """
    directory = settings.load().dagster_home / "history" / "runs"
    with contextlib.ExitStack() as stack:
        for path in (directory / f"{name}.db" for name in names):
            if path.exists():
                connection = stack.enter_context(contextlib.closing(sqlite3.connect(path, check_same_thread=False)))
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield


def end_with_parent() -> None:
    """End this process together with the process that started it, so that nothing writes without the lock."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel, parent.pid), daemon=True).start()


def _end_after(sentinel: int | None, parent: int | None) -> None:
    if sentinel is not None:
        wait([sentinel])
    while sentinel is None and os.getppid() == parent:  # loky's processes have no sentinel
        time.sleep(POLL_SECONDS)
    # Dagster copies the output of a step in a process of its own, which would stay if the step ends while starting it.
    kill_children()
    os._exit(1)
