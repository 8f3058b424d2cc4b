"""Execute the runs of a wave, here or by a run launcher, and collect the reasons why assets failed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from mnist_pipeline.cli import interruption
from mnist_pipeline.cli.console import console_logger, describe_check, follow_run, shown_on
from mnist_pipeline.cli.selection import (
    DRIFT_JOB,
    EVERY_DATA_SET,
    EVERYTHING,
    INBOX_JOB,
    SHARDS,
    definitions,
    job_of,
    picture_assets,
)
from mnist_pipeline.cli.waves import Run, Wave
from mnist_pipeline.runtime import dagster_internals, settings
from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.runtime.graph.data_sets import operation_name
from mnist_pipeline.runtime.graph.records import PARTITION_TAG
from mnist_pipeline.runtime.graph.retention import log_path
from mnist_pipeline.runtime.project import CODE_LOCATION
from mnist_pipeline.utils.printable import one_line

if TYPE_CHECKING:
    from mnist_pipeline.cli.display import Display

OWN_PACKAGES = ("mnist_pipeline.", "assets.")
POLL_SECONDS = 0.5
MAX_ATTEMPTS = 3  # runs, if the process of a step is killed each time


class LaunchedRun(NamedTuple):
    """The outcome of a run that ended; the names are those of `dagster.JobExecutionResult`."""

    run_id: str
    success: bool
    all_events: Sequence[dg.DagsterEvent]


class ShardOutcome(NamedTuple):
    """Seconds of the run of a shard, a line per reason why it failed, and its checks, from `describe_check`."""

    seconds: float
    failures: list[str]
    checks: list[tuple[str, str, bool]]


def console_job(name: str) -> dg.JobDefinition:
    """Return a job of the graph with the logger of the command line; other processes load it by this function."""
    wanted = EVERY_DATA_SET if name == EVERYTHING and settings.load().data_sets else name
    return definitions().resolve_job_def(wanted).with_logger_defs({"console": console_logger})


def config_of(selected: AbstractSet[dg.AssetKey], config: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a run configuration that a run of these assets, all of one job, accepts."""
    names = {operation_name(key) for key in selected}
    ops = {"ops": {name: value for name, value in config.get("ops", {}).items() if name in names}}
    name = job_of(next(iter(selected)))
    if name in (INBOX_JOB, DRIFT_JOB) or name.endswith(SHARDS):  # a seed and an executor are for the other jobs
        return {"loggers": config["loggers"], **(ops if name.endswith(SHARDS) else {})}
    return {**config, **ops}


def run_wave(
    instance: dg.DagsterInstance, wave: Wave, config: dict[str, Any], display: Display | None = None
) -> list[str]:
    """Execute the runs of a wave, and return a line per failure."""
    if job_of(next(iter(wave[0].assets))).endswith(SHARDS):
        with run_lock.storage_lock(print):
            return _run_shards(instance, wave, config, display)
    outcomes = [
        materialize(instance, run.assets, config_of(run.assets, config), run.partition, display) for run in wave
    ]
    return [line for outcome in outcomes for line in _failures_with_log(outcome)]


def _run_shards(instance: dg.DagsterInstance, wave: Wave, config: dict[str, Any], display: Display | None) -> list[str]:
    lines: list[str] = []
    if display:
        display.begin([str(run.partition) for run in wave])
    try:
        for run in wave:
            outcome = _run_shard(instance, run, config_of(run.assets, config))
            lines += outcome.failures
            if display:
                for check in outcome.checks:
                    display.count_check(*check)
                names = ", ".join(sorted(key.to_user_string() for key in run.assets))
                display.finish_step(str(run.partition), outcome.seconds, None if outcome.failures else names)
    finally:
        if display:
            display.end()
    return lines


def _run_shard(instance: dg.DagsterInstance, run: Run, config: dict[str, Any]) -> ShardOutcome:
    """Execute the run of a shard, in a process that has the storage lock."""
    start, shard = time.perf_counter(), run.partition
    with run_lock.under_driver_lock():
        outcome = materialize(instance, run.assets, config, shard)
    failed = [f"{shard}: {line}" for line in _failures_with_log(outcome)]
    evaluated = [each for each in outcome.all_events if each.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION]
    checks = [describe_check(event.asset_check_evaluation_data) for event in evaluated]
    named = [(f"{shard}, {name}", measured, passed) for name, measured, passed in checks]
    return ShardOutcome(time.perf_counter() - start, failed, named)


