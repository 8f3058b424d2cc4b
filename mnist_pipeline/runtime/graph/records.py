"""What the Dagster instance has recorded about assets: versions, origins and runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from mnist_pipeline.runtime import dagster_internals

DATA_VERSION_TAG = "dagster/data_version"
CODE_VERSION_TAG = "dagster/code_version"
INPUT_VERSION_TAG = "dagster/input_data_version/{}"
PARTITION_TAG = "dagster/partition"
PAGE = 1_000  # of Dagster's records, read at once
RUN, TIME = "computed by run", "computed at"  # metadata of a materialization that was restored
SECONDS = "seconds"  # metadata: the wall time of the method
METADATA = (SECONDS, "config", "seed", "recipe", "adaptation", "losses", "reason")  # of an origin


def recorded_versions(instance: dg.DagsterInstance) -> dict[str, str]:
    """The data version that Dagster recorded last for each asset."""
    entries = [record.asset_entry for record in instance.get_asset_records()]
    versions = {entry.asset_key.to_user_string(): data_version(entry.last_materialization) for entry in entries}
    return {key: version for key, version in versions.items() if version}


def versions_of_partitions(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Sequence[str] | None = None
) -> dict[str, str | None]:
    """The data version that Dagster recorded last for each partition, with a single query; by default for all."""
    versions = dagster_internals.latest_tag_by_partition(instance, asset, DATA_VERSION_TAG, partitions)
    return {each: versions.get(each) for each in (sorted(versions) if partitions is None else partitions)}


def latest_of_partitions(instance: dg.DagsterInstance, asset: dg.AssetKey) -> dict[str, dg.EventLogEntry]:
    """The latest materialization of each partition of an asset."""
    latest: dict[str, dg.EventLogEntry] = {}
    cursor, more = None, True
    while more:
        page = instance.fetch_materializations(asset, limit=PAGE, cursor=cursor)  # latest first
        for record in page.records:
            if record.partition_key is not None:
                latest.setdefault(record.partition_key, record.event_log_entry)
        cursor, more = page.cursor, page.has_more
    return latest


def data_version(event: dg.EventLogEntry | None) -> str | None:
    """The data version of a materialization."""
    return tags_of(event).get(DATA_VERSION_TAG)


def tags_of(event: dg.EventLogEntry | None) -> Mapping[str, str]:
    """The tags of a materialization: the versions of its data, its code and its inputs."""
    materialization = event.asset_materialization if event else None
    return (materialization.tags or {}) if materialization else {}


def run_of(event: dg.EventLogEntry) -> str:
    """The id of the run that computed a value; a restored materialization belongs to no run, but names one."""
    materialization = event.asset_materialization
    restored = materialization.metadata.get(RUN) if materialization else None
    return str(restored.value) if restored else event.run_id


def time_of(event: dg.EventLogEntry) -> float:
    """When a value was computed, in seconds since 1970."""
    materialization = event.asset_materialization
    restored = materialization.metadata.get(TIME) if materialization else None
    return float(restored.value) if restored else event.timestamp  # type: ignore[arg-type]


def origins(instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]) -> dict[dg.AssetKey, dict[str, Any]]:
    """Where the stored values of assets come from. All entries of an asset that is not materialized yet are None."""
    entries = [record.asset_entry for record in instance.get_asset_records(keys)]
    latest = {entry.asset_key: entry.last_materialization for entry in entries}
    return {key: _origin(latest.get(key)) for key in keys}


def _origin(event: dg.EventLogEntry | None) -> dict[str, Any]:
    materialization = event.asset_materialization if event else None
    tags, metadata = tags_of(event), materialization.metadata if materialization else {}
    return {
        "run_id": run_of(event) if event else None,
        "data_version": tags.get(DATA_VERSION_TAG),
        "code_version": tags.get(CODE_VERSION_TAG),
        **{name: metadata[name].value if name in metadata else None for name in METADATA},
    }


def runs_of_partitions(instance: dg.DagsterInstance, partitions: Sequence[str]) -> dict[str, list[dg.DagsterRun]]:
    """The runs of each partition, the latest first."""
    runs: dict[str, list[dg.DagsterRun]] = {partition: [] for partition in partitions}
    if runs:
        for run in instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: list(runs)})):
            runs[run.tags[PARTITION_TAG]].append(run)
    return runs
