"""Dagster's door to the storage."""

from __future__ import annotations

from typing import Any

import dagster as dg

from mnist_pipeline.runtime.graph.records import recorded_versions, versions_of_partitions
from mnist_pipeline.runtime.graph.shards import Shards
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.storage import Prepared

# The run for which the records were read, and the data version that was recorded last of each asset.
_known: set[str] = set()
_recorded: dict[str, str] = {}


class StorageIOManager(dg.IOManager):
    """Dagster's door to the storage that the environment names: one value an asset, or a partition of it."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Store the value of an asset, and say where and how large."""
        partition = context.partition_key if context.has_partition_key else None
        asset = context.asset_key.to_user_string()
        stored, name = storage.of_asset(asset)
        prepared = obj if isinstance(obj, Prepared) else storage.prepare(storage.stored_key(name, partition), obj)
        path = stored.publish(prepared)
        _recorded.pop(asset, None)  # stored by this very run
        context.add_output_metadata(
            {"path": dg.MetadataValue.path(str(path)), "bytes": dg.MetadataValue.int(prepared.size)}
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Read the value of an upstream asset; not one that is other than Dagster's record of it says.

        Of one that comes in partitions an asset with the same ones is given its own, and any other a way to read
        them all, one at a time.
        """
        run_id = context.step_context.run_id
        if run_id not in _known:  # the records are read once a run: nobody else writes while it goes on
            forget()
            _known.add(run_id)
            _recorded.update(recorded_versions(context.instance))
        asset = context.asset_key.to_user_string()
        stored, name = storage.of_asset(asset)
        if not context.has_asset_partitions:
            return stored.read(name, _recorded.get(asset))
        versions = versions_of_partitions(context.instance, context.asset_key, context.asset_partition_keys)
        if context.step_context.has_partition_key:
            ((partition, version),) = versions.items()
            return stored.read(storage.stored_key(name, partition), version)
        return Shards(versions, lambda partition: stored.read(storage.stored_key(name, partition), versions[partition]))


def forget() -> None:
    """Have Dagster's records read anew: of a run's steps on several workers, each stores what the others read."""
    _known.clear()
    _recorded.clear()
