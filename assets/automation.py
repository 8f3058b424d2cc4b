"""Jobs, schedules and sensors. Schedules and sensors are off until a user switches them on."""

import dagster as dg

from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime import project
from mnist_pipeline.runtime.graph.automation import schedule, sensor
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


weekly_retraining = schedule("weekly_retraining", "0 3 * * 0", everything, project.graph)
automation = sensor("automation", whole_graph | dg.AssetSelection.assets(DATA_DIRECTORY))
