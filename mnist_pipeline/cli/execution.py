"""Carrying out the runs of a wave, and the reasons why assets failed."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from mnist_pipeline.cli import interruption
from mnist_pipeline.cli.console import console_logger, log_path, quiet_logger, shown_on
from mnist_pipeline.cli.display import Display
from mnist_pipeline.cli.launching import LaunchedRun, launch_and_wait, launches_runs
from mnist_pipeline.cli.project import EVERY_DATA_SET, EVERYTHING, EXPANDED_JOB, FOLDS_JOB, INBOX_JOB, job
from mnist_pipeline.cli.selection import job_of, pictures_of
from mnist_pipeline.cli.waves import Wave
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.executors import futures
from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.runtime.graph.data_sets import operation_name
from mnist_pipeline.runtime.graph.records import PARTITION_TAG
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils.printable import one_line

MAKE_SHARD = f"{__name__}:make_shard"
OWN_PACKAGES = ("mnist_pipeline.", "assets.")


class Shard(NamedTuple):
    """A fold to be run by a worker, in what can be sent to one: its name, its assets, and the run configuration."""

    fold: str
    assets: tuple[str, ...]
    config: dict[str, Any]


class Done(NamedTuple):
    """What became of a shard: seconds of its run, and why it failed, in lines; none if it did not."""

    seconds: float
    failures: tuple[str, ...]


def console_job() -> dg.JobDefinition:
    """The job of the whole graph, of all data sets, told on the terminal."""
    return job(EVERY_DATA_SET if settings.load().data_sets else EVERYTHING).with_logger_defs(
        {"console": console_logger}
    )


def console_expanded_job() -> dg.JobDefinition:
    """The job of what is said of the whole expanded set, told on the terminal."""
    return job(EXPANDED_JOB).with_logger_defs({"console": console_logger})


def console_inbox_job() -> dg.JobDefinition:
    """The job of a picture from the inbox, told on the terminal."""
    return job(INBOX_JOB).with_logger_defs({"console": console_logger})


def shard_job() -> dg.JobDefinition:
    """The job of a fold of the expanded set; who shares out the folds tells of them."""
    return job(FOLDS_JOB).with_logger_defs({"console": quiet_logger})


JOBS: dict[str, Callable[[], dg.JobDefinition]] = {
    EVERYTHING: console_job,
    EXPANDED_JOB: console_expanded_job,
    INBOX_JOB: console_inbox_job,
    FOLDS_JOB: shard_job,
}


def within(config: dict[str, Any], selected: AbstractSet[dg.AssetKey]) -> dict[str, Any]:
    """The part of a run configuration that a run of these assets, of one job, accepts."""
    names = {operation_name(key) for key in selected}
    ops = {"ops": {name: value for name, value in config.get("ops", {}).items() if name in names}}
    name = job_of(next(iter(selected)))
    if name == INBOX_JOB:
        return {"loggers": config["loggers"]}
    if name == FOLDS_JOB:
        return {"loggers": {"console": {}}, **ops}
    return {**config, **ops}


def carry_out(
    instance: dg.DagsterInstance, runs: list[Wave], config: dict[str, Any], display: Display | None = None
) -> list[str]:
    """Carry out runs that do not depend on one another, folds on the workers; return the failures, in lines."""
    if job_of(next(iter(runs[0].assets))) != FOLDS_JOB:
        outcomes = [
            materialize(instance, run.assets, within(config, run.assets), run.partition, display) for run in runs
        ]
        return [line for outcome in outcomes for line in _failures_of(outcome)]
    with run_lock.turn(display.print if display else print):
        return _carry_out_folds(instance, shards_of(runs, config), display or Display(io.StringIO()))


def _carry_out_folds(instance: dg.DagsterInstance, shards: list[Shard], display: Display) -> list[str]:
    lines: list[str] = []
    display.begin([shard.fold for shard in shards])
    try:
        for shard, done in futures.compute(settings.load(), MAKE_SHARD, shards):
            if done.failures:
                display.fail_step(shard.fold)
            else:
                display.finish_step(shard.fold, done.seconds, ", ".join(shard.assets))
            lines += done.failures
    finally:  # of a worker that was killed
        display.end()
        run_lock.end_leftovers(instance)
        storage.current().recover()
    return lines


def shards_of(runs: list[Wave], config: dict[str, Any]) -> list[Shard]:
    """Runs of folds as they are given to workers."""
    return [
        Shard(str(run.partition), tuple(sorted(key.to_user_string() for key in run.assets)), within(config, run.assets))
        for run in runs
    ]


def make_shard(shard: Shard) -> Done:
    """Carry out the run of a fold, for a driver that has the storage to itself."""
    start = time.perf_counter()
    with run_lock.lent(), dg.DagsterInstance.get() as instance:
        outcome = materialize(instance, {dg.AssetKey(name) for name in shard.assets}, shard.config, shard.fold)
        failed = [f"{shard.fold}: {line}" for line in _failures_of(outcome)]
    return Done(time.perf_counter() - start, tuple(failed))


def materialize(
    instance: dg.DagsterInstance,
    selected: AbstractSet[dg.AssetKey],
    config: dict[str, Any],
    partition: str | None = None,
    display: Display | None = None,
) -> dg.JobExecutionResult | LaunchedRun:
    """Run selected assets of one job, and show the progress on a display; an interrupted run counts as canceled.

    If the process of a step is killed, a second run continues after the steps that succeeded.
    """
    name = job_of(next(iter(selected)))
    if name == INBOX_JOB and partition is not None:  # a new Dagster instance doesn't know it
        instance.add_dynamic_partitions(pictures_of(next(iter(selected))), [partition])
    partition_tags = {} if partition is None else {PARTITION_TAG: partition}
    if name != FOLDS_JOB and launches_runs(instance):
        with shown_on(display):
            return launch_and_wait(instance, JOBS[name], selected, config, partition_tags)
    outcome = None
    for _ in range(futures.MAX_ATTEMPTS):
        with run_lock.alive() as tags, shown_on(display):
            outcome = dg.execute_job(
                dg.reconstructable(JOBS[name]),
                instance,
                run_config=config,
                asset_selection=sorted(selected),
                tags={**tags, **partition_tags},
                reexecution_options=dg.ReexecutionOptions.from_failure(outcome.run_id, instance) if outcome else None,
            )
        if interruption.received():
            instance.report_run_canceled(outcome.dagster_run, "It was interrupted on the command line.")
            raise KeyboardInterrupt
        if not _was_killed(outcome):
            break
    assert outcome is not None
    return outcome


def _was_killed(outcome: dg.JobExecutionResult) -> bool:
    """Whether the process of a step ended before the step, as when the system runs out of memory."""
    errors = [event.step_failure_data.error for event in outcome.all_events if event.is_step_failure]
    return any(error is not None and error.cls_name == "ChildProcessCrashException" for error in errors)


def _failures_of(outcome: dg.JobExecutionResult | LaunchedRun) -> list[str]:
    """Why a run failed, and where its log is; nothing if it did not."""
    return [] if outcome.success else [*failures(outcome), f"Full log: {log_path(outcome.run_id)}"]


def failures(outcome: dg.JobExecutionResult | LaunchedRun) -> list[str]:
    """Which assets failed, and why, a line each."""
    return [
        f"{event.step_key} failed: {_reason(event.step_failure_data.error)}"
        for event in outcome.all_events
        if event.is_step_failure
    ] or ["the run failed before any asset began"]


def _reason(error: SerializableErrorInfo | None) -> str:
    """The message of the first of the project's own errors in a chain of causes, else of the root cause."""
    chain = list(_causes(error))
    for cause in chain:
        if cause.message.startswith(OWN_PACKAGES):
            return one_line(cause.message.partition(": ")[2])
    return one_line(chain[-1].message) if chain else "no reason was recorded"


def _causes(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    while error is not None:
        yield error
        error = error.cause
