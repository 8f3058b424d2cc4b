"""Jobs, schedules, sensors and conditions. All that starts work by itself is off until it is switched on."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from assets import digits, settings
from assets.evaluation import MODELS
from mnist_pipeline.datasets import DatasetError

GROUPS = ("digits", "pca", "harris", "knn", "softmax", "networks", "evaluation", "serving")
DAY_SECONDS = 24 * 60 * 60

everything = dg.define_asset_job(
    "everything",
    dg.AssetSelection.all(),
    description="Materialize the whole graph, from the raw files to the report.",
)
group_jobs = [
    dg.define_asset_job(f"{group}_group", dg.AssetSelection.groups(group), description=f"Materialize group {group}.")
    for group in GROUPS
]
weekly_retraining = dg.ScheduleDefinition(
    name="weekly_retraining",
    job=everything,
    cron_schedule="0 3 * * 0",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Retrain everything on Sundays at 03:00 UTC, once switched on.",
)

# What depends on a changed asset follows, but only where its version really changed.
FOLLOW = (
    (
        dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed())
        | dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested())
        | dg.AutomationCondition.code_version_changed()
    ).since(dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated())
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("an upstream version, or the code, changed")

FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=15), warn_window=timedelta(days=8))


def automated(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets with what holds for all: owner, tags, freshness policy, and the condition to follow."""
    return [asset.map_asset_specs(_automated) for asset in assets]


def _automated(spec: dg.AssetSpec) -> dg.AssetSpec:
    model, _, _ = spec.key.to_user_string().partition("_")
    return spec.replace_attributes(
        owners=["team:pipeline"],
        tags={**spec.tags, "model": model} if model in MODELS else spec.tags,
        freshness_policy=FRESHNESS,
        automation_condition=FOLLOW,
    )


@dg.sensor(
    job=everything,
    minimum_interval_seconds=DAY_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Look at the raw files once a day, and run everything only if their checksum changed.",
)
def changed_raw_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Compare the checksum of the data directory with that of the last look, and of the last run before it."""
    try:
        version = digits.data_version(settings.load().data)
    except DatasetError as error:
        return dg.SkipReason(f"the raw files can't be read: {error}")
    known = context.cursor or digits.observed_version(context.instance)
    if version == known:
        return dg.SensorResult(skip_reason=f"the raw files are unchanged ({version[:12]})", cursor=version)
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=version)],
        asset_events=[digits.sighting(version)],
        cursor=version,
    )


jobs = [everything, *group_jobs]
schedules = [weekly_retraining]
sensors = [changed_raw_files]
