"""Jobs, schedules, sensors and conditions. All that starts work by itself is off until it is switched on."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from assets import expanded
from assets.serving import PICTURES, inbox_predictions
from mnist_pipeline.data.datasets import DatasetError
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph import data_sets, run_lock
from mnist_pipeline.runtime.graph.records import runs_of_partitions
from mnist_pipeline.runtime.graph.shards import GROUP as EXPANDED
from mnist_pipeline.runtime.inbox import Inbox, Look

MODEL_GROUPS = dict.fromkeys(model.group for model in MODELS.values())
GROUPS = ("digits", "pca", "harris", *MODEL_GROUPS, "evaluation", "serving", EXPANDED)
DAY_SECONDS = 24 * 60 * 60
INBOX_SECONDS = 30
MAX_RUNS = 5  # that one look into the inbox asks for: they take turns, and each has a process that waits
MAX_ATTEMPTS = 3  # for a picture whose run was killed

# Each picture of the inbox and each fold of the expanded set is a partition with runs of its own; what holds for all
# has none. The expanded set is several times the data, and made where it is asked for.
of_a_picture = dg.AssetSelection.assets(inbox_predictions)
of_a_fold = dg.AssetSelection.assets(
    *(
        asset
        for asset in vars(expanded).values()
        if isinstance(asset, dg.AssetsDefinition) and asset.partitions_def is not None
    )
)
by_themselves = of_a_picture | dg.AssetSelection.groups(EXPANDED)
data_sets_beside = [placed.prefix for placed in settings.of_definitions().data_sets]
of_another_data_set = dg.AssetSelection.key_prefixes(*([prefix] for prefix in data_sets_beside))
everything = dg.define_asset_job(
    "everything",
    dg.AssetSelection.all() - by_themselves - of_another_data_set
    if data_sets_beside
    else dg.AssetSelection.all() - by_themselves,
    description="Materialize the whole graph, from the raw files to the report.",
)
group_jobs = [
    dg.define_asset_job(
        f"{group}_group",
        dg.AssetSelection.groups(group) - of_a_picture - of_a_fold,
        description=f"Materialize group {group}.",
    )
    for group in GROUPS
]
every_data_set = dg.define_asset_job(
    "every_data_set",
    dg.AssetSelection.all() - by_themselves,
    description="Materialize the whole graph of each data set, and compare them.",
)
# Folds are what is shared out: a run of one is a single process.
expanded_shards = dg.define_asset_job(
    "expanded_shards",
    of_a_fold,
    executor_def=run_lock.with_storage_lock(dg.in_process_executor),
    description="Materialize what is said of a fold of the expanded set.",
)
inbox_job = dg.define_asset_job(
    "inbox_predictions_of_a_picture",
    of_a_picture,
    description="Say what is in a picture from the inbox.",
)


def retraining(name: str, job_name: str) -> dg.ScheduleDefinition:
    """A schedule that runs a job once a week, once switched on."""
    return dg.ScheduleDefinition(
        name=name,
        job_name=job_name,
        cron_schedule="0 3 * * 0",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Retrain everything on Sundays at 03:00 UTC, once switched on.",
    )


weekly_retraining = retraining("weekly_retraining", "everything")

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
    """The same assets with what holds for all: owner, tags, freshness policy, and the condition to follow.

    What is said of a picture has its owner only: it comes when a picture comes, and what was said then stands. So has
    the expanded set: it comes when it is asked for.
    """
    return [asset.map_asset_specs(_automated) for asset in assets]


def _automated(spec: dg.AssetSpec) -> dg.AssetSpec:
    model, _, _ = spec.key.path[-1].partition("_")
    if spec.partitions_def is not None or spec.group_name == EXPANDED:
        return spec.replace_attributes(owners=["team:pipeline"])
    return spec.replace_attributes(
        owners=["team:pipeline"],
        tags={**spec.tags, "model": model} if model in MODELS else spec.tags,
        freshness_policy=FRESHNESS,
        automation_condition=FOLLOW,
    )


def watching(name: str, job_name: str, prefix: str | None) -> dg.SensorDefinition:
    """A sensor that looks at the raw files of the data set with that prefix."""

    @dg.sensor(
        name=name,
        job_name=job_name,
        minimum_interval_seconds=DAY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Look at the raw files once a day, and run everything only if their checksum changed.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Compare the checksum of the data directory with that of the last look, and of the last run before it."""
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
            asset_events=[data_sets.sighting(located, version)],
            cursor=version,
        )

    return look


changed_raw_files = watching("changed_raw_files", "everything", None)


@dg.sensor(
    name="inbox",
    job=inbox_job,
    minimum_interval_seconds=INBOX_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Look for new pictures in the inbox, and ask for a run for each; set aside what is no picture.",
)
def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Accept what has come to rest in the inbox, and ask for runs of what was accepted and had none."""
    directory = settings.load().inbox
    inbox = Inbox(directory)
    try:
        look = inbox.look(context.cursor, context.instance.get_dynamic_partitions(str(PICTURES.name)))
        accepted = list(inbox.accepted())
    except OSError as error:
        return dg.SkipReason(f"the inbox {str(directory)!a} can't be looked into: {error.strerror}")
    for line in look.rejected:
        context.log.warning(line)
    due = _due(context.instance, accepted)
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=f"{key}:{n}", partition_key=key) for key, n in due[:MAX_RUNS]],
        dynamic_partitions_requests=[PICTURES.build_add_request([key for key, _ in due[:MAX_RUNS]])] if due else [],
        skip_reason=None if due else _told(look),
        cursor=look.cursor,
    )


def _due(instance: dg.DagsterInstance, accepted: Sequence[str]) -> list[tuple[str, int]]:
    """The accepted pictures, oldest first, that wait for a run, each with the number of runs that it has had.

    A run counts once it is asked for, unless its process was killed: that says nothing against the picture, up to a
    number of times.
    """
    run_lock.fail_abandoned_runs(instance)
    done = instance.get_materialized_partitions(inbox_predictions.key)
    runs = runs_of_partitions(instance, [key for key in accepted if key not in done])
    return [
        (key, len(had))
        for key, had in runs.items()
        if len(had) < MAX_ATTEMPTS and all(_was_killed(instance, run) for run in had)
    ]


def _was_killed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a run failed without a step that did."""
    if run.status != dg.DagsterRunStatus.FAILURE:
        return False
    return not instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)


def _told(look: Look) -> str:
    parts = [f"{look.waiting} files are waited for"] if look.waiting else []
    return "; ".join([*look.rejected, *parts]) or "nothing new in the inbox"


jobs = [everything, *group_jobs, inbox_job, expanded_shards]
schedules = [weekly_retraining]
sensors = [changed_raw_files, inbox_sensor]
if data_sets_beside:
    jobs.append(every_data_set)
for prefix in data_sets_beside:
    whole = dg.define_asset_job(
        f"{prefix}_everything",
        dg.AssetSelection.key_prefixes([prefix]),
        description=f"Materialize the whole graph of {prefix}, from the raw files to the report.",
    )
    jobs += [
        whole,
        *(
            dg.define_asset_job(
                f"{prefix}_{group}_group",
                dg.AssetSelection.groups(f"{prefix}_{group}"),
                description=f"Materialize group {group} of {prefix}.",
            )
            for group in GROUPS
        ),
    ]
    schedules.append(retraining(f"{prefix}_weekly_retraining", f"{prefix}_everything"))
    sensors.append(watching(f"{prefix}_changed_raw_files", f"{prefix}_everything", prefix))
