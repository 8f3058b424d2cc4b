"""What Dagster's instance has recorded of assets: versions, origins and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from mnist_pipeline.runtime import dagster_internals

DATA_VERSION_TAG = "dagster/data_version"
CODE_VERSION_TAG = "dagster/code_version"
PARTITION_TAG = "dagster/partition"
PAGE = 1_000  # of Dagster's records, read at once
SECONDS = "seconds"  # the metadata of results that holds the wall time of the method


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
    versions = dagster_internals.latest_tag_by_partition(instance, asset, DATA_VERSION_TAG, partitions)
    names = sorted(versions) if partitions is None else partitions
    return {partition: versions.get(partition) for partition in names}


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


def origin(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Any]:
    """Where the stored value of an asset comes from; None throughout before it is materialized."""
    return origins(instance, [key])[key]


def origins(instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]) -> dict[dg.AssetKey, dict[str, Any]]:
    """The same of several assets, asked for together."""
    entries = [record.asset_entry for record in instance.get_asset_records(keys)]
    latest = {entry.asset_key: entry.last_materialization for entry in entries}
    return {key: _told(latest.get(key)) for key in keys}


def _told(event: dg.EventLogEntry | None) -> dict[str, Any]:
    if event is None or event.asset_materialization is None:
        return dict.fromkeys(("run_id", "data_version", "code_version", SECONDS, "config", "seed"))
    tags = event.asset_materialization.tags or {}
    metadata = event.asset_materialization.metadata
    return {
        "run_id": event.run_id,
        "data_version": tags.get(DATA_VERSION_TAG),
        "code_version": tags.get(CODE_VERSION_TAG),
        **{name: metadata[name].value if name in metadata else None for name in (SECONDS, "config", "seed")},
    }


def runs_of_partitions(instance: dg.DagsterInstance, partitions: Sequence[str]) -> dict[str, list[dg.DagsterRun]]:
    """The runs that each of these partitions has had, the latest first."""
    runs: dict[str, list[dg.DagsterRun]] = {partition: [] for partition in partitions}
    if runs:
        for run in instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: list(runs)})):
            runs[run.tags[PARTITION_TAG]].append(run)
    return runs
