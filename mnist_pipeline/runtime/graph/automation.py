"""When Dagster's automation runs an asset, and what a schedule requests.

Automation acts on the assets whose `automation_condition` holds, once a user has switched on its
sensor. A schedule runs a whole job.
"""

from collections.abc import Callable, Iterable
from typing import Any, cast

import dagster as dg

from mnist_pipeline.runtime.graph.readers import requested_and_waits
from mnist_pipeline.runtime.instance import unfinished_runs
from mnist_pipeline.runtime.project import ON_REQUEST

condition: Any = dg.AutomationCondition
# The files are observed every hour.
OBSERVATION = condition.cron_tick_passed("0 * * * *") & ~condition.in_progress()
# An asset runs if it is missing, if its code has changed, or if an input has another value or is
# about to run; but not while the asset or an input runs. Each reason counts once, and has a row of
# its own on the page of the asset. An input that was computed in a run of the asset itself is no
# reason, or a run that failed or was canceled halfway would be requested again.
# `since_last_handled` would also forget what is missing at first. The readers run first.
HANDLED = (condition.newly_requested() | condition.newly_updated()).with_label("requested or run")
MISSING = condition.newly_missing().since(HANDLED).with_label("missing")
CODE_CHANGED = condition.code_version_changed().since(HANDLED).with_label("code changed")
HAS_CHANGED = (
    condition.newly_updated()
    & condition.data_version_changed()
    & ~condition.executed_with_root_target()
)
CHANGED_DEPS = condition.any_deps_match(HAS_CHANGED)


def automated(spec: dg.AssetSpec, readers: Iterable[dg.AssetKey]) -> dg.AssetSpec:
    """An asset with its condition; an asset on request, or with a condition, stays as it is."""
    if spec.automation_condition or spec.group_name in ON_REQUEST:
        return spec
    return spec.replace_attributes(automation_condition=_condition(spec, readers))


def _condition(spec: dg.AssetSpec, readers: Iterable[dg.AssetKey]) -> Any:
    requested, waits = requested_and_waits(spec, readers)
    input_changed = (CHANGED_DEPS | requested).since(HANDLED).with_label("input changed")
    return (
        (MISSING | CODE_CHANGED | input_changed)
        & ~condition.any_deps_missing()
        & ~condition.in_progress()
        & ~waits
    )


def sensor(name: str, assets: dg.AssetSelection) -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates the conditions of assets; it is off until a user switches it on."""
    return dg.AutomationConditionSensorDefinition(
        name,
        target=assets,
        minimum_interval_seconds=30,
        description="Run an asset if it is missing, if its code has changed, or if one of its "
        "inputs has another value. The files are observed every hour.",
    )


def schedule(
    name: str, cron: str, job: Any, definitions: Callable[[], dg.Definitions]
) -> dg.ScheduleDefinition:
    """A schedule in UTC that runs a job of these definitions; it is off until a user switches it
    on.

    A tick is skipped while a run of some of the job's assets is unfinished.
    """

    def request(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        graph, jobs = definitions().resolve_asset_graph(), cast("Any", definitions().jobs)
        keys = job.selection.resolve(graph)
        overlapping = {each.name for each in jobs if keys & each.selection.resolve(graph)}
        for run in unfinished_runs(context.instance):
            # A run of a whole job has no selection.
            if keys & run.asset_selection if run.asset_selection else run.job_name in overlapping:
                return dg.SkipReason(f"run {run.run_id} of {run.job_name} is unfinished")
        return dg.RunRequest()

    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        description=f"Run the job {job.name}; skip a tick while a run of its assets is unfinished.",
        execution_fn=request,
    )
