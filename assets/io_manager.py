"""Dagster's door to the storage, and what Dagster has recorded of it."""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets import storage
from assets.storage import Prepared

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
        """Read the value of an upstream asset; not one that is other than Dagster's record of it says."""
        run_id = context.step_context.run_id
        if run_id not in _known:  # the records are read once a run: nobody else writes while it goes on
            forget()
            _known.add(run_id)
            _recorded.update(recorded_versions(context.instance))
        asset = context.asset_key.to_user_string()
        stored, name = storage.of_asset(asset)
        return stored.read(name, _recorded.get(asset))


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
    materialization = event.asset_materialization if event else None
    return (materialization.tags or {}).get("dagster/data_version") if materialization else None
