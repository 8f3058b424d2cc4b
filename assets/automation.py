"""Jobs, schedules, sensors and automation conditions. Schedules and sensors are off until a user switches them on."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from mnist_pipeline.data.datasets import DatasetError
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph import alerts, data_sets, retention, run_lock, scheduling
from mnist_pipeline.runtime.inbox import InboxResource
from mnist_pipeline.runtime.project import REPORT

from . import expanded, experiments
from .serving import PICTURES, inbox_predictions

MODEL_GROUPS = dict.fromkeys(model.group for model in MODELS.values())
# The expanded set is several times the data, and a sweep trains many models: both are computed on request.
SHARDED = {module.GROUP: module for module in (expanded, experiments)}
GROUPS = ("digits", "pca", "harris", *MODEL_GROUPS, "evaluation", "serving", *SHARDED)
DAY_SECONDS = 24 * 60 * 60
INBOX_SECONDS = 30
MAX_RUNS = 20  # per tick of the inbox sensor, which has a minute

pictures = dg.AssetSelection.assets(inbox_predictions)
shards = {
    group: dg.AssetSelection.assets(
        *(each for each in vars(module).values() if isinstance(each, dg.AssetsDefinition) and each.partitions_def)
    )
    for group, module in SHARDED.items()
}
on_request = pictures | dg.AssetSelection.groups(*SHARDED)  # a picture is recognized when it arrives
prefixes = [placed.prefix for placed in settings.of_definitions().data_sets]


def named(name: str, prefix: str | None) -> str:
    """The name of a job, schedule or sensor of a data set."""
    return name if prefix is None else f"{prefix}_{name}"


def whole_graph(prefix: str | None) -> dg.AssetSelection:
    """All assets of a data set, but those that are computed on request."""
    if prefix is not None:
        return dg.AssetSelection.key_prefixes([prefix])
    return dg.AssetSelection.all() - on_request - dg.AssetSelection.key_prefixes(*([other] for other in prefixes))


def define_jobs(prefix: str | None) -> list[Any]:  # of a type that Dagster does not export
    """A job for the whole graph of a data set, and one for each group."""
    graph = "the whole graph" if prefix is None else f"the whole graph of {prefix}"
    return [
        dg.define_asset_job(
            named("everything", prefix),
            whole_graph(prefix),
            description=f"Materialize {graph}, from the raw files to the report.",
            metadata={"report": dg.MetadataValue.url("/".join(filter(None, [REPORT, prefix])))},
        ),
        *(
            dg.define_asset_job(
                f"{group}_group",
                dg.AssetSelection.groups(group) - shards.get(group, pictures),
                description=f"Materialize the group {group}.",
            )
            for group in (named(group, prefix) for group in GROUPS)
        ),
    ]


every_data_set = dg.define_asset_job(
    "every_data_set",
    dg.AssetSelection.all() - on_request,
    description="Materialize the whole graph of each data set, and compare the data sets.",
)
# Shards are distributed over runs, so the run of a shard needs only one process.
shard_jobs = [
    dg.define_asset_job(
        f"{group}_shards",
        sharded,
        executor_def=run_lock.with_storage_lock(dg.in_process_executor),
        description=f"Materialize one partition of each partitioned asset of the group {group}.",
    )
    for group, sharded in shards.items()
]
inbox_job = dg.define_asset_job(
    "inbox_predictions_of_a_picture", pictures, description="Recognize the digits in a picture from the inbox."
)


def weekly_schedule(prefix: str | None) -> dg.ScheduleDefinition:
    """A schedule that brings the whole graph of a data set up to date once a week."""
    return scheduling.of_changes(
        named("weekly_retraining", prefix),
        named("everything", prefix),
        prefix,
        whole_graph(prefix),
        cron="0 3 * * 0",
        description="On Sundays at 03:00 UTC, run what is missing or out of sync, and what depends on it.",
    )


def raw_files_sensor(prefix: str | None) -> dg.SensorDefinition:
    """A sensor that materializes the whole graph of a data set after its raw files have changed."""

    @dg.sensor(
        name=named("changed_raw_files", prefix),
        job_name=named("everything", prefix),
        minimum_interval_seconds=DAY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Check the raw files once a day, and materialize the whole graph if their checksum has changed.",
    )
    def changed_raw_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Compare the checksum of the raw files with that of the last tick, or else with that of the last run."""
        try:
            located = data_sets.of_prefix(prefix)
            version = data_sets.data_version(located)
        except (DatasetError, settings.SettingsError) as error:
            return dg.SkipReason(f"the raw files can't be read: {error}")
        observed = data_sets.observation(located, version)
        known = context.cursor or data_sets.observed_version(context.instance, located)
        if version == known:
            unchanged = f"the raw files are unchanged ({version[:12]})"
            return dg.SensorResult(skip_reason=unchanged, asset_events=[observed], cursor=version)
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=version)], asset_events=[observed], cursor=version)

    return changed_raw_files


# An asset follows a change upstream only if the version of the upstream value differs.
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


def automated(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets with owner, tags and automation condition.

    Assets that are computed on request get an owner only.
    """
    return [asset.map_asset_specs(_automated) for asset in assets]


def _automated(spec: dg.AssetSpec) -> dg.AssetSpec:
    if spec.partitions_def is not None or spec.group_name in SHARDED:
        return spec.replace_attributes(owners=["team:pipeline"])
    model, _, _ = spec.key.path[-1].partition("_")
    return spec.replace_attributes(
        owners=["team:pipeline"],
        tags={**spec.tags, "model": model} if model in MODELS else spec.tags,
        automation_condition=FOLLOW,
    )


@dg.sensor(
    name="inbox",
    job=inbox_job,
    minimum_interval_seconds=INBOX_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Look for new pictures in the inbox, and recognize their digits, in a run per picture.",
)
def inbox_sensor(context: dg.SensorEvaluationContext, inbox: InboxResource) -> dg.SensorResult | dg.SkipReason:
    """Request a run for each file that has no partition yet, the oldest files first."""
    try:
        found = inbox.pictures()
    except OSError as error:
        return dg.SkipReason(f"the inbox can't be read: {error}")
    known = set(context.instance.get_dynamic_partitions(str(PICTURES.name)))
    new = [key for key in found if key not in known][:MAX_RUNS]
    if not new:
        return dg.SkipReason("nothing new in the inbox")
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=key, partition_key=key) for key in new],
        dynamic_partitions_requests=[PICTURES.build_add_request(new)],
    )


weekly_retraining = weekly_schedule(None)
weekly_pruning = scheduling.of_pruning("weekly_pruning", cron="0 5 * * 0")
changed_raw_files = raw_files_sensor(None)
of_data_sets = [job for prefix in (None, *prefixes) for job in define_jobs(prefix)]
jobs = [*of_data_sets, inbox_job, *shard_jobs, retention.pruning]
if prefixes:
    jobs.append(every_data_set)
schedules = [weekly_retraining, weekly_pruning, *map(weekly_schedule, prefixes)]
sensors = [changed_raw_files, inbox_sensor, alerts.alerts, *map(raw_files_sensor, prefixes)]
