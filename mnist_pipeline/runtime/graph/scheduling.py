"""Schedules whose ticks start no run if nothing is to be done. They are off until a user switches them on."""

from typing import Any

import dagster as dg

from mnist_pipeline.runtime import project, settings
from mnist_pipeline.runtime.graph import data_sets, history, retention, run_lock, staleness
from mnist_pipeline.utils.printable import count

Tick = dg.RunRequest | dg.SkipReason
PRUNING = "Delete all but the latest runs, and all but the latest former versions of models; champions are kept."
OPTIONS: dict[str, Any] = {"execution_timezone": "UTC", "default_status": dg.DefaultScheduleStatus.STOPPED}


def of_changes(
    name: str, job: str, prefix: str | None, selection: dg.AssetSelection, cron: str, description: str
) -> dg.ScheduleDefinition:
    """A schedule that runs what is missing or out of sync in a selection, and what depends on it."""

    @dg.schedule(name=name, job_name=job, cron_schedule=cron, description=description, **OPTIONS)
    def changes(context: dg.ScheduleEvaluationContext) -> Tick:
        run_lock.fail_abandoned_runs(context.instance)
        data_sets.look(context.instance, data_sets.of_prefix(prefix))
        due = staleness.due(context.instance, project.graph(), selection)
        return dg.RunRequest(asset_selection=sorted(due)) if due else dg.SkipReason("nothing has changed")

    return changes


def of_pruning(name: str, cron: str) -> dg.ScheduleDefinition:
    """A schedule that deletes old runs and former versions, as the settings say."""

    @dg.schedule(name=name, job=retention.pruning, cron_schedule=cron, description=PRUNING, **OPTIONS)
    def old(context: dg.ScheduleEvaluationContext) -> Tick:
        configured, graph = settings.load(), project.graph()
        runs = len(retention.old_runs(context.instance, graph, configured.kept_runs))
        versions = sum(map(len, history.unwanted(context.instance, graph, configured.versions).values()))
        return dg.RunRequest() if runs or versions else dg.SkipReason(f"there are no more than {_kept(configured)}")

    return old


def _kept(configured: "settings.Settings") -> str:
    return f"{count(configured.kept_runs, 'run')} and {count(configured.versions, 'former value')} of each model"
