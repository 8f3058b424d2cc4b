"""Whole runs on other machines, by the run launcher that the Dagster instance is configured with."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import dagster as dg

from mnist_pipeline.cli.console import follow_run

POLL_SECONDS = 0.5


class LaunchedRun(NamedTuple):
    """The outcome of a run that ended; the names are those of `dagster.JobExecutionResult`."""

    run_id: str
    success: bool
    all_events: Sequence[dg.DagsterEvent]


def launches_runs(instance: dg.DagsterInstance) -> bool:
    """Whether the instance has another launcher than Dagster's default, which starts a process on this machine."""
    return not isinstance(instance.run_launcher, dg.DefaultRunLauncher)


def launch_and_wait(
    instance: dg.DagsterInstance,
    job: Any,
    selected: AbstractSet[dg.AssetKey],
    config: Mapping[str, Any],
    tags: Mapping[str, str],
) -> LaunchedRun:
    """Launch a run of selected assets of a reconstructable job, and wait until it has ended; on Ctrl-C, terminate it.

    The process of the run waits for the storage lock, and the run fails if its process ends early.
    """
    subset = job.get_definition().get_subset(asset_selection=set(selected))
    run = instance.create_run_for_job(
        subset,
        run_config=config,
        tags=tags,
        asset_selection=frozenset(selected),
        job_code_origin=job.get_python_origin(),
    )
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
