"""What must run again: assets that are missing, stale or damaged, and everything below them."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import compress
from pathlib import Path
from typing import Any

import dagster as dg

from mnist_pipeline.data import datasets
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.records import RawFile, checksum
from mnist_pipeline.runtime import dagster_internals, settings
from mnist_pipeline.runtime.graph.records import (
    DATA_VERSION_TAG,
    FAILED_CHECK,
    VERSION,
    recorded_metadata,
)
from mnist_pipeline.runtime.graph.resources import PLACE, storage_at
from mnist_pipeline.runtime.storage.storage import stored_key

DATA_DIRECTORY = "data_directory"  # the external asset that represents the raw files


def due_assets(instance: dg.DagsterInstance, definitions: dg.Definitions) -> set[dg.AssetKey]:
    """The unpartitioned assets that must run again, with all unpartitioned assets below them.

    An asset must run again if it is missing, if its code version or the version of an input has
    changed since it was computed, if its value failed a blocking check, or if the stored value is
    damaged. If only `current` is, it gets the recorded version, and the asset need not run.
    """
    graph = definitions.resolve_asset_graph()
    keys = [key for key in graph.materializable_asset_keys if not graph.get(key).is_partitioned]
    is_stale = dagster_internals.staleness(instance, definitions)
    stale = {key for key in keys if is_stale(key)}
    recorded = recorded_metadata(instance, keys)

    def is_unusable(key: dg.AssetKey) -> bool:
        return FAILED_CHECK in recorded[key] or (
            key not in stale and _is_damaged(graph.get(key), recorded[key])
        )

    with ThreadPoolExecutor() as threads:  # checksums of files release the interpreter's lock
        stale |= set(compress(keys, threads.map(is_unusable, keys)))
    return set(keys) & dg.AssetSelection.assets(*stale).downstream().resolve(graph)


def due_partitions(
    instance: dg.DagsterInstance, definitions: dg.Definitions, key: dg.AssetKey
) -> list[str]:
    """The partitions of an asset that are missing or stale, or whose value is damaged."""
    is_stale = dagster_internals.staleness(instance, definitions)
    node: Any = definitions.resolve_asset_graph().get(key)
    return [
        name
        for name in node.partitions_def.get_partition_keys(dynamic_partitions_store=instance)
        if is_stale(key, name)
        or _is_damaged(node, recorded_metadata(instance, [key], name)[key], name)
    ]


def _is_damaged(node: Any, recorded: Mapping[str, Any], partition: str | None = None) -> bool:
    """Whether the version that Dagster recorded last can't be read; see `Storage.mend`."""
    storage, version = storage_at(node.metadata.get(PLACE, {})), recorded.get(VERSION)
    return bool(version and storage.mend(stored_key(node.key.path[-1], partition), version))


def rerun(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    within: dg.AssetSelection | None = None,
) -> dg.RunRequest | dg.SkipReason:
    """The request of a schedule: run what is due, and nothing outside a selection."""
    observe_raw_files(instance, definitions)
    due = due_assets(instance, definitions)
    if within is not None:
        due &= within.resolve(definitions.resolve_asset_graph())
    return dg.RunRequest(asset_selection=sorted(due)) if due else dg.SkipReason("nothing is due")


def observe_raw_files(
    instance: dg.DagsterInstance, definitions: dg.Definitions
) -> tuple[RawFile, ...]:
    """Record the checksum of the raw files as the version of `data_directory`; return the files.

    They are empty if they can't be read: a run reports why.
    """
    specs = {spec.key.path[-1]: spec for spec in definitions.resolve_all_asset_specs()}
    spec = specs[DATA_DIRECTORY]
    path = Path(spec.metadata.get(PLACE, {}).get("data") or settings.load().data)
    try:
        files = tuple(datasets.reader_of(path).files())
    except DatasetError:
        return ()
    version = checksum(files)
    if recorded_metadata(instance, [spec.key])[spec.key].get(VERSION) != version:
        metadata: dict[str, Any] = {"path": dg.MetadataValue.path(str(path)), VERSION: version}
        tags = {DATA_VERSION_TAG: version}
        instance.report_runless_asset_event(
            dg.AssetMaterialization(spec.key, metadata=metadata, tags=tags)
        )
    return files
