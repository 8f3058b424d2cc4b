"""Jobs, schedules and sensors. Schedules and sensors are off until a user switches them on."""

import dagster as dg

from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime import project
from mnist_pipeline.runtime.graph.automation import continuation, rerun, sensor
from mnist_pipeline.runtime.graph.event_log import DATA_DIRECTORY

whole_graph = dg.AssetSelection.all() - dg.AssetSelection.groups(*project.ON_REQUEST)

everything = dg.define_asset_job(
    project.EVERYTHING,
    whole_graph,
    description="Materialize the whole graph, from the raw files to the report.\n\n"
    f"[Open the report]({project.REPORT}), or [let the models read what you draw]({project.DRAW}).",
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


@dg.schedule(
    job=everything,
    cron_schedule="0 3 * * 0",
    execution_timezone="UTC",
    description="On Sundays at 03:00 UTC, run the assets that are missing or stale, and what "
    "depends on them.",
)
def weekly_retraining(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Request a run of the assets that are not up to date."""
    return rerun(context.instance, project.graph(), within=whole_graph)


weekly_continuation = continuation(everything, project.graph, whole_graph)
automation = sensor("automation", whole_graph | dg.AssetSelection.assets(DATA_DIRECTORY))
