"""Versions of assets: former values are kept when a run replaces them, read, put back, and pruned.

The metadata `FORMER_VALUES` of a definition says that former values of the asset are kept, and how long. `RECENT` keeps
the latest. `ALWAYS` keeps each value, and the values of its inputs and their evaluations that are kept at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
import numpy as np

from mnist_pipeline import versions
from mnist_pipeline.runtime.graph import copies, data_sets, records
from mnist_pipeline.runtime.graph.records import DATA_VERSION_TAG, INPUT_VERSION_TAG
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.contents import DamageError
from mnist_pipeline.runtime.storage.former import ORIGIN
from mnist_pipeline.runtime.storage.publication import Manifest
from mnist_pipeline.runtime.storage.storage import Prepared, Storage
from mnist_pipeline.versions import TEST_SET, ModelVersion, Record, Records

FORMER_VALUES = "mnist_pipeline/former_values"
RECENT, ALWAYS = "recent", "always"
LIBRARIES = "libraries"  # metadata of a value whose former values are kept
# Figures, tables and links are not part of a record.
PLAIN = (
    dg.BoolMetadataValue,
    dg.FloatMetadataValue,
    dg.IntMetadataValue,
    dg.JsonMetadataValue,
    dg.TextMetadataValue,
)


def keeping(
    assets: Sequence[dg.AssetsDefinition], recent: Collection[str], always: Collection[str]
) -> list[dg.AssetsDefinition]:
    """The same assets, of which those with these names keep their former values."""

    def spec(old: dg.AssetSpec) -> dg.AssetSpec:
        name = old.key.path[-1]
        if name not in (*recent, *always):
            return old
        return old.merge_attributes(metadata={FORMER_VALUES: ALWAYS if name in always else RECENT})

    return [asset.map_asset_specs(spec) for asset in assets]


def kept_assets(definitions: dg.Definitions) -> dict[dg.AssetKey, str]:
    """The assets whose former values are kept, and how long."""
    graph = definitions.resolve_asset_graph()
    found = {key: graph.get(key).metadata.get(FORMER_VALUES) for key in graph.materializable_asset_keys}
    return {key: str(policy) for key, policy in sorted(found.items()) if policy}


def publish(
    instance: dg.DagsterInstance, asset: dg.AssetKey, stored: Storage, prepared: Prepared
) -> tuple[str, str | None]:
    """Publish a value of an asset, and keep the value that it replaces; return the paths of both."""
    present = stored.published.readable_manifest(prepared.key)
    event = instance.get_latest_materialization_event(asset)
    if present is None or event is None or records.data_version(event) != present.data_version:
        return stored.publish(prepared), None
    if present.data_version != prepared.data_version:
        former = _keep(stored, present, event)
        return stored.publish(prepared), former
    path = stored.publish(prepared)  # first, because its files are whole, even if the old ones were damaged
    return path, _keep(stored, present, event)


def _keep(stored: Storage, manifest: Manifest, event: dg.EventLogEntry) -> str | None:
    try:
        stored.published.verify(manifest)
    except DamageError:  # it can't be used again
        return None
    record = asdict(_record_of(manifest.asset, event))
    name = stored.former.keep(manifest, record["time"], {name: record[name] for name in ORIGIN})
    return stored.published.store.path(name)


def _record_of(asset: str, event: dg.EventLogEntry) -> Record:
    """What a materialization says about a value."""
    materialization, tags = event.asset_materialization, records.tags_of(event)
    prefix = INPUT_VERSION_TAG.format("")
    return Record(
        asset=asset,
        data_version=tags.get(DATA_VERSION_TAG, ""),
        time=records.time_of(event),
        run=records.run_of(event),
        code_version=tags.get(records.CODE_VERSION_TAG),
        inputs={tag.rpartition("/")[2]: version for tag, version in tags.items() if tag.startswith(prefix)},
        metadata={
            name: each.value
            for name, each in (materialization.metadata if materialization else {}).items()
            if isinstance(each, PLAIN)
        },
    )


def of_asset(instance: dg.DagsterInstance, asset: dg.AssetKey) -> list[Record]:
    """The former values of an asset, the oldest first, and its present value if Dagster has recorded it."""
    stored, key = storage.of_asset(asset.to_user_string())
    found = [
        Record(asset=key, data_version=manifest.data_version, former=name, **manifest.origin)
        for name, manifest in stored.former.of(key).items()
    ]
    event = instance.get_latest_materialization_event(asset)
    present = stored.published.readable_manifest(key)
    if event and present and records.data_version(event) == present.data_version:
        found.append(_record_of(key, event))
    return found


def of_data_set(instance: dg.DagsterInstance, assets: Iterable[str], prefix: str | None) -> dict[str, list[Record]]:
    """The versions of assets of a data set, by their plain keys."""
    return {asset: of_asset(instance, data_sets.key_of(prefix, asset)) for asset in assets}


def read(record: Record, prefix: str | None = None) -> Any:
    """The value of a version; raises StorageError if it can't be used."""
    stored = storage.current(prefix)
    if record.former is None:
        return stored.read(record.asset, record.data_version)
    return stored.read_former(stored.former.manifest(record.asset, record.former))


