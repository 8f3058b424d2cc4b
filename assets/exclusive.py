"""One run at a time into a storage, and an end to the runs whose process is gone.

Whoever carries out a run holds the lock of the storage: the command line for all that it materializes, else the
process in which the run's executor is (the UI's and the daemon's runs have one each). The steps of the multiprocess
executor are children of that process, write one asset each, and end with it.

A run names in a tag a lock file that its process holds for as long as it lives. A run that Dagster believes to go on
while nobody holds its file has lost its process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets import files, settings, storage

if TYPE_CHECKING:
    from dagster._core.execution.context.system import PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan

PROCESS_TAG = "mnist-pipeline/process"
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
ENDED = "Its process ended without a word (killed, or the machine went down); mnist-pipeline run --changed goes on."
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
    with files.locked(stored.lock, lambda holder: told(WAITING.format(holder=holder, root=stored.root))) as taken:
        if taken:
            stored.recover()
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
    directory = _directory()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{os.getpid()}-{uuid.uuid4().hex}"
    try:
        with files.locked(path, lambda _: None):
            yield {PROCESS_TAG: path.name}
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
    return files.holder(_directory() / name) is None


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

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        with contextlib.ExitStack() as stack:
            if not files.is_held(_directory() / plan_context.dagster_run.tags.get(PROCESS_TAG, "")):
                plan_context.instance.add_run_tags(plan_context.run_id, stack.enter_context(alive()))
            with dg.raise_execution_interrupts():  # a run that waits can be terminated
                stack.enter_context(turn(plan_context.log.info))
            yield from self._executor.execute(plan_context, execution_plan)


def end_with_parent() -> None:
    """In a step process of the multiprocess executor: don't outlive the run."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
