"""Jobs, schedules, sensors and automation conditions.

Schedules and sensors are off until a user switches them on.
"""

import dagster as dg

from mnist_pipeline.models import MODELS, model_of
from mnist_pipeline.runtime import project
from mnist_pipeline.runtime.graph.resources import DataSetResource
from mnist_pipeline.runtime.graph.staleness import observe_raw_files, rerun
from mnist_pipeline.runtime.inbox import InboxResource
from mnist_pipeline.runtime.storage import storage

from .serving import PICTURES

DAY_SECONDS = 24 * 60 * 60
INBOX_SECONDS = 30
MAX_RUNS = 20  # per tick of the inbox sensor, which has a minute
ON_REQUEST = ("experiments", "inbox")  # groups that only a user, or a picture, asks for
whole_graph = dg.AssetSelection.all() - dg.AssetSelection.groups(*ON_REQUEST)

everything = dg.define_asset_job(
    project.EVERYTHING,
    whole_graph,
    description="Materialize the whole graph, from the raw files to the report.",
)
model_jobs = [
    dg.define_asset_job(
        name,
        dg.AssetSelection.assets(model.model_asset).downstream() & whole_graph,
        description=f"Train {model.phrase} again, and update everything that depends on it, up to "
        "the report.",
    )
    for name, model in MODELS.items()
]
sweep = dg.define_asset_job(
    "sweep",
    dg.AssetSelection.assets("experiment_trials"),
    description="Train the models of a sweep. Each trial is a partition: launch a backfill of all "
    "of them.",
)
inbox_job = dg.define_asset_job(
    "inbox_picture",
    dg.AssetSelection.assets("inbox_predictions"),
    description="Recognize the digits in a picture from the inbox.",
)


@dg.schedule(
    job=everything,
    cron_schedule="0 3 * * 0",
    execution_timezone="UTC",
    description="On Sundays at 03:00 UTC, run the assets that are missing or stale, and what "
    "depends on them.",
)
def weekly_retraining(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Request a run of the assets that are not up to date."""
    return rerun(
        context.instance, project.graph(), storage.current(), DataSetResource(), within=whole_graph
    )


@dg.sensor(
    job=everything,
    minimum_interval_seconds=DAY_SECONDS,
    description="Check the raw files once a day, and materialize the whole graph if their checksum "
    "has changed.",
)
def changed_raw_files(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Request a run of the whole graph if the raw files are not those that Dagster has recorded."""
    if observe_raw_files(context.instance, DataSetResource()):
        return dg.RunRequest()
    return dg.SkipReason("the raw files are unchanged, or can't be read")


@dg.sensor(
    name="inbox",
    job=inbox_job,
    minimum_interval_seconds=INBOX_SECONDS,
    description="Look for new pictures in the inbox, and recognize their digits, in a run per "
    "picture.",
)
def inbox_sensor(
    context: dg.SensorEvaluationContext, inbox: InboxResource
) -> dg.SensorResult | dg.SkipReason:
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


@dg.run_failure_sensor(
    description="Log which run failed, and why. Edit it to send a mail or a message, for example "
    "to Slack."
)
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Log the job and the id of a run that failed, with the error of each step that failed."""
    steps = context.get_step_failure_events()
    errors = [
        f"{step.step_key}: {error.to_string()}"
        for step in steps
        if (error := step.step_failure_data.error)
    ]
    run, message = context.dagster_run, context.failure_event.message
    context.log.error("\n".join([f"{run.job_name} {run.run_id}: {message}", *errors]))


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


def automated(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The specification of an asset with its model as a tag, and with its automation unless it runs
    on request only.
    """
    model = model_of(spec.key.path[-1])
    tags = {**spec.tags, "model": model.name} if model else spec.tags
    if (
        spec.partitions_def is not None
        or spec.group_name in ON_REQUEST
        or spec.automation_condition
    ):
        return spec.replace_attributes(tags=tags)
    return spec.replace_attributes(tags=tags, automation_condition=FOLLOW)
