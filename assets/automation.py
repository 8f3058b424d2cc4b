"""Jobs, schedules and sensors."""

import dagster as dg

GROUPS = ("digits", "pca", "harris", "knn", "softmax", "networks", "evaluation")

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
jobs = [everything, *group_jobs]
schedules = [weekly_retraining]
