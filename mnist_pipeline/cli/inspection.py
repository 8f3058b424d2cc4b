"""Verify stored results, and trace what they were computed from."""

from __future__ import annotations

import contextlib

import click
import dagster as dg

from mnist_pipeline.cli.errors import CommandError, unknown
from mnist_pipeline.cli.selection import (
    EVERYTHING,
    asset_names,
    definitions,
    job_of,
    select_assets,
    shards_of,
)
from mnist_pipeline.runtime import instance_files
from mnist_pipeline.runtime.environment import Settings
from mnist_pipeline.runtime.graph import history, records
from mnist_pipeline.runtime.graph.shards import digest
from mnist_pipeline.runtime.graph.staleness import partition_faults, storage_fault
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.directory import forget_verified
from mnist_pipeline.utils.printable import count, first_sentence, printable

NAME_WIDTH = 22
LINEAGE_TABLE = "  {:<{width}} {:<22} {:<16} {}"
NOT_MATERIALIZED = "not materialized"
NOT_RECORDED = "not recorded"


def print_assets(selection: str) -> None:
    """Print the assets of a selection by group, with the first sentence of their description."""
    graph = definitions().resolve_asset_graph()
    selected = graph.get_all_asset_keys() if selection == "*" else select_assets(selection)
    groups: dict[str, list[tuple[str, str]]] = {}
    for key in graph.toposorted_asset_keys:
        if key in selected and key in graph.materializable_asset_keys:
            node = graph.get(key)
            row = (key.to_user_string(), first_sentence(node.description))
            groups.setdefault(str(node.group_name), []).append(row)
    formatter = click.get_current_context().make_formatter()
    for group, rows in groups.items():
        with formatter.section(group):
            formatter.write_dl(rows, col_max=NAME_WIDTH + 4)
    click.echo(formatter.getvalue().strip())


def print_states(configured: Settings) -> None:
    """Print the state of every asset; raise CommandError if anything is wrong."""
    holder = storage.current().lock_holder()
    if holder:
        click.echo(f"A run ({holder}) is writing to the storage; its files may look unfinished.")
    instance_files.require_whole(configured, thorough=True)
    with dg.DagsterInstance.get() as instance:
        rows = verify(instance)
    width = max([NAME_WIDTH, *(len(name) for name, _ in rows)])
    leftovers, unknown = [], []
    for each in storage.all_storages():
        leftovers += [] if holder else [each.prefix + name for name in each.published.unfinished_files()]
        unknown += [each.prefix + name for name in each.published.unknown_files()]
    lines = [f"  {name:<{width}} {printable(state)}" for name, state in rows]
    lines += [f"  {printable(name)}: unfinished, from a killed run" for name in leftovers]
    lines += [f"  {printable(name)}: belongs to no asset, never read" for name in unknown]
    damaged = history.faults(definitions())
    lines += [
        f"  {printable(name)}: damaged, and only a former value: {printable(fault)}" for name, fault in damaged.items()
    ]
    click.echo("\n".join(lines))
    wrong = [name for name, state in rows if state not in ("ok", NOT_MATERIALIZED)]
    if wrong or leftovers:
        counts = f"{len(wrong)} of {count(len(rows), 'asset')}, {count(len(leftovers), 'unfinished file')}"
        remedy = "mnist-pipeline repair, then " if any(state.startswith(NOT_RECORDED) for _, state in rows) else ""
        raise CommandError(f"{counts}, are wrong; repair them with {remedy}mnist-pipeline run --changed")
    if damaged:
        raise CommandError(
            f"damaged: {count(len(damaged), 'former value')}; mnist-pipeline prune removes what is damaged"
        )
    click.echo(f"All stored results in {configured.storage} are intact.")


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
            state = storage_fault(key, recorded.get(name), thorough=True) or "ok"
            if state == "missing" and name not in recorded:
                if job_of(key) != EVERYTHING:  # like partitions, listed only after the first run
                    continue
                state = NOT_MATERIALIZED
            rows.append((name, state))
    return rows


def print_lineage(name: str) -> None:
    """Print data version, code version and run of an asset and of all upstream assets, raw files first."""
    graph = definitions().resolve_asset_graph()
    asset = dg.AssetKey.from_user_string(name)
    if asset not in graph.materializable_asset_keys:
        raise CommandError(unknown(name, "an asset", asset_names()))
    selected = (select_assets(f'+key:"{name}"') | {asset}) & graph.materializable_asset_keys
    keys = [key for key in graph.toposorted_asset_keys if key in selected]
    width = max([NAME_WIDTH, *(len(key.to_user_string()) for key in keys)])
    click.echo(LINEAGE_TABLE.format("asset", "data version (SHA-256)", "code version", "run", width=width))
    with dg.DagsterInstance.get() as instance:
        for key, found in records.origins(instance, keys).items():
            if shards := shards_of(key):
                found["data_version"] = digest(records.versions_of_partitions(instance, key, shards))
            data, code, run = (str(found[field] or "–") for field in ("data_version", "code_version", "run_id"))
            click.echo(LINEAGE_TABLE.format(key.to_user_string(), data[:16], code, run[:8], width=width))
    with contextlib.suppress(storage.StorageError):
        prefix, separator, _ = name.rpartition("/")
        files = storage.read(f"{prefix}{separator}raw_mnist").to_dict("records")
        lines = [line for file in files for line in (f"  {file['name']}", f"    {file['sha256']}")]
        click.echo("\n".join(["", *map(printable, lines)]))