def materialize(
    instance: dg.DagsterInstance,
    selected: AbstractSet[dg.AssetKey],
    config: dict[str, Any],
    partition: str | None = None,
    display: Display | None = None,
) -> dg.JobExecutionResult | LaunchedRun:
    """Run selected assets of one job. A run that is interrupted counts as canceled.

    If the process of a step is killed, a second run continues after the steps that succeeded.
    """
    name = job_of(next(iter(selected)))
    if name == INBOX_JOB and partition is not None:  # a new Dagster instance does not know it
        instance.add_dynamic_partitions(picture_assets()[next(iter(selected))], [partition])
    partition_tags = {} if partition is None else {PARTITION_TAG: partition}
    dagster_internals.assign_runs(instance, CODE_LOCATION)
    job = dg.build_reconstructable_job(__name__, console_job.__name__, (name,))
    if not name.endswith(SHARDS) and launches_runs(instance):
        with shown_on(display):
            return _launch_and_wait(instance, job, selected, run_config=config, tags=partition_tags)
    outcome = None
    for _ in range(MAX_ATTEMPTS):
        with run_lock.alive() as tags, run_lock.open_event_logs("index"), shown_on(display):
            outcome = dg.execute_job(
                job,
                instance,
                run_config=config,
                asset_selection=sorted(selected),
                tags={**tags, **partition_tags},
                reexecution_options=dg.ReexecutionOptions.from_failure(outcome.run_id, instance) if outcome else None,
            )
        if interruption.received():
            instance.report_run_canceled(outcome.dagster_run, "It was interrupted on the command line.")
            raise KeyboardInterrupt
        errors = [event.step_failure_data.error for event in outcome.all_events if event.is_step_failure]
        if not any(error and error.cls_name == "ChildProcessCrashException" for error in errors):
            break  # no process of a step was killed
    assert outcome is not None
    return outcome


def launches_runs(instance: dg.DagsterInstance) -> bool:
    """Whether the instance has another launcher than Dagster's default, which starts a process on this machine."""
    return not isinstance(instance.run_launcher, dg.DefaultRunLauncher)


def _launch_and_wait(
    instance: dg.DagsterInstance, job: Any, selected: AbstractSet[dg.AssetKey], **options: Any
) -> LaunchedRun:
    """Launch a run of selected assets of a reconstructable job, and wait until it has ended; on Ctrl-C, terminate it.

    The process of the run waits for the storage lock, and the run fails if its process ends early.
    """
    subset = job.get_definition().get_subset(asset_selection=set(selected))
    origin, assets = job.get_python_origin(), frozenset(selected)
    run = instance.create_run_for_job(subset, asset_selection=assets, job_code_origin=origin, **options)
    follow_run(run.run_id, [node.name for node in subset.nodes])
    workspace: Any = None  # only Dagster's default launcher reads it
    instance.launch_run(run.run_id, workspace)
    try:
        while not (run := instance.get_run_by_id(run.run_id) or run).is_finished:
            health = instance.run_launcher.check_run_worker_health(run)
            if health.status.value == "FAILED" and not (run := instance.get_run_by_id(run.run_id) or run).is_finished:
                instance.report_run_failed(run, f"The process of the run ended early. {health.msg or ''}")
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        instance.run_launcher.terminate(run.run_id)
        raise
    events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    return LaunchedRun(run.run_id, run.is_success, events)


def failures(outcome: dg.JobExecutionResult | LaunchedRun) -> list[str]:
    """Return a line per asset that failed, with the reason."""
    return [
        f"{event.step_key} failed: {_reason(event.step_failure_data.error)}"
        for event in outcome.all_events
        if event.is_step_failure
    ] or ["the run failed before any asset began"]


def _failures_with_log(outcome: dg.JobExecutionResult | LaunchedRun) -> list[str]:
    return [] if outcome.success else [*failures(outcome), f"Full log: {log_path(outcome.run_id)}"]


def _reason(error: Any) -> str:
    """Return the message of the first of the project's own errors in a chain of causes, else of the root cause."""
    reason = "no reason was recorded"
    while error is not None:
        reason = error.message
        if reason.startswith(OWN_PACKAGES):
            return one_line(reason.partition(": ")[2])
        error = error.cause
    return one_line(reason)
