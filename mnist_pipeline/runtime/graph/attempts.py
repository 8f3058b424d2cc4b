"""Partitions that need a run, and how often each has been tried."""

from collections.abc import Sequence

import dagster as dg

from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.runtime.graph.records import runs_of_partitions

MAX_ATTEMPTS = 3  # for a partition whose run was killed


def due(instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Sequence[str]) -> list[tuple[str, int]]:
    """The partitions that need a run, in their order, each with the number of runs that it has had.

    A partition gets one run. It gets another, up to `MAX_ATTEMPTS`, only if the process of each earlier run was killed.
    """
    run_lock.fail_abandoned_runs(instance)
    done = instance.get_materialized_partitions(asset)
    runs = runs_of_partitions(instance, [key for key in partitions if key not in done])
    return [
        (key, len(earlier))
        for key, earlier in runs.items()
        if len(earlier) < MAX_ATTEMPTS and all(_was_killed(instance, run) for run in earlier)
    ]


def _was_killed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a run failed although no step of it failed."""
    if run.status != dg.DagsterRunStatus.FAILURE:
        return False
    return not instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
