"""The IO manager, which stores the values of assets and loads them as inputs."""

import gc
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import dagster as dg
from pydantic import Field

from mnist_pipeline.runtime import dagster_internals, settings
from mnist_pipeline.runtime.graph.records import VERSION, recorded_versions
from mnist_pipeline.runtime.storage.storage import Storage, stored_key
from mnist_pipeline.utils import machine

# The figures that the running asset passed to `result`, as PNG by name, until its value is stored.
figures_of_step: ContextVar[Mapping[str, bytes] | None] = ContextVar(
    "figures_of_step", default=None
)
# Figures, tables and links are not part of the record of a run.
PLAIN = (
    dg.BoolMetadataValue,
    dg.FloatMetadataValue,
    dg.IntMetadataValue,
    dg.JsonMetadataValue,
    dg.TextMetadataValue,
)


class StorageIOManager(dg.ConfigurableIOManager):
    """Stores one value per asset, or per partition of an asset, with its figures."""

    root: str | None = Field(
        default=None,
        description="Directory, or an address such as s3://BUCKET/PREFIX; by default the setting.",
    )
    keep: dict[str, int | None] = Field(
        default={},
        description="Number of latest versions to keep, by asset, null for all; by default 1. "
        "Versions of the last day are always kept.",
    )

    @property
    def storage(self) -> Storage:
        """The storage of the values."""
        return Storage(self.root or settings.load().storage)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store the value of an asset, record its version and its place, and delete old versions
        of it.

        An asset without a value stores nothing.
        """
        figures = figures_of_step.get()
        figures_of_step.set(None)
        if obj is None:
            return
        spec = context.asset_spec
        inputs = {
            dep.asset_key: dagster_internals.input_version(context, dep.asset_key)
            for dep in spec.deps
        }
        metadata = {
            name: entry.value
            for name, entry in context.output_metadata.items()
            if isinstance(entry, PLAIN)
        }
        record = {
            "run": context.run_id,
            "code_version": spec.code_version,
            "inputs": {key.path[-1]: version for key, version in inputs.items() if version},
            "metadata": {**metadata, "libraries": machine.library_versions()},
        }
        key = stored_key(
            context.asset_key.path[-1], context.partition_key if context.has_partition_key else None
        )
        version = self.storage.write(key, obj, record, figures)
        self.storage.prune(key, self.keep)
        path = self.storage.main_file(key, version)
        context.add_output_metadata(
            {
                VERSION: version,
                "dagster/uri": dg.MetadataValue.path(str(path)),
                "bytes": path.stat().st_size,
            }
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Load the value that Dagster recorded last for an asset; without records, the current one.

        If an asset needs several partitions, it gets a dict of their values.
        """
        # Dagster tries to insert the key of an asset, and catches the error if the key exists. The
        # traceback of that error is part of a cycle, which keeps the frames of the last step, and
        # so its value.
        gc.collect(0)
        asset = context.asset_key
        if not context.has_asset_partitions:
            return self._load(context, asset, None)
        values = {name: self._load(context, asset, name) for name in context.asset_partition_keys}
        return next(iter(values.values())) if context.has_partition_key else values

    def _load(self, context: dg.InputContext, asset: dg.AssetKey, partition: str | None) -> Any:
        stored, key = self.storage, stored_key(asset.path[-1], partition)
        version = dagster_internals.input_version(context, asset) if partition is None else None
        if version is None or not stored.has(
            key, version
        ):  # Dagster gives a value without `result` another version
            try:
                version = recorded_versions(context.instance, [asset], partition)[asset]
            except dg.DagsterInvariantViolationError:  # in a notebook without an instance
                version = None
        return stored.read(key, version)
