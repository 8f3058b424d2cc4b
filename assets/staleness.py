"""What Dagster calls missing or out of sync, or storage has lost, and what of it can run now."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContext

from assets import io_manager, storage

# Dagster shows staleness in its UI and over GraphQL, and offers no public function for it: this module is
# the one that reaches for the class behind both.


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
    when it was materialized; or if a file of it is missing, damaged, or other than Dagster's record says.
    One with partitions is left out, see `partition_faults`.
    """
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, _Loading(instance))
    resolver.instance_queryer.prefetch_asset_records(graph.get_all_asset_keys())
    recorded = io_manager.recorded_versions(instance)
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
        elif fault := storage_fault(key, recorded):
            reasons[key] = fault
    return reasons


def storage_fault(asset: dg.AssetKey, recorded: Mapping[str, str], *, thorough: bool = False) -> str | None:
    """What is wrong with what is stored of an asset, given the data versions that Dagster recorded; None if nothing."""
    stored, name = storage.of_asset(asset.to_user_string())
    return stored.fault(name, recorded.get(asset.to_user_string()), thorough=thorough)


def partition_faults(
    instance: dg.DagsterInstance, asset: dg.AssetKey, *, thorough: bool = False
) -> dict[str, str | None]:
    """What is wrong with each partition of an asset that was materialized or is stored; None if nothing is."""
    stored, prefix = storage.current(), storage.stored_key(asset.to_user_string(), "")
    recorded = io_manager.latest_of_partitions(instance, asset)
    partitions = {key.removeprefix(prefix) for key in stored.shelf.keys() if key.startswith(prefix)}  # noqa: SIM118
    return {
        partition: stored.fault(prefix + partition, io_manager.data_version(recorded.get(partition)), thorough=thorough)
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
