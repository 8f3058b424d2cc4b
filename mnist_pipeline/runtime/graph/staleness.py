"""The assets that must run again, and those of them that one run can materialize."""

import hashlib
from collections.abc import Mapping, Set
from concurrent.futures import ThreadPoolExecutor

import dagster as dg

from mnist_pipeline.runtime import dagster_internals
from mnist_pipeline.runtime.graph import records
from mnist_pipeline.runtime.graph.records import CODE_VERSION_TAG, DATA_VERSION_TAG, INPUT_VERSION_TAG
from mnist_pipeline.runtime.graph.shards import MADE_FROM, digest, shard_names
from mnist_pipeline.runtime.storage import storage

# Metadata of an asset: the name of another asset whose stored value it reads without an input.
STORED_RESULT = "mnist_pipeline/stored_result"


def out_of_sync(instance: dg.DagsterInstance, definitions: dg.Definitions) -> dict[dg.AssetKey, str]:
    """The unpartitioned assets that must run again, each with the reason.

    An asset must run again if it is missing, if its code version or the data version of a parent has changed since it
    was materialized, if its value failed a blocking check, or if a stored file is missing, damaged, of another format
    version or not the one that Dagster recorded. If it relies on a stored result that is not an input, it also must run
    again if that result is out of sync and can't be used. For partitioned assets, see `stale_shards` and
    `partition_faults`.
    """
    graph = definitions.resolve_asset_graph()
    staleness = dagster_internals.staleness(instance, definitions)
    keys = [
        key
        for key in graph.toposorted_asset_keys
        if key in graph.materializable_asset_keys and not graph.get(key).is_partitioned
    ]
    recorded = records.origins(instance, keys)
    with ThreadPoolExecutor() as threads:  # checksums of files release the interpreter's lock
        faults = threads.map(lambda key: storage_fault(key, recorded[key]["data_version"]), keys)
        reasons = {
            key: staleness(key)
            or _failed_checks(instance, definitions, key).get(recorded[key]["run_id"])
            or _changed_shards(instance, definitions, key)
            or fault
            for key, fault in zip(keys, faults, strict=True)
        }
    for key in keys:
        if (name := graph.get(key).metadata.get(STORED_RESULT)) and not reasons[key]:
            result = dg.AssetKey([*key.path[:-1], str(name)])
            reasons[key] = _problem(result) if reasons.get(result) else None
    return {key: reason for key, reason in reasons.items() if reason}


def _problem(key: dg.AssetKey) -> str | None:
    """Why the stored value of an asset can't be used, None if it can."""
    stored, name = storage.of_asset(key.to_user_string())
    try:
        stored.read_usable(name)
    except storage.StorageError as error:
        return str(error)
    return None


def _failed_checks(instance: dg.DagsterInstance, definitions: dg.Definitions, key: dg.AssetKey) -> dict[str, str]:
    """The runs in which an asset failed a blocking check, and which check it failed."""
    graph = definitions.resolve_asset_graph()
    return {
        run: f"its check {check.name} failed"
        for check in graph.get(key).check_keys
        if graph.get_check_spec(check).blocking
        for run in dagster_internals.runs_that_failed(instance, check)
    }


def storage_fault(key: dg.AssetKey, recorded: str | None, *, thorough: bool = False) -> str | None:
    """What is wrong with the stored files of an asset, given the data version that Dagster recorded; see `fault`."""
    stored, name = storage.of_asset(key.to_user_string())
    return stored.fault(name, recorded, thorough=thorough)


def _changed_shards(instance: dg.DagsterInstance, definitions: dg.Definitions, key: dg.AssetKey) -> str | None:
    """Which sharded parent of an unsharded asset has other shards than those that the asset was computed from.

    Dagster compares fewer than 100 partitions, and no removed ones. The digest in the metadata of the asset covers all.
    """
    graph = definitions.resolve_asset_graph()
    shards = {parent: shard_names(graph.get(parent).partitions_def) for parent in graph.get(key).parent_keys}
    event = instance.get_latest_materialization_event(key) if any(shards.values()) else None
    metadata = event.asset_materialization.metadata if event and event.asset_materialization else {}
    for parent, names in shards.items():
        versions = records.versions_of_partitions(instance, parent, names) if names else {}
        if names and (MADE_FROM not in metadata or metadata[MADE_FROM].value != digest(versions)):
            return f"{parent.to_user_string()} has other shards, or new versions"
    return None


