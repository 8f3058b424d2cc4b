"""The IO manager, which stores the values of assets and loads them as inputs."""

import contextlib
from typing import Any

import dagster as dg
from pydantic import Field

from mnist_pipeline.runtime.graph.records import VERSION, latest
from mnist_pipeline.runtime.graph.resources import PLACE, storage_at
from mnist_pipeline.runtime.graph.steps import current_step
from mnist_pipeline.runtime.storage.storage import stored_key

# Figures, tables and links are not part of the record of a run.
PLAIN = (
    dg.BoolMetadataValue,
    dg.FloatMetadataValue,
    dg.IntMetadataValue,
    dg.JsonMetadataValue,
    dg.TextMetadataValue,
)


class StorageIOManager(dg.ConfigurableIOManager):
    """Stores one value per asset, or per partition of an asset."""

    keep: dict[str, int | None] = Field(
        default={},
        description="Number of latest versions to keep, by asset, null for all; by default 1. "
        "Versions of the last day are always kept.",
    )

    @classmethod
    def stores(cls, context: dg.AssetExecutionContext) -> bool:
        """Whether an IO manager of this class stores what the asset returns."""
        output = context.op_execution_context.op_def.output_dict["result"]
        return isinstance(getattr(context.resources, output.io_manager_key), cls)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store the value of an asset, record its version and its place, and delete old versions
        of it.

        An asset without a value stores nothing.
        """
        step = current_step()
        if obj is None:
            return
        spec = context.asset_spec
        metadata = {
            name: entry.value
            for name, entry in context.output_metadata.items()
            if isinstance(entry, PLAIN)
        }
        record = {
            "run": context.run_id,
            "code_version": spec.code_version,
            "inputs": {key.path[-1]: version for key, version in step.inputs.items() if version},
            "metadata": metadata,
        }
        key = stored_key(
            context.asset_key.path[-1], context.partition_key if context.has_partition_key else None
        )
        storage = storage_at(context.definition_metadata.get(PLACE, {}))
        version = storage.write(key, obj, record)
        storage.prune(key, self.keep)
        path = storage.main_file(key, version)
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
        asset = context.asset_key
        if not context.has_asset_partitions:
            return self._load(context, asset, None)
        values = {name: self._load(context, asset, name) for name in context.asset_partition_keys}
        return next(iter(values.values())) if context.has_partition_key else values

    def _load(self, context: dg.InputContext, asset: dg.AssetKey, partition: str | None) -> Any:
        upstream = context.upstream_output
        metadata = upstream.definition_metadata if upstream else {}
        version = current_step().inputs.get(asset) if partition is None else None
        if version is None:
            # In a notebook there may be no instance.
            with contextlib.suppress(dg.DagsterInvariantViolationError):
                version = latest(context.instance, [asset], partition)[asset].version
        key = stored_key(asset.path[-1], partition)
        return storage_at(metadata.get(PLACE, {})).read(key, version)
