"""Verify stored results, trace what they were computed from, and delete old runs."""

from __future__ import annotations

import dagster as dg

from mnist_pipeline.cli.console import log_path
from mnist_pipeline.cli.errors import LaunchError
from mnist_pipeline.cli.project import EXPANDED_JOB, definitions, job_of, picture_assets
from mnist_pipeline.cli.selection import asset_names, select_assets
from mnist_pipeline.runtime.graph import records
from mnist_pipeline.runtime.graph.shards import FOLDS, digest
from mnist_pipeline.runtime.graph.staleness import partition_faults, storage_fault
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.directory import forget_verified

NOT_MATERIALIZED = "not materialized"


def verify(instance: dg.DagsterInstance) -> list[tuple[str, str]]:
    """Return each asset or partition with its state: "ok", "not materialized", or what is wrong with the value."""
    forget_verified()
    graph = definitions().resolve_asset_graph()
    recorded = records.recorded_versions(instance)
    rows = []
    for key in graph.toposorted_asset_keys:
        name = key.to_user_string()
        if graph.get(key).is_partitioned:
            faults = partition_faults(instance, key, thorough=True)
            rows += [(storage.stored_key(name, each), fault or "ok") for each, fault in sorted(faults.items())]
        elif key in graph.materializable_asset_keys:
            state = storage_fault(key, recorded, thorough=True) or "ok"
            if state == "missing" and name not in recorded:
                if job_of(key) == EXPANDED_JOB:  # like partitions, listed only after the first run
                    continue
                state = NOT_MATERIALIZED
            rows.append((name, state))
    return rows


def lineage(instance: dg.DagsterInstance, name: str) -> list[tuple[str, str, str, str]]:
    """Return asset, data version, code version and run of an asset and of all upstream assets, raw files first.

    Raises LaunchError if there is no such asset.
    """
    graph = definitions().resolve_asset_graph()
    if dg.AssetKey.from_user_string(name) not in graph.materializable_asset_keys:
        raise LaunchError(f"{name!r} is not an asset; there are {asset_names()}")
    selected = select_assets(f'+key:"{name}"') | {dg.AssetKey.from_user_string(name)}
    rows = []
    keys = [key for key in graph.toposorted_asset_keys if key in selected and key in graph.materializable_asset_keys]
    for key, found in records.origins(instance, keys).items():
        if graph.get(key).partitions_def == FOLDS:
            folds = FOLDS.get_partition_keys()
            found["data_version"] = digest(records.versions_of_partitions(instance, key, folds))
        data, code, run = (str(found[name] or "–") for name in ("data_version", "code_version", "run_id"))
        rows.append((key.to_user_string(), data, code, run))
    return rows


def prune(instance: dg.DagsterInstance, keep: int) -> int:
    """Delete all runs except the latest, with their logs, and return how many were deleted.

    A run with the latest materialization of an asset or a partition is kept: without it, the asset would be missing.
    The latest run of a picture without predictions is kept too: it records that the picture was tried.
    """
    graph = definitions().resolve_asset_graph()
    needed = {found["run_id"] for found in records.origins(instance, [*graph.materializable_asset_keys]).values()}
    pictures = {picture for name in picture_assets().values() for picture in instance.get_dynamic_partitions(name)}
    had = records.runs_of_partitions(instance, sorted(pictures))
    tried = {picture: runs[0].run_id for picture, runs in had.items() if runs}
    for key in graph.materializable_asset_keys:
        if graph.get(key).is_partitioned:
            made = {name: event.run_id for name, event in records.latest_of_partitions(instance, key).items()}
            needed |= {*(tried | made if key in picture_assets() else made).values()}
    old = [run_id for run_id in instance.get_run_ids()[keep:] if run_id not in needed]
    for run_id in old:
        instance.delete_run(run_id)
        log_path(run_id).unlink(missing_ok=True)
    return len(old)