def stale_shards(instance: dg.DagsterInstance, definitions: dg.Definitions, key: dg.AssetKey) -> dict[str, str]:
    """The shards of an asset that must run again, each with the reason.

    The reasons are those of `out_of_sync`, but a query reads the records of a thousand shards.
    """
    graph = definitions.resolve_asset_graph()
    shards = shard_names(graph.get(key).partitions_def)
    whole = records.recorded_versions(instance)
    versions = {
        parent.to_user_string(): records.versions_of_partitions(instance, parent, shards)
        if graph.get(parent).is_partitioned
        else dict.fromkeys(shards, whole.get(parent.to_user_string()))
        for parent in sorted(graph.get(key).parent_keys)
    }
    recorded = records.latest_of_partitions(instance, key)
    failed = _failed_checks(instance, definitions, key)
    reasons: dict[str, str | None] = dict.fromkeys(shards, "not materialized yet")
    for shard in shards:
        if event := recorded.get(shard):
            tags = records.tags_of(event)
            parents = {parent: of_shards[shard] for parent, of_shards in versions.items()}
            reasons[shard] = (
                _changed(tags, graph.get(key).code_version, parents)
                or storage.current().fault(storage.stored_key(key.to_user_string(), shard), tags.get(DATA_VERSION_TAG))
                or failed.get(records.run_of(event))
            )
    return {shard: reason for shard, reason in reasons.items() if reason}


def _changed(tags: Mapping[str, str], code_version: str | None, parents: Mapping[str, str | None]) -> str | None:
    """What has changed since a partition was materialized: its code version or the data version of a parent."""
    if tags.get(CODE_VERSION_TAG) != code_version:
        return "has a new code version"
    for parent, version in parents.items():
        # If the parent is a partition, Dagster records a checksum of the version.
        checksum = hashlib.sha256((version or "").encode()).hexdigest()
        if tags.get(INPUT_VERSION_TAG.format(parent)) not in (version, checksum):
            return f"{parent} has a new version"
    return None


def partition_faults(
    instance: dg.DagsterInstance, key: dg.AssetKey, *, thorough: bool = False
) -> dict[str, str | None]:
    """What is wrong with each partition of an asset that was materialized or is stored, None if nothing is."""
    stored, prefix = storage.current(), storage.stored_key(key.to_user_string(), "")
    partitions = {name.removeprefix(prefix) for name in stored.published.keys() if name.startswith(prefix)}  # noqa: SIM118
    recorded = records.versions_of_partitions(instance, key)
    return {
        partition: stored.fault(prefix + partition, recorded.get(partition), thorough=thorough)
        for partition in partitions | recorded.keys()
    }


def due(instance: dg.DagsterInstance, definitions: dg.Definitions, selection: dg.AssetSelection) -> set[dg.AssetKey]:
    """The unpartitioned assets of a selection that one run must materialize so that all of them are in sync.

    Those are the stale assets and what depends on them, whose inputs could change.
    """
    graph = definitions.resolve_asset_graph()
    selected, stale = selection.resolve(graph), out_of_sync(instance, definitions)
    found: set[dg.AssetKey] = set()
    for key in graph.toposorted_asset_keys:
        if key in selected and (key in stale or graph.get(key).parent_keys & found):
            found.add(key)
    return found


def ready(stale: Set[dg.AssetKey], definitions: dg.Definitions) -> set[dg.AssetKey]:
    """The stale assets that one run can materialize so that none of them has to run twice.

    An asset must wait for an ancestor that is in sync but has a stale ancestor itself, and could fall out of sync.
    """
    graph = definitions.resolve_asset_graph()
    ancestors: dict[dg.AssetKey, set[dg.AssetKey]] = {}
    for key in graph.toposorted_asset_keys:
        parents = graph.get(key).parent_keys
        ancestors[key] = set(parents).union(*(ancestors[parent] for parent in parents))
    undecided = {key for key, above in ancestors.items() if key not in stale and above & stale}
    return {key for key in stale if not ancestors[key] & undecided}
