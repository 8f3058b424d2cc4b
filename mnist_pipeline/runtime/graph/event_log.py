"""What Dagster's event log has recorded about assets."""

import functools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg

from mnist_pipeline.runtime.storage.storage import stored_key

DATA_DIRECTORY = "data_directory"  # the asset that stands for the raw files, which it observes
VERSION = "version"  # metadata of a materialization: the version of its value in the storage
FAILED_CHECK = "failed_check"  # metadata: the blocking checks that the value failed
DATA_VERSION_TAG = "dagster/data_version"
INPUT_VERSION_TAG = "dagster/input_data_version/{}"
CODE_VERSION_TAG = "dagster/code_version"
NUM_FORMER = 10  # materializations of an asset, among which a former value is searched


class Recorded(NamedTuple):
    """What Dagster has recorded about a value; empty, at the time 0, if it has none."""

    metadata: Mapping[str, Any] = {}
    tags: Mapping[str, str] = {}
    time: float = 0.0

    @property
    def version(self) -> str | None:
        """The version of the value in the storage, or of the raw files."""
        return self.metadata.get(VERSION)


def file_metadata(path: Path, version: str) -> dict[str, Any]:
    """The metadata of an observation of the raw files."""
    return {"path": dg.MetadataValue.path(path), VERSION: version}


def observe(instance: dg.DagsterInstance, key: dg.AssetKey, path: Path, version: str) -> None:
    """Record the version of the raw files, if it is new, as the step `data_directory` does."""
    if latest(instance, [key])[key].version != version:
        metadata, tags = file_metadata(path, version), {DATA_VERSION_TAG: version}
        observation = dg.AssetObservation(key, metadata=metadata, tags=tags)
        instance.report_runless_asset_event(observation)


def latest(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey], partition: str | None = None
) -> dict[dg.AssetKey, Recorded]:
    """The latest materialization of each asset, or of a partition of it; of the raw files, and of
    other assets that are only observed, the latest observation.
    """
    recorded = dict.fromkeys(keys, Recorded())
    for key in keys:
        wanted = dg.AssetRecordsFilter(key, asset_partitions=[partition] if partition else None)
        records: Sequence[Any] = ()
        if key.path[-1] != DATA_DIRECTORY:
            records = instance.fetch_materializations(wanted, limit=1).records
        for record in records or instance.fetch_observations(wanted, limit=1).records:
            event = record.event_log_entry
            content: Any = event.asset_materialization or event.asset_observation
            metadata = {name: entry.value for name, entry in content.metadata.items()}
            recorded[key] = Recorded(metadata, content.tags or {}, event.timestamp)
    return recorded


def computed_from_others(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey], sources: Collection[str]
) -> list[dg.AssetKey]:
    """Those of these assets, and of all that they were computed from, whose value was computed from
    another version of a source than Dagster has recorded last.

    The tags of materializations name the inputs. What has no record counts as up to date.
    """
    others, prefix = set[dg.AssetKey](), INPUT_VERSION_TAG.format("")

    @functools.cache
    def is_other(key: dg.AssetKey, version: str | None) -> bool:
        records = instance.fetch_materializations(key, limit=NUM_FORMER).records
        events: list[Any] = [record.event_log_entry.asset_materialization for record in records]
        versions = [(event.tags or {}).get(DATA_VERSION_TAG) for event in events]
        if not versions:
            return False
        last, *_ = versions  # the latest first
        version = version or last
        if key.path[-1] in sources:
            return version != last
        if version not in versions:
            return False
        tags = events[versions.index(version)].tags or {}
        found = [
            is_other(dg.AssetKey.from_user_string(tag.removeprefix(prefix)), value)
            for tag, value in tags.items()
            if tag.startswith(prefix)
        ]  # all of them, to name them all
        if any(found) and version == last:
            others.add(key)
        return any(found)

    for key in keys:
        is_other(key, None)
    return sorted(others)


def recorded_values(instance: dg.DagsterInstance, definitions: dg.Definitions) -> dict[str, str]:
    """The version that Dagster recorded last of each value of the graph, by its key in the
    storage.
    """
    graph = definitions.resolve_asset_graph()
    recorded = dict[str, str]()
    for key in graph.materializable_asset_keys:
        definition: Any = graph.get(key).partitions_def
        names = definition and definition.get_partition_keys(dynamic_partitions_store=instance)
        for name in [None] if names is None else names:
            if version := latest(instance, [key], name)[key].version:
                recorded[stored_key(key.path[-1], name)] = version
    return recorded