def compare(
    before: Sequence[ModelVersion],
    after: Sequence[ModelVersion],
    of_assets: Records,
    true_labels: np.ndarray,
    prefix: str | None = None,
) -> dict[str, Any]:
    """What differs between versions of models; see `versions.compare`."""
    test_set = storage.current(prefix).data_version(TEST_SET)

    def labels(version: ModelVersion) -> np.ndarray | None:
        record = versions.predictions(version, of_assets)
        if record is None or version.data.get(TEST_SET) != test_set:
            return None
        try:
            return np.asarray(read(record, prefix).labels)
        except storage.StorageError:
            return None

    return versions.compare(before, after, labels, true_labels)


def since_last_run(
    instance: dg.DagsterInstance, assets: Iterable[str], true_labels: np.ndarray, prefix: str | None
) -> dict[str, Any] | None:
    """What the last run that trained models changed, None if there was no run before it."""
    of_assets = of_data_set(instance, assets, prefix)
    runs = versions.last_runs(of_assets)[-2:]
    if len(runs) < 2:
        return None
    before, after = (versions.after_run(run, of_assets) for run in runs)
    return {"before": runs[0], "after": runs[1], **compare(before, after, of_assets, true_labels, prefix)}


def put_back(
    instance: dg.DagsterInstance,
    asset: dg.AssetKey,
    version: Record,
    metadata: Mapping[str, str],
    inputs: Mapping[str, str],
) -> None:
    """Replace the present value of an asset by a former one, and let Dagster record it, with additional metadata.

    The record names the present versions of the inputs, so that the asset is as much in sync as before; `inputs`
    replaces them for inputs that were put back themselves.
    """
    stored, key = storage.of_asset(asset.to_user_string())
    manifest = stored.former.manifest(key, str(version.former))
    event = instance.get_latest_materialization_event(asset)
    path, _ = publish(instance, asset, stored, Prepared(key, manifest.data_version, stored.former.contents(manifest)))
    tags = {
        **records.tags_of(event),
        DATA_VERSION_TAG: manifest.data_version,
        **{INPUT_VERSION_TAG.format(name): each for name, each in inputs.items()},
    }
    shown = {**version.metadata, **metadata, "path": dg.MetadataValue.path(path)}
    materialization = dg.AssetMaterialization(asset, metadata=shown, tags=tags)
    copies.record(instance, materialization, version.run)
    copies.store(materialization, version.run)


def faults(definitions: dg.Definitions) -> dict[str, str]:
    """What is damaged of former values, by the name of their file."""
    found: dict[str, str] = {}
    for asset in kept_assets(definitions):
        stored, key = storage.of_asset(asset.to_user_string())
        found |= {stored.prefix + name: fault for name, fault in stored.former.faults(key).items()}
    return found


def prune(instance: dg.DagsterInstance, definitions: dg.Definitions, count: int) -> int:
    """Remove the former values that `unwanted` names; return how many."""
    found = unwanted(instance, definitions, count)
    for key, names in found.items():
        stored, name = storage.of_asset(key.to_user_string())
        stored.former.remove(name, names)
    return sum(map(len, found.values()))


def unwanted(instance: dg.DagsterInstance, definitions: dg.Definitions, count: int) -> dict[dg.AssetKey, set[str]]:
    """The names of former values except the latest `count` of each asset and those to be kept always.

    Damaged values are unwanted as well.
    """
    kept = kept_assets(definitions)
    of_assets = {key: of_asset(instance, key) for key in kept}
    needed = _needed(kept, of_assets)
    names: dict[dg.AssetKey, set[str]] = {}
    for key, found in of_assets.items():
        former = [record for record in found if record.former]
        first = _first(former)
        stored, name = storage.of_asset(key.to_user_string())
        names[key] = set(stored.former.faults(name)) | {
            str(each.former)
            for each in former[: max(0, len(former) - count)]
            if each not in first or (key, each.data_version) not in needed
        }
    return names


def _needed(
    kept: Mapping[dg.AssetKey, str], of_assets: Mapping[dg.AssetKey, Sequence[Record]]
) -> set[tuple[dg.AssetKey, str]]:
    """The versions to be kept always: those of some assets, of what they were computed from, and its evaluations."""

    def inputs(key: dg.AssetKey, record: Record) -> set[tuple[dg.AssetKey, str]]:
        prefix = data_sets.prefix_of(key)
        return {(data_sets.key_of(prefix, name), version) for name, version in record.inputs.items()}

    needed: set[tuple[dg.AssetKey, str]] = set()
    pending = [(key, each) for key, policy in kept.items() if policy == ALWAYS for each in _first(of_assets[key])]
    while pending:
        key, record = pending.pop()
        needed.add((key, record.data_version))
        wanted = inputs(key, record) - needed
        pending += [
            (parent, each)
            for parent, version in wanted
            for each in of_assets.get(parent, ())
            if each.data_version == version
        ]
    evaluations = {
        (key, each.data_version) for key, found in of_assets.items() for each in found if inputs(key, each) & needed
    }
    return needed | evaluations


def _first(found: Sequence[Record]) -> list[Record]:
    """The first record of each data version."""
    return list({record.data_version: record for record in reversed(found)}.values())
