"""What Dagster calls missing or out of sync, or storage has lost, and what of it can run now."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContext
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from mnist_pipeline.runtime.graph import records
from mnist_pipeline.runtime.graph.records import CODE_VERSION_TAG, DATA_VERSION_TAG
from mnist_pipeline.runtime.graph.shards import FOLDS, MADE_FROM, digest
from mnist_pipeline.runtime.storage import storage

INPUT_VERSION_TAG = "dagster/input_data_version/{}"
FAILED = {AssetCheckExecutionRecordStatus.FAILED}

# Dagster shows staleness and the outcome of checks in its UI and over GraphQL, and offers no public functions for
# them: this module is the one that reaches for what is behind both.


class _Loading(LoadingContext):
    """What the resolver reads the instance through."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._loaders: dict[Any, Any] = {}

    @property
    def instance(self) -> dg.DagsterInstance:
        return self._instance

    @property
    def loaders(self) -> dict[Any, Any]:
        return self._loaders


def out_of_sync(instance: dg.DagsterInstance, definitions: dg.Definitions) -> dict[dg.AssetKey, str]:
    """The assets that Dagster calls missing or out of sync, and those that storage has not whole, with the reason.

    An asset is out of sync if its code version, or the data version of one of its parents, is another than
    when it was materialized; if its value failed a check that stops what is downstream; or if a file of it is missing,
    damaged, or other than Dagster's record says.
    One with partitions is left out, see `stale_folds` and `partition_faults`.
    """
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, _Loading(instance))
    resolver.instance_queryer.prefetch_asset_records(graph.get_all_asset_keys())
    recorded = records.recorded_versions(instance)
    reasons = {}
    for key in graph.toposorted_asset_keys:
        if key not in graph.materializable_asset_keys or graph.get(key).is_partitioned:
            continue
        status = resolver.get_status(key)
        if status == StaleStatus.MISSING:
            reasons[key] = "not materialized yet"
        elif status == StaleStatus.STALE:
            reasons[key] = "; ".join(
                f"{cause.asset_key.to_user_string()} {cause.reason}"
                if cause.dependency is None
                else f"{cause.dependency.asset_key.to_user_string()} has a new version"
                for cause in resolver.get_stale_causes(key)
            )
        elif check := _failed_check(instance, graph, key):
            reasons[key] = f"its check {check} failed"
        elif shards := _other_shards(instance, graph, key):
            reasons[key] = f"{shards} has other folds, or new versions"
        elif fault := storage_fault(key, recorded):
            reasons[key] = fault
    return reasons


def _failed_check(instance: dg.DagsterInstance, graph: AssetGraph, asset: dg.AssetKey) -> str | None:
    """The check that the latest value of an asset failed, of those that stop what is downstream."""
    failed = _failed_checks(instance, graph, asset)
    event = instance.get_latest_materialization_event(asset) if failed else None
    return failed.get(event.run_id) if event else None


def _failed_checks(instance: dg.DagsterInstance, graph: AssetGraph, asset: dg.AssetKey) -> dict[str, str]:
    """By run, the check that an asset failed in it, of those that stop what is downstream."""
    failed: dict[str, str] = {}
    for key in graph.get(asset).check_keys:
        cursor, more = None, graph.get_check_spec(key).blocking
        while more:
            page = instance.event_log_storage.get_asset_check_execution_history(key, records.PAGE, cursor, FAILED)
            failed |= {record.run_id: key.name for record in page}
            cursor, more = (page[-1].id, True) if page else (None, False)
    return failed


def storage_fault(asset: dg.AssetKey, recorded: Mapping[str, str], *, thorough: bool = False) -> str | None:
    """What is wrong with what is stored of an asset, given the data versions that Dagster recorded; None if nothing."""
    stored, name = storage.of_asset(asset.to_user_string())
    return stored.fault(name, recorded.get(asset.to_user_string()), thorough=thorough)


