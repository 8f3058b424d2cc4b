"""The graph for other images, in any Dagster project: a component, one `defs.yaml` per data set."""

import functools
import re
from pathlib import Path
from typing import Any

import dagster as dg
from PIL import ImageColor
from pydantic import Field

from mnist_pipeline.runtime import project, settings
from mnist_pipeline.runtime.graph.automation import automated, schedule, sensor
from mnist_pipeline.runtime.graph.checks import standalone_checks
from mnist_pipeline.runtime.graph.event_log import DATA_DIRECTORY
from mnist_pipeline.runtime.graph.io_manager import StorageIOManager
from mnist_pipeline.runtime.graph.readers import is_reader
from mnist_pipeline.runtime.graph.resources import IO_MANAGER, LOCATION, DataSetResource
from mnist_pipeline.runtime.graph.results import STORAGE
from mnist_pipeline.utils.validation import NUM_SEEDS


class Scaffold(dg.Scaffolder):
    """Writes a `defs.yaml` for the images in the directory with the name of the instance."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write the file; `dg scaffold defs` has made its directory."""
        dg.scaffold_component(request, {"data": f"{request.target_path.name}/"})


@dg.scaffold_with(Scaffold)
class ImageClassification(dg.Component, dg.Model, dg.Resolvable):
    """Principal components, corners, classifiers and a report for a set of labelled images.

    The directory of the `defs.yaml` names the instance. Its name begins the keys and groups of its
    assets, and is the name of its job. Relative paths start at the root of the Dagster project.
    """

    data: str = Field(
        description="Directory, file or address of labelled images, in a layout of "
        "docs/data-sets.md: a folder per class, or another."
    )
    storage: str | None = Field(
        default=None, description="Directory or address of the results; by default storage/NAME."
    )
    schedule: str | None = Field(
        default=None,
        description="Cron schedule in UTC that runs the job of the instance, once switched on.",
    )
    color: bool | None = Field(
        default=None,
        description="Whether the models see colours; by default if grey levels say less.",
    )
    background: str | None = Field(
        default=None,
        description="Colour on which transparent pictures are placed, as #rrggbb; by default white "
        "or black.",
    )
    seed: int = Field(default=0, description="Seed of every random draw.")
    automation: bool = Field(
        default=False,
        description="Whether a sensor runs what is missing or has new inputs, once switched on.",
    )

    io_manager: str | None = Field(
        default=None,
        description="Key of an IO manager of your project that stores the values, in place of "
        "`storage`.",
    )

    # What no other instance of the project may have; empty until the definitions are built.
    _name: str = ""
    _storage: str = ""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets and checks of this instance, its job, and its schedule if it has one."""
        parts = context.component_path.file_path.relative_to(context.defs_module_path).parts
        name = re.sub(r"\W", "_", "_".join(parts), flags=re.ASCII)  # as Dagster requires
        location = self._location(name, context.project_root)
        self._name, self._storage = name, location["storage"]
        for other in context.component_tree.get_all_components(ImageClassification):
            if other.io_manager != self.io_manager:
                raise project.GraphError(
                    f"instance {name} with data {self.data!r}: another instance has the io_manager "
                    f"{other.io_manager!r}; name the same one in all instances"
                )
            if other is self:
                continue
            if other._name == name:
                raise project.GraphError(
                    f"instance {name} with data {self.data!r}: the instance with data "
                    f"{other.data!r} has the same name; move one defs.yaml to a directory with "
                    "another name"
                )
            if other._storage == self._storage:
                raise project.GraphError(
                    f"instance {name} with data {self.data!r}: the instance with data "
                    f"{other.data!r} has the same storage {other._storage!r}; name another storage"
                )
        on_request = (f"{name}_{group}" for group in project.ON_REQUEST)
        selection = dg.AssetSelection.key_prefixes(name) - dg.AssetSelection.groups(*on_request)
        files = dg.AssetSelection.assets([name, DATA_DIRECTORY])
        job = dg.define_asset_job(
            name,
            selection,
            executor_def=dg.in_process_executor,
            description=f"Materialize everything about {self.data}, from the files to the report.",
        )
        assets = _instance_of_graph(name, location, automation=self.automation)
        schedules, sensors = [], []
        if self.schedule:
            # A tick reads the keys only. This project may define resources elsewhere.
            own = dg.Definitions(assets, jobs=[job], resources=project.graph().resources)
            schedules.append(schedule(f"{name}_schedule", self.schedule, job, lambda: own))
        if self.automation:
            sensors.append(sensor(f"{name}_automation", selection | files))
        return dg.Definitions(
            assets,
            asset_checks=standalone_checks(assets),
            jobs=[job],
            resources=_resources(self.io_manager),
            schedules=schedules,
            sensors=sensors,
        )

    def _location(self, name: str, root: Path) -> dict[str, Any]:
        """Where the instance reads and writes, and its seed; raises GraphError."""
        storage = f"storage/{name}" if self.storage is None else self.storage
        try:
            data = settings.storage_address(self.data, root)
            address = settings.storage_address(storage, root)
            ImageColor.getrgb(self.background or "white")
            if not 0 <= self.seed < NUM_SEEDS:
                raise ValueError(f"seed is {self.seed}; it must be 0 to {NUM_SEEDS - 1}")
        except ValueError as error:
            message = f"instance {name} with data {self.data!r} and storage {storage!r}: {error}"
            raise project.GraphError(message) from None
        return {
            "data": data,
            "storage": address,
            "seed": self.seed,
            "choices": self.model_dump(include={"color", "background"}, exclude_none=True),
            IO_MANAGER: self.io_manager,
        }


@functools.cache  # Dagster refuses two resources with one key
def _resources(io_manager: str | None) -> dict[str, Any]:
    """The resources that all instances share; the project defines `io_manager`.

    Those of the graph name environment variables, which do not affect an instance.
    """
    resources = dict(project.graph().resources)
    resources["mnist_data"] = DataSetResource()
    own = resources.pop(STORAGE)
    if io_manager is None:
        resources[STORAGE] = StorageIOManager(keep=own.keep)
    elif io_manager != STORAGE:
        resources[STORAGE] = dg.IOManagerDefinition(
            lambda context: getattr(context.resources, io_manager),
            required_resource_keys={io_manager},
        )
    return resources


def _instance_of_graph(
    name: str, location: dict[str, Any], *, automation: bool
) -> list[dg.AssetsDefinition]:
    """The assets of the graph under a prefix, each with its location in its metadata."""
    plain = {spec.key.path[-1]: spec for spec in project.graph().resolve_all_asset_specs()}
    choices = [*location["choices"].items(), *filter(None, [location[IO_MANAGER]])]
    readers = [dg.AssetKey([name, *spec.key.path]) for spec in plain.values() if is_reader(spec)]

    def placed(spec: dg.AssetSpec) -> dg.AssetSpec:
        original = plain[spec.key.path[-1]]
        condition = automated(spec, readers).automation_condition if automation else None
        return spec.replace_attributes(
            key=dg.AssetKey([name, *original.key.path]),
            group_name=f"{name}_{original.group_name}",
            metadata={**original.metadata, LOCATION: location},
            automation_condition=condition,
            # Another choice makes the stored values stale, as a change of the code does.
            code_version=" ".join([original.code_version or "", *map(str, choices)]),
        )

    loaded: Any = dg.load_assets_from_modules(project.modules(), key_prefix=name)
    return list(dg.map_asset_specs(placed, loaded))
