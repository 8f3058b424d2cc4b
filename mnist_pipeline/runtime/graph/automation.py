"""When Dagster's automation runs an asset, and what a schedule requests.

Automation acts on the assets whose `automation_condition` holds, once a user has switched on its
sensor. A schedule compares everything at its time, and also runs assets whose stored value is
damaged.
"""

from typing import Any

import dagster as dg

from mnist_pipeline.runtime.graph.staleness import due_assets, observe_raw_files
from mnist_pipeline.runtime.instance import unfinished_runs
from mnist_pipeline.runtime.project import ON_REQUEST

condition: Any = dg.AutomationCondition
# The files are observed every hour.
OBSERVATION = condition.cron_tick_passed("0 * * * *") & ~condition.in_progress()
# An asset runs if it is missing, if its code has changed, or if an input has another value or is
# about to run; but not while the asset or an input runs. Each reason counts once, and has a row of
# its own on the page of the asset. An input that was computed in a run of the asset itself is no
# reason, or a run that failed or was canceled halfway would be requested again.
# `since_last_handled` would also forget what is missing at first.
HANDLED = (condition.newly_requested() | condition.newly_updated()).with_label("requested or run")
MISSING = condition.newly_missing().since(HANDLED).with_label("missing")
CODE_CHANGED = condition.code_version_changed().since(HANDLED).with_label("code changed")
HAS_CHANGED = (
    condition.newly_updated()
    & condition.data_version_changed()
    & ~condition.executed_with_root_target()
)
INPUT_CHANGED = (
    condition.any_deps_match(HAS_CHANGED | condition.will_be_requested())
    .since(HANDLED)
    .with_label("input changed")
)
COMPUTATION = (
    (MISSING | CODE_CHANGED | INPUT_CHANGED)
    & ~condition.any_deps_missing()
    & ~condition.in_progress()
    & ~condition.any_deps_in_progress()
)


def automated(spec: dg.AssetSpec) -> dg.AssetSpec:
    """An asset with its condition; an asset on request, or with a condition, stays as it is."""
    if spec.automation_condition or spec.group_name in ON_REQUEST:
        return spec
    return spec.replace_attributes(automation_condition=COMPUTATION)


def sensor(name: str, assets: dg.AssetSelection) -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates the conditions of assets; it is off until a user switches it on."""
    return dg.AutomationConditionSensorDefinition(
        name,
        target=assets,
        minimum_interval_seconds=30,
        description="Run an asset if it is missing, if its code has changed, or if one of its "
        "inputs has another value. The files are observed every hour.",
    )


def rerun(
    instance: dg.DagsterInstance, definitions: dg.Definitions, within: dg.AssetSelection
) -> dg.RunRequest | dg.SkipReason:
    """The request of a schedule: run what is due in a selection, if none of it is running."""
    selected = within.resolve(definitions.resolve_asset_graph())
    jobs = {job.name for job in definitions.jobs or ()}
    for run in unfinished_runs(instance):
        # A run of a whole job has no selection.
        if selected & run.asset_selection if run.asset_selection else run.job_name in jobs:
            return dg.SkipReason(f"run {run.run_id} of {run.job_name} is unfinished")
    observe_raw_files(instance, definitions)
    due = due_assets(instance, definitions) & selected
    return dg.RunRequest(asset_selection=sorted(due)) if due else dg.SkipReason("nothing is due")