def _other_shards(instance: dg.DagsterInstance, graph: BaseAssetGraph[Any], key: dg.AssetKey) -> str | None:
    """The sharded parent of an asset of a whole set whose shards are others than it was made from.

    Dagster looks at fewer than 100 partitions, and not at those that are no more; the digest that the asset was
    recorded with covers them all.
    """
    sharded = [parent for parent in graph.get(key).parent_keys if graph.get(parent).partitions_def == FOLDS]
    event = instance.get_latest_materialization_event(key) if sharded else None
    for parent in sharded:
        versions = records.versions_of_partitions(instance, parent, FOLDS.get_partition_keys())
        metadata = event.asset_materialization.metadata if event and event.asset_materialization else {}
        if MADE_FROM not in metadata or metadata[MADE_FROM].value != digest(versions):
            return parent.to_user_string()
    return None


def stale_folds(instance: dg.DagsterInstance, definitions: dg.Definitions, asset: dg.AssetKey) -> dict[str, str]:
    """The folds of an asset that are missing, damaged, made by other code or from other versions, or failed a check.

    Dagster's records are asked for a thousand at a time, not one by one.
    """
    graph = definitions.resolve_asset_graph()
    parents = sorted(graph.get(asset).parent_keys)
    folds = FOLDS.get_partition_keys()
    whole = records.recorded_versions(instance)
    versions = {
        parent: records.versions_of_partitions(instance, parent, folds)
        if graph.get(parent).is_partitioned
        else dict.fromkeys(folds, whole.get(parent.to_user_string()))
        for parent in parents
    }
    recorded = records.latest_of_partitions(instance, asset)
    failed = _failed_checks(instance, graph, asset)
    reasons = {}
    for fold in folds:
        event = recorded.get(fold)
        tags = records.tags_of(event) if event else {}
        of_fold = {parent.to_user_string(): versions[parent][fold] for parent in parents}
        reason = (
            "not materialized yet"
            if event is None
            else _changed(tags, graph.get(asset).code_version, of_fold)
            or storage.current().fault(storage.stored_key(asset.to_user_string(), fold), tags.get(DATA_VERSION_TAG))
            or (f"its check {failed[event.run_id]} failed" if event.run_id in failed else None)
        )
        if reason:
            reasons[fold] = reason
    return reasons


def _changed(tags: Mapping[str, str], code_version: str | None, parents: Mapping[str, str | None]) -> str | None:
    """How what a partition would be made from now differs from what it was made from, None if it doesn't."""
    if tags.get(CODE_VERSION_TAG) != code_version:
        return "has a new code version"
    for parent, version in parents.items():
        if tags.get(INPUT_VERSION_TAG.format(parent)) not in (version, _hashed(version)):
            return f"{parent} has a new version"
    return None


def _hashed(version: str | None) -> str:
    """What Dagster records of an input that is a partition: a checksum of the version."""
    return hashlib.sha256((version or "").encode()).hexdigest()


def partition_faults(
    instance: dg.DagsterInstance, asset: dg.AssetKey, *, thorough: bool = False
) -> dict[str, str | None]:
    """What is wrong with each partition of an asset that was materialized or is stored; None if nothing is."""
    stored, prefix = storage.current(), storage.stored_key(asset.to_user_string(), "")
    partitions = {key.removeprefix(prefix) for key in stored.published.keys() if key.startswith(prefix)}  # noqa: SIM118
    recorded = records.versions_of_partitions(instance, asset)
    return {
        partition: stored.fault(prefix + partition, recorded.get(partition), thorough=thorough)
        for partition in partitions | recorded.keys()
    }


def lost_partitions(instance: dg.DagsterInstance, asset: dg.AssetKey) -> set[str]:
    """The partitions of an asset that are to be materialized again."""
    return {partition for partition, fault in partition_faults(instance, asset).items() if fault}


def ready(stale: Set[dg.AssetKey], definitions: dg.Definitions) -> set[dg.AssetKey]:
    """Those of the stale assets that one run can do, upstream first, without doing any of them twice.

    Left for later is an asset that has an ancestor which is in sync now, and may fall out of sync once the
    stale ones above it have run.
    """
    graph = definitions.resolve_asset_graph()
    ancestors: dict[dg.AssetKey, set[dg.AssetKey]] = {}
    for key in graph.toposorted_asset_keys:
        parents = graph.get(key).parent_keys
        ancestors[key] = set(parents).union(*(ancestors[parent] for parent in parents))
    undecided = {key for key, above in ancestors.items() if key not in stale and above & stale}
    return {key for key in stale if not ancestors[key] & undecided}
