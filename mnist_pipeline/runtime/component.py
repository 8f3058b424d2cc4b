"""The graph for other images, in any Dagster project: a component, one `defs.yaml` per data set."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from mnist_pipeline.runtime import project, settings
from mnist_pipeline.runtime.graph.resources import PLACE
from mnist_pipeline.runtime.graph.staleness import rerun


class Scaffold(dg.Scaffolder):
    """Writes a `defs.yaml` for the images in the directory with the name of the instance."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write the file; `dg scaffold defs` has made its directory."""
        text = f"type: {request.type_name}\nattributes:\n  data: {request.target_path.name}/\n"
        (request.target_path / "defs.yaml").write_text(text, encoding="utf-8")


@dg.scaffold_with(Scaffold)
class ImageClassification(dg.Component, dg.Model, dg.Resolvable):
    """Principal components, corners, classifiers and a report for a set of labelled images.

    The directory of the `defs.yaml` names the instance. Its name begins the keys and groups of its
    assets, and is the name of its job. Relative paths start at the root of the Dagster project.
    """

    data: str = Field(
        description="Labelled images: a folder per class, .npz, Parquet or IDX files."
    )
    storage: str | None = Field(
        default=None, description="Directory or address of the results; by default storage/NAME."
    )
    schedule: str | None = Field(
        default=None,
        description="Cron schedule in UTC that runs missing and stale assets, once switched on.",
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of every random draw.")

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets and checks of this instance, its job, and its schedule if it has one."""
        root, directory = context.project_root, context.component_path.file_path
        parts = directory.relative_to(context.defs_module_path).parts
        name = re.sub(r"\W", "_", "_".join(parts))
        storage = self.storage or f"storage/{name}"
        place: dict[str, Any] = {
            "data": str(root / self.data),
            "storage": storage if "://" in storage else str(root / storage),
            "seed": self.seed,
        }
        if not Path(place["data"]).exists():
            raise project.GraphError(f"data: {place['data']} does not exist")
        settings.limit_threads()
        job = dg.define_asset_job(
            name,
            dg.AssetSelection.key_prefixes(name),
            executor_def=dg.in_process_executor,
            description=f"Materialize everything about {self.data}, from the files to the report.",
        )
        assets, resources = _instance_of_graph(name, place), project.graph().resources
        definitions = dg.Definitions(assets, jobs=[job], resources=resources)
        if not self.schedule:
            return definitions

        @dg.schedule(
            name=f"{name}_schedule",
            job=job,
            cron_schedule=self.schedule,
            execution_timezone="UTC",
            description="Run the assets that are missing or stale, and what depends on them.",
        )
        def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
            return rerun(context.instance, definitions)

        return dg.Definitions.merge(definitions, dg.Definitions(schedules=[schedule]))


def _instance_of_graph(
    name: str, place: Mapping[str, Any]
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets of the graph under a prefix, each with its place in its metadata."""
    plain = {spec.key.path[-1]: spec for spec in project.graph().resolve_all_asset_specs()}

    def placed(spec: dg.AssetSpec) -> dg.AssetSpec:
        original = plain[spec.key.path[-1]]
        return spec.replace_attributes(
            key=original.key.with_prefix(name),
            group_name=f"{name}_{original.group_name}",
            tags=original.tags,
            metadata={**original.metadata, PLACE: place},
            code_version=original.code_version,
        )

    modules = project.modules()
    loaded: Any = dg.load_assets_from_modules(modules, key_prefix=name, include_specs=True)
    return list(dg.map_asset_specs(placed, loaded))
