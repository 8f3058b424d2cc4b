"""One run at a time into a storage, and an end to the runs whose process is gone.

Whoever carries out a run holds the lock of the storage: the command line for all that it materializes, else the
process in which the run's executor is (the UI's and the daemon's runs have one each). The workers to which it gives
steps take no turn of their own: they write one asset at a time, and end with it.

A run names in a tag a lock that its process holds for as long as it lives: a file, or where the instance is on
PostgreSQL a lock of the server, which other machines see too. A run that Dagster believes to go on while nobody holds
its lock has lost its process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
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
from mnist_pipeline.runtime.storage import files, storage

PROCESS_TAG = "mnist-pipeline/process"
POLL_SECONDS = 0.1
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
ENDED = "Its process ended without a word (killed, or the machine went down); mnist-pipeline run --changed goes on."
# The tokens by which this process is known to live.
_own: set[str] = set()
# Whether this process works for another one that has the storage's turn.
_lent: ContextVar[bool] = ContextVar("lent", default=False)
WAITING = "Another run ({holder}) is writing into {root}; waiting for it to end …"


@contextlib.contextmanager
def turn(told: Callable[[str], object]) -> Iterator[None]:
    """Have the storage to oneself, in order: what a killed run left there is brought to an end first.

    Parameters
    ----------
    told : callable
        Told who is being waited for.
    """
    if _lent.get():
        yield
        return
    stored = storage.current()
    with stored.lock(lambda holder: told(WAITING.format(holder=holder, root=stored.root))) as taken:
        if taken:
            for each in storage.all_storages():
                each.recover()
        yield


@contextlib.contextmanager
def lent() -> Iterator[None]:
    """Within, a run takes no turn: a worker carries it out for a driver, which has the storage to itself.

    To be used by what a driver that is within `turn` has its workers do, and by nobody else.
    """
    token = _lent.set(True)
    try:
        yield
    finally:
        _lent.reset(token)


@contextlib.contextmanager
def alive() -> Iterator[dict[str, str]]:
    """The tags that a run of this process carries while it lives."""
    token = f"{os.getpid()}-{uuid.uuid4().hex}"
    configured = settings.load()
    with database.lock(configured, token) if configured.database else _held_file(token):
        _own.add(token)
        try:
            yield {PROCESS_TAG: token}
        finally:
            _own.remove(token)


@contextlib.contextmanager
def _held_file(token: str) -> Iterator[None]:
    directory = _directory()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / token
    try:
        with files.lock(path, lambda _: None):
            yield
    finally:
        path.unlink(missing_ok=True)


def end_leftovers(instance: dg.DagsterInstance) -> int:
    """Mark as failed the runs whose process is gone; say how many."""
    gone = [run for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) if _is_gone(instance, run)]
    for run in gone:
        instance.report_run_failed(run, ENDED)
        (_directory() / run.tags[PROCESS_TAG]).unlink(missing_ok=True)
    return len(gone)


def _is_gone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    name = run.tags.get(PROCESS_TAG, "")
    if not re.fullmatch(r"[0-9]+-[0-9a-f]{32}", name):
        return False
    parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    if parent and parent.tags.get(PROCESS_TAG) == name:
        return False  # a run executed again has the tags of the first one, until it has its own
    configured = settings.load()
    if configured.database:
        return not database.is_locked(configured, name)
    return files.lock_holder(_directory() / name) is None


def _directory() -> Path:
    return settings.load().dagster_home / "alive"


def one_at_a_time(definition: dg.ExecutorDefinition) -> dg.ExecutorDefinition:
    """The same executor, which waits for its turn at the storage before the first step."""

    source: Any = definition
    return dg.ExecutorDefinition(
        definition.name,
        config_schema=source.config_schema,
        requirements=source.get_requirements,
        executor_creation_fn=lambda context: _Waiting(source.executor_creation_fn(context)),
    )


class _Waiting(dg.Executor):
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
                plan_context.instance.add_run_tags(plan_context.run_id, stack.enter_context(alive()))
            with dg.raise_execution_interrupts():  # a run that waits can be terminated
                stack.enter_context(turn(plan_context.log.info))
            threads.share_processors()  # before a step imports the libraries that read these variables
            yield from self._executor.execute(plan_context, execution_plan)


def end_with_parent() -> None:
    """End this process when the run that started it ends, so that nothing writes without the lock."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel, parent.pid), daemon=True).start()


def _end_after(sentinel: int | None, parent: int | None) -> None:
    if sentinel is not None:
        wait([sentinel])
    while sentinel is None and os.getppid() == parent:  # loky's processes have no sentinel
        time.sleep(POLL_SECONDS)
    os._exit(1)
