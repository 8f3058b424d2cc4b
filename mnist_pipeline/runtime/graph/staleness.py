"""The assets that must run again: those that Dagster reports as missing or stale, and those with a
damaged value.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagster as dg

from mnist_pipeline.data import datasets
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.runtime import dagster_internals
from mnist_pipeline.runtime.graph.records import DATA_VERSION_TAG, VERSION, recorded_versions
from mnist_pipeline.runtime.graph.resources import DataSetResource
from mnist_pipeline.runtime.storage.storage import Storage, stored_key

DATA_DIRECTORY = dg.AssetKey("data_directory")  # the external asset that represents the raw files


def stale_assets(
    instance: dg.DagsterInstance, definitions: dg.Definitions, storage: Storage
) -> dict[dg.AssetKey, str]:
    """The unpartitioned assets that must run again, each with the reason.

    An asset must run again if it is missing, if its code version or the version of an input has
    changed since it was computed, if its value failed a blocking check, or if the stored value is
    damaged. If only `current` is, it gets the recorded version, and the asset need not run.
    """
    graph = definitions.resolve_asset_graph()
    keys = [
        key
        for key in graph.toposorted_asset_keys
        if key in graph.materializable_asset_keys and not graph.get(key).is_partitioned
    ]
    of_dagster = dagster_internals.staleness(instance, definitions)
    reasons = {key: of_dagster(key) for key in keys}
    versions = recorded_versions(instance, keys)

    def fault(key: dg.AssetKey) -> str | None:
        version = versions[key]
        return storage.mend(key.path[-1], version) if version and not reasons[key] else None

    with ThreadPoolExecutor() as threads:  # checksums of files release the interpreter's lock
        faults = dict(zip(keys, threads.map(fault, keys)))
    blocking = [check for check in graph.asset_check_keys if graph.get_check_spec(check).blocking]
    failed = dagster_internals.failed_checks(instance, blocking)
    found = {key: reasons[key] or faults[key] or failed.get(key) for key in keys}
    return {key: reason for key, reason in found.items() if reason}


def missing_partitions(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    storage: Storage,
    key: dg.AssetKey,
) -> list[str]:
    """The partitions of an asset that Dagster reports as missing or stale, or whose value is
    damaged.
    """
    partitions = definitions.resolve_asset_graph().get(key).partitions_def
    if partitions is None:
        return []
    of_dagster = dagster_internals.staleness(instance, definitions)

    def must_run(name: str) -> bool:
        version = recorded_versions(instance, [key], name)[key]
        is_damaged = version and storage.mend(stored_key(key.path[-1], name), version)
        return bool(of_dagster(key, name) or is_damaged)

    names = partitions.get_partition_keys(dynamic_partitions_store=instance)
    return [name for name in names if must_run(name)]


def rerun(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    storage: Storage,
    data_set: DataSetResource,
    directory: dg.AssetKey = DATA_DIRECTORY,
    *,
    within: dg.AssetSelection,
) -> dg.RunRequest | dg.SkipReason:
    """The request of a schedule: run the assets that are not up to date, and everything that
    depends on them.
    """
    observe_raw_files(instance, data_set, directory, always=True)
    stale = stale_assets(instance, definitions, storage)
    selection = dg.AssetSelection.assets(*stale).downstream() & within if stale else None
    due = selection.resolve(definitions.resolve_asset_graph()) if selection else ()
    return (
        dg.RunRequest(asset_selection=sorted(due)) if due else dg.SkipReason("nothing has changed")
    )


def observe_raw_files(
    instance: dg.DagsterInstance,
    data_set: DataSetResource,
    directory: dg.AssetKey = DATA_DIRECTORY,
    *,
    always: bool = False,
) -> bool:
    """Record the checksum of the raw files if it differs from the recorded one; return whether it
    does.

    With `always`, an unchanged checksum is recorded as well, so that Dagster sees the files as
    fresh.
    """
    try:
        files = datasets.reader_of(data_set.path).files()
    except DatasetError:  # a run reports what is wrong with the files
        return False
    version = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()
    is_new = recorded_versions(instance, [directory])[directory] != version
    if is_new or always:
        metadata: dict[str, Any] = {
            "path": dg.MetadataValue.path(str(data_set.path)),
            VERSION: version,
        }
        event = dg.AssetMaterialization(
            directory, metadata=metadata, tags={DATA_VERSION_TAG: version}
        )
        instance.report_runless_asset_event(event)
    return is_new
