"""The graph for other images, in any Dagster project: a component, with one `defs.yaml` per data
set.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from mnist_pipeline.models import MODELS, model_of
from mnist_pipeline.runtime import dagster_internals, project, settings
from mnist_pipeline.runtime.graph.io_manager import StorageIOManager
from mnist_pipeline.runtime.graph.resources import DataSetResource, Seed, StoredResults
from mnist_pipeline.runtime.graph.staleness import DATA_DIRECTORY, rerun
from mnist_pipeline.runtime.storage.storage import Storage

ALWAYS = ("knn", "softmax")  # the recognizer and the report need them
MODELS_ALLOWED = (
    f"{' and '.join(ALWAYS)}, and any of {', '.join(name for name in MODELS if name not in ALWAYS)}"
)


def bind(
    graph: dg.Definitions,
    keep: Mapping[str, int | None],
    name: str = "",
    *,
    data: str | None = None,
    storage: str | None = None,
    models: Collection[str] = tuple(MODELS),
    seed: int = 0,
) -> dg.Definitions:
    """The graph with its resources; with a name, an instance of it: a copy in which every name
    begins with this one.

    The settings name the data and the storage where the arguments do not.
    """
    resources: dict[str, Any] = {
        "io_manager": StorageIOManager(root=storage, keep=dict(keep)),
        "stored_results": StoredResults(root=storage),
        "data_set": DataSetResource(directory=data),
        "seed": Seed(value=seed),
    }
    if name:
        graph = _under_name(graph, name, resources, models)
        resources = {f"{name}_{key}": resource for key, resource in resources.items()}
    return dg.Definitions.merge(graph, dg.Definitions(resources=resources))


def _under_name(
    graph: dg.Definitions, name: str, resources: Collection[str], models: Collection[str]
) -> dg.Definitions:
    """Copies of the assets of the job `everything`; the partitions of sweeps and of the inbox can't
    have a prefix.
    """
    (everything,) = (job for job in graph.jobs or () if job.name == project.EVERYTHING)
    # it is a job of assets
    selection: dg.AssetSelection = everything.selection  # type: ignore[union-attr]
    wanted = {DATA_DIRECTORY, *selection.resolve(graph.resolve_asset_graph())}
    absent = {
        key for key in wanted if (model := model_of(key.path[-1])) and model.name not in models
    }
    assets, checks = list[Any](graph.assets or ()), list[Any](graph.asset_checks or ())

    def named(asset: Any) -> Any:
        if isinstance(asset, dg.AssetSpec):
            return asset.replace_attributes(
                key=asset.key.with_prefix(name), group_name=f"{name}_{asset.group_name}"
            )
        return dagster_internals.under_name(asset, name, resources, absent)

    kept = wanted - absent
    return dg.Definitions(
        assets=[named(each) for each in assets if each.key in kept],
        asset_checks=[
            named(each) for each in checks if {key.asset_key for key in each.check_keys} <= kept
        ],
    )


class Scaffold(dg.Scaffolder):
    """Writes a `defs.yaml` for the images in the directory of the project with the name of the
    instance.
    """

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write the file; `dg scaffold defs` has made its directory."""
        text = f"type: {request.type_name}\nattributes:\n  data: {request.target_path.name}/\n"
        (request.target_path / "defs.yaml").write_text(text, encoding="utf-8")


@dg.scaffold_with(Scaffold)
class ImageClassification(dg.Component, dg.Model, dg.Resolvable):
    """Principal components, corners, classifiers and an evaluation report for a data set of
    labelled images.

    The directory of the `defs.yaml` names the instance. Its name begins the keys of its assets, its
    groups and its resources, and is the name of its job. Relative paths start at the root of the
    Dagster project.
    """

    data: str = Field(
        description="Labelled images: a directory with a folder per class, .npz, Parquet or IDX "
        "files."
    )
    storage: str | None = Field(
        default=None,
        description="Directory of the results, or an address such as s3://BUCKET/PREFIX; by "
        "default storage/NAME.",
    )
    models: list[str] = Field(
        default=list(MODELS),
        description=f"Models to train: {MODELS_ALLOWED}; by default all.",
        json_schema_extra={
            "items": {"enum": list(MODELS)}
        },  # so that `dg check yaml` names an unknown model
    )
    schedule: str | None = Field(
        default=None,
        description="Cron schedule in UTC that runs missing and stale assets. It is off until you "
        "switch it on.",
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of every random draw.")

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets and checks of this instance with their resources, its job, and its schedule if
        it has one.
        """
        root, place = context.project_root, context.component_path.file_path
        name = re.sub(r"\W", "_", "_".join(place.relative_to(context.defs_module_path).parts))
        data, storage = str(root / self.data), self.storage or f"storage/{name}"
        storage = storage if "://" in storage else str(root / storage)
        if not Path(data).exists():
            raise project.GraphError(f"data: {data} does not exist")
        if not set(ALWAYS) <= set(self.models) <= MODELS.keys():
            raise project.GraphError(f"models: {self.models} must be {MODELS_ALLOWED}")
        settings.limit_threads()
        plain = project.graph()
        keep = plain.resources["io_manager"].keep
        bound = bind(
            plain, keep, name, data=data, storage=storage, models=self.models, seed=self.seed
        )
        keys = [
            each.key
            for each in bound.assets or ()
            if isinstance(each, dg.AssetsDefinition) and each.is_executable
        ]
        job = dg.define_asset_job(
            name,
            dg.AssetSelection.assets(*keys),
            executor_def=dg.in_process_executor,
            description=f"Materialize everything about {self.data}, from the files to the report.",
        )

        @dg.schedule(
            name=f"{name}_schedule",
            job=job,
            cron_schedule=self.schedule or "@weekly",
            execution_timezone="UTC",
            description="Run the assets that are missing or stale, and what depends on them.",
        )
        def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
            directory, data_set = DATA_DIRECTORY.with_prefix(name), DataSetResource(directory=data)
            return rerun(
                context.instance,
                bound,
                Storage(storage),
                data_set,
                directory,
                within=dg.AssetSelection.all(),
            )

        added = dg.Definitions(jobs=[job], schedules=[schedule] if self.schedule else [])
        return dg.Definitions.merge(bound, added)
