"""Jobs, schedules, sensors and automation conditions. Schedules and sensors are off until a user switches them on."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from mnist_pipeline.data.datasets import DatasetError
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph import data_sets, run_lock
from mnist_pipeline.runtime.graph.records import runs_of_partitions
from mnist_pipeline.runtime.inbox import Inbox, InboxError, Look

from . import expanded, experiments
from .serving import PICTURES, inbox_predictions

MODEL_GROUPS = dict.fromkeys(model.group for model in MODELS.values())
# The expanded set is several times the data, and a sweep trains many models: both are computed on request.
SHARDED = {module.GROUP: module for module in (expanded, experiments)}
GROUPS = ("digits", "pca", "harris", *MODEL_GROUPS, "evaluation", "serving", *SHARDED)
DAY_SECONDS = 24 * 60 * 60
INBOX_SECONDS = 30
MAX_RUNS = 5  # per tick of the inbox sensor: runs wait for each other, each in a process of its own
MAX_ATTEMPTS = 3  # for a picture whose run was killed

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


def define_jobs(prefix: str | None) -> list[Any]:  # of a type that Dagster does not export
    """A job for the whole graph of a data set, and one for each group."""
    of_others = dg.AssetSelection.key_prefixes(*([other] for other in prefixes))
    plain = dg.AssetSelection.all() - on_request - of_others
    whole = plain if prefix is None else dg.AssetSelection.key_prefixes([prefix])
    graph = "the whole graph" if prefix is None else f"the whole graph of {prefix}"
    return [
        dg.define_asset_job(
            named("everything", prefix), whole, description=f"Materialize {graph}, from the raw files to the report."
        ),
        *(
            dg.define_asset_job(
                f"{group}_group",
                dg.AssetSelection.groups(group) - pictures - shards.get(group, pictures),
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
    """A schedule that materializes the whole graph of a data set once a week."""
    return dg.ScheduleDefinition(
        name=named("weekly_retraining", prefix),
        job_name=named("everything", prefix),
        cron_schedule="0 3 * * 0",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Retrain all models on Sundays at 03:00 UTC.",
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
            version = data_sets.data_version(located.directory, located.known.layout)
        except (DatasetError, settings.SettingsError) as error:
            return dg.SkipReason(f"the raw files can't be read: {error}")
        known = context.cursor or data_sets.observed_version(context.instance, located)
        if version == known:
            return dg.SensorResult(skip_reason=f"the raw files are unchanged ({version[:12]})", cursor=version)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=version)],
            asset_events=[data_sets.observation(located, version)],
            cursor=version,
        )

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

FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=15), warn_window=timedelta(days=8))


def automated(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets with owner, tags, freshness policy and automation condition.

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
        freshness_policy=FRESHNESS,
        automation_condition=FOLLOW,
    )


@dg.sensor(
    name="inbox",
    job=inbox_job,
    minimum_interval_seconds=INBOX_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Look for new pictures in the inbox, and start a run for each. Reject files that are no pictures.",
)
def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Accept the files that no program is writing any more, and request runs for accepted pictures without a run."""
    directory = settings.load().inbox
    inbox = Inbox(directory)
    try:
        look = inbox.look(context.cursor, context.instance.get_dynamic_partitions(str(PICTURES.name)))
        accepted = list(inbox.accepted())
    except (OSError, InboxError) as error:
        return dg.SkipReason(f"the inbox {str(directory)!a} can't be used: {getattr(error, 'strerror', error)}")
    for line in look.rejected:
        context.log.warning(line)
    due = sorted(_due(context.instance, accepted), key=lambda each: each[0] in look.blank)
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=f"{key}:{n}", partition_key=key) for key, n in due[:MAX_RUNS]],
        dynamic_partitions_requests=[PICTURES.build_add_request([key for key, _ in due[:MAX_RUNS]])] if due else [],
        skip_reason=None if due else _skip_reason(look),
        cursor=look.cursor,
    )


def _due(instance: dg.DagsterInstance, accepted: Sequence[str]) -> list[tuple[str, int]]:
    """The accepted pictures that need a run, oldest first, each with the number of runs that it has had.

    A picture gets one run. It gets another, up to `MAX_ATTEMPTS`, only if the process of every earlier run was killed.
    """
    run_lock.fail_abandoned_runs(instance)
    done = instance.get_materialized_partitions(inbox_predictions.key)
    runs = runs_of_partitions(instance, [key for key in accepted if key not in done])
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


def _skip_reason(look: Look) -> str:
    parts = [f"{look.waiting} files may still be written"] if look.waiting else []
    return "; ".join([*look.rejected, *parts]) or "nothing new in the inbox"


weekly_retraining = weekly_schedule(None)
changed_raw_files = raw_files_sensor(None)
jobs = [job for prefix in (None, *prefixes) for job in define_jobs(prefix)] + [inbox_job, *shard_jobs]
if prefixes:
    jobs.append(every_data_set)
schedules = [weekly_retraining, *map(weekly_schedule, prefixes)]
sensors = [changed_raw_files, inbox_sensor, *map(raw_files_sensor, prefixes)]
