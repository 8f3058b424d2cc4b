"""What assets need besides their inputs: the seed and the files of the data set.

All instances of the component share these resources. An instance writes its data, storage and seed
into the metadata `location` of its assets, where the resources find them. A value that a run
configuration or the constructor of a resource sets comes first, then the location, then the
settings.
"""

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from pydantic import BeforeValidator, Field

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.data_copy import local_copy
from mnist_pipeline.runtime.graph.configs import Checked
from mnist_pipeline.runtime.graph.event_log import DATA_DIRECTORY, INPUT_VERSION_TAG, observe
from mnist_pipeline.runtime.storage.storage import Storage
from mnist_pipeline.utils.validation import NUM_SEEDS

LOCATION = "location"  # metadata of the assets of an instance: its data, storage and seed
IO_MANAGER = "io_manager"  # of a location: the key of the IO manager of the host project, or None


def step_context() -> dg.AssetExecutionContext | None:
    """The context of the step that runs, None in a function called directly."""
    try:
        context = dg.AssetExecutionContext.get()
    except dg.DagsterInvariantViolationError:
        return None
    return context if isinstance(context, dg.AssetExecutionContext) else None


def free_last_step() -> None:
    """Free the value of the step before this one.

    Dagster tries to insert the key of an asset, and catches the error if the key exists. The
    traceback of that error is part of a cycle, which keeps the frames of the step, and so its
    value.
    """
    gc.collect(0)


def location_of_step() -> Mapping[str, Any]:
    """The location of the asset that runs; it is empty outside instances of the component."""
    if (context := step_context()) is None:
        return {}
    return next(iter(context.assets_def.specs)).metadata.get(LOCATION, {})


def asset_storage(location: Mapping[str, Any], address: str | None = None) -> Storage:
    """The storage of an asset with this location.

    The address that its resource sets comes first, then the location, then the settings.
    """
    return Storage(address or location.get("storage") or settings.load().storage)


def asset_data(location: Mapping[str, Any], address: str | None = None) -> Path:
    """The images of an asset with this location, on this machine; the order is as for its storage.

    Raises DatasetError if the address can't be read.
    """
    return local_copy(address or location.get("data") or settings.load().data)


def variable(name: str) -> dg.EnvVar | None:
    """An environment variable, which Dagster's UI shows by name; None if it is not set."""
    found = dg.EnvVar(name)
    return found if found.get_value() else None


def _address(value: object) -> object:
    """A directory or address; Dagster replaces a variable when a run starts."""
    if value is None or isinstance(value, dg.EnvVar):
        return value
    return settings.storage_address(str(value))


Address = Annotated[str | None, BeforeValidator(_address)]


class Seed(Checked, dg.ConfigurableResource["Seed"]):
    """Seeds every random draw. On the same machine, the same seed gives the same bytes."""

    value: int | None = Field(
        default=None,
        ge=0,
        lt=NUM_SEEDS,
        strict=True,
        description="By default that of the component, or 0.",
    )

    @property
    def number(self) -> int:
        """The seed of the asset that runs."""
        return int(location_of_step().get("seed", 0)) if self.value is None else self.value


class DataSetResource(Checked, dg.ConfigurableResource["DataSetResource"]):
    """The files that the graph reads."""

    data: Address = Field(
        default=None,
        description="Directory, file or address of labelled images. By default that of the "
        "component, or MNIST_PIPELINE_DATA.",
    )

    @property
    def path(self) -> Path:
        """The directory or file of the images; raises DatasetError if its address can't be read."""
        return asset_data(location_of_step(), self.data)

    def observe(self, path: Path, version: str) -> dict[str, str]:
        """Record the version of the files that the step has read, if it is new; return the tag
        that names it as the version of the input.

        So a run need not observe the files before.
        """
        if (context := step_context()) is None:
            return {}
        deps = [dep.asset_key for spec in context.assets_def.specs for dep in spec.deps]
        (key,) = (key for key in deps if key.path[-1] == DATA_DIRECTORY)
        observe(context.instance, key, path, version)
        return {INPUT_VERSION_TAG.format(key.to_user_string()): version}

    @property
    def choices(self) -> dict[str, Any]:
        """What the component says in place of the file dataset.yaml."""
        return dict(location_of_step().get("choices", {}))
