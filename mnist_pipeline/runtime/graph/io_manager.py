"""Dagster's door to the storage, and what Dagster has recorded of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from mnist_pipeline.runtime.graph.shards import Shards
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.storage import Prepared

DATA_VERSION_TAG = "dagster/data_version"
PAGE = 1_000  # of Dagster's records, read at once

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


def recorded_versions(instance: dg.DagsterInstance) -> dict[str, str]:
    """The data version that Dagster recorded last of each asset."""
    versions = {}
    for record in instance.get_asset_records():
        if version := data_version(record.asset_entry.last_materialization):
            versions[record.asset_entry.asset_key.to_user_string()] = version
    return versions


def versions_of_partitions(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Sequence[str] | None = None
) -> dict[str, str | None]:
    """The data version that Dagster recorded last of each of these partitions of an asset, in their order.

    By default, of all that it has a record of. One query, whatever their number.
    """
    tags = instance.event_log_storage.get_latest_tags_by_partition(
        asset, dg.DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION_TAG], asset_partitions=partitions
    )
    names = sorted(tags) if partitions is None else partitions
    return {partition: tags.get(partition, {}).get(DATA_VERSION_TAG) for partition in names}


def latest_of_partitions(instance: dg.DagsterInstance, asset: dg.AssetKey) -> dict[str, dg.EventLogEntry]:
    """What Dagster recorded last of each partition of an asset."""
    latest: dict[str, dg.EventLogEntry] = {}
    cursor, more = None, True
    while more:
        page = instance.fetch_materializations(asset, limit=PAGE, cursor=cursor)  # the latest first
        for record in page.records:
            if record.partition_key is not None:
                latest.setdefault(record.partition_key, record.event_log_entry)
        cursor, more = page.cursor, page.has_more
    return latest


def data_version(event: dg.EventLogEntry | None) -> str | None:
    """The data version that a materialization was recorded with."""
    return tags_of(event).get(DATA_VERSION_TAG)


def tags_of(event: dg.EventLogEntry | None) -> Mapping[str, str]:
    """The tags that a materialization was recorded with: versions of its data, its code and what it was made from."""
    materialization = event.asset_materialization if event else None
    return (materialization.tags or {}) if materialization else {}
