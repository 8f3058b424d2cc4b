"""The IO manager, which stores the values of assets and loads them as inputs, and the stored
results that an asset reads without an input.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph.configs import Checked
from mnist_pipeline.runtime.graph.event_log import VERSION, latest
from mnist_pipeline.runtime.graph.resources import (
    LOCATION,
    Address,
    asset_storage,
    free_last_step,
    location_of_step,
    step_context,
)
from mnist_pipeline.runtime.storage.storage import (
    Described,
    Storage,
    UnreachableError,
    describe,
    stored_key,
)

EMPTY = "memory://empty"  # the address of a storage to which nobody writes
OUTPUT = "result"  # Dagster's name for the output of an asset
# A step whose bucket does not answer runs again. The library of the bucket tries for some seconds.
MAX_RETRIES, RETRY_SECONDS = 2, 30
# Figures, tables and links are not part of the record of a run.
PLAIN = (
    dg.BoolMetadataValue,
    dg.FloatMetadataValue,
    dg.IntMetadataValue,
    dg.JsonMetadataValue,
    dg.TextMetadataValue,
)


@contextlib.contextmanager
def retries() -> Iterator[None]:
    """Let Dagster run the step again, at most twice, if a bucket does not answer."""
    try:
        yield
    except UnreachableError as error:
        if step_context() is None:
            raise
        dg.get_dagster_logger().warning(f"{error}; the step runs again in {RETRY_SECONDS} seconds")
        raise dg.RetryRequested(MAX_RETRIES, RETRY_SECONDS) from error


class StorageIOManager(Checked, dg.ConfigurableIOManager):
    """Stores one value per asset, or per partition of an asset."""

    storage: Address = Field(
        default=None,
        description="Directory or address of the results. By default that of the component, or "
        "MNIST_PIPELINE_STORAGE.",
    )
    keep: dict[str, int | None] = Field(
        default={},
        description="Number of latest versions to keep, by asset, null for all; by default 1. "
        "Versions of the last day are always kept.",
    )

    # The value that the running step is about to return, and what is stored of it.
    _described: tuple[Any, Described] | None = PrivateAttr(default=None)
    # The step that runs, and the versions of its inputs.
    _attempt: tuple[Any, ...] = PrivateAttr(default=())
    _inputs: dict[dg.AssetKey, str | None] = PrivateAttr(default_factory=dict)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Limit the threads of a process that Dagster started: nothing else does there."""
        settings.limit_threads()

    def prepare(self, key: str, value: Any, figures: Mapping[str, bytes]) -> str:
        """Store the figures of the value that the running step is about to return; return the
        version of the value, which `handle_output` then stores without describing it again.
        """
        described = describe(key, value)
        self._described = value, described
        if figures:
            storage = asset_storage(location_of_step(), self.storage)
            with retries():
                storage.write_figures(key, described.version, figures)
        return described.version

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store the value of an asset, record its version and its file, and delete old versions
        of it.

        An asset without a value stores nothing.
        """
        if obj is None:
            return
        spec = context.asset_spec
        metadata = {
            name: entry.value
            for name, entry in context.output_metadata.items()
            if isinstance(entry, PLAIN)
        }
        inputs = self._input_versions()
        record = {
            "run": context.run_id,
            "code_version": spec.code_version,
            "inputs": {key.path[-1]: version for key, version in inputs.items() if version},
            "metadata": metadata,
        }
        key = stored_key(
            context.asset_key.path[-1], context.partition_key if context.has_partition_key else None
        )
        storage = asset_storage(context.definition_metadata.get(LOCATION, {}), self.storage)
        value, described = self._described or (None, None)
        self._described = None
        with retries():
            version = storage.write(key, described if value is obj else obj, record)
            storage.prune(key, self.keep)
            path, size = storage.main_file(key, version), storage.size(key, version)
        context.add_output_metadata(
            {
                VERSION: version,
                "dagster/uri": dg.MetadataValue.path(str(path)),
                "bytes": size,
            }
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Load the value that Dagster recorded last for an asset; without records, the current one.

        If an asset needs several partitions, it gets a dict of their values.
        """
        asset = context.asset_key
        if not context.has_asset_partitions:
            return self._load(context, asset, None)
        values = {name: self._load(context, asset, name) for name in context.asset_partition_keys}
        return next(iter(values.values())) if context.has_partition_key else values

    def _load(self, context: dg.InputContext, asset: dg.AssetKey, partition: str | None) -> Any:
        upstream = context.upstream_output
        metadata = upstream.definition_metadata if upstream else {}
        version = self._input_versions().get(asset) if partition is None else None
        if version is None:
            # In a notebook there may be no instance.
            with contextlib.suppress(dg.DagsterInvariantViolationError):
                version = latest(context.instance, [asset], partition)[asset].version
        key = stored_key(asset.path[-1], partition)
        storage = asset_storage(metadata.get(LOCATION, {}), self.storage)
        with retries():
            return storage.read(key, version)

    def _input_versions(self) -> dict[dg.AssetKey, str | None]:
        """The versions of the inputs that Dagster had recorded when this attempt of the step began.

        Dagster's record of the output names these versions. So the step reads them, whatever
        another run stores meanwhile. Outside a run, the result is empty.
        """
        if (context := step_context()) is None:
            return {}
        operation = context.op_execution_context
        attempt = (context.run.run_id, operation.op.name, operation.retry_number)
        if attempt != self._attempt:
            free_last_step()
            keys = [dep.asset_key for spec in context.assets_def.specs for dep in spec.deps]
            recorded = latest(context.instance, keys)
            self._attempt = attempt
            self._inputs = {key: recorded[key].version for key in keys}
        return self._inputs


def manager_of_step() -> StorageIOManager | None:
    """The IO manager of the asset that runs; None outside a run, and if it is of another class."""
    if (context := step_context()) is None:
        return None
    output = context.op_execution_context.op_def.output_dict[OUTPUT]
    manager = getattr(context.resources, output.io_manager_key)
    return manager if isinstance(manager, StorageIOManager) else None


class StoredResults(Checked, dg.ConfigurableResource["StoredResults"]):
    """Stored results that an asset reads without an input, because they may not exist yet."""

    storage: Address = Field(
        default=None,
        description="Directory or address of the results. By default that of the IO manager.",
    )

    @property
    def stored(self) -> Storage:
        """The storage of the asset that runs, an empty one if it has another IO manager."""
        manager = manager_of_step()
        if self.storage is None and manager is None and step_context():
            return Storage(EMPTY)
        return asset_storage(
            location_of_step(), self.storage or (manager.storage if manager else None)
        )

    def up_to_date(self, name: str) -> Any:
        """The value of an asset; None if it is not stored, or was computed from other inputs.

        Inputs with partitions are not compared: they are not stored under the name of the asset.
        """
        storage = self.stored
        with retries():
            if storage.fault(name):
                return None
            recorded, stored = storage.origin(name).get("inputs", {}), storage.keys()
            inputs = {key: version for key, version in recorded.items() if key in stored}
            is_current = all(
                storage.current_version(key) == version for key, version in inputs.items()
            )
            return storage.read(name) if is_current else None
