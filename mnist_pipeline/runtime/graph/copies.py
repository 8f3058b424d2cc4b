"""Copies, in the storage, of what Dagster records about stored values; a lost Dagster instance is restored from them.

A copy has the materialization of an asset or partition and, of the same run, the evaluations of its checks, as Dagster
serializes them. It is written when a step has ended, after Dagster has recorded these events. It is used only if its
data version is that of the stored value, so a run that is killed before it writes a copy leaves none that is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from mnist_pipeline.runtime.graph import records
from mnist_pipeline.runtime.graph.records import DATA_VERSION_TAG
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.contents import UnavailableError
from mnist_pipeline.runtime.storage.storage import Storage

POINTER_TAG = "dagster/input_event_pointer/"  # and the key of a parent: the number of the event that recorded it


@dataclass
class _Copy:
    materialization: dg.AssetMaterialization
    run: str
    time: float | None = None  # when it was recorded; earlier versions did not store it
    checks: dict[str, dg.AssetCheckEvaluation] = field(default_factory=dict)

    def write(self) -> None:
        stored, name = storage.of_asset(self.materialization.asset_key.to_user_string())
        key = storage.stored_key(name, self.materialization.partition)
        stored.published.write_record(key, dg.serialize_value(vars(self)))


def _read(stored: Storage, key: str) -> _Copy | None:
    """The copy of an asset or partition; None if there is none, or it can't be read."""
    text = stored.published.read_record(key)
    try:
        document: Any = dg.deserialize_value(text) if text else None
        return _Copy(**document) if isinstance(document["materialization"], dg.AssetMaterialization) else None
    except Exception:  # of many classes, because another version of Dagster may have written it
        return None


def keep(events: Iterable[dg.DagsterEvent], run: str, warn: Callable[[str], object]) -> Iterator[dg.DagsterEvent]:
    """Yield the events of a run, and store copies of what they record about assets."""
    copies: dict[dg.AssetKey, _Copy] = {}
    changed: dict[str | None, set[dg.AssetKey]] = {}  # by step
    for event in events:
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            materialization = event.step_materialization_data.materialization
            copies[materialization.asset_key] = _Copy(materialization, run, time.time())
            changed.setdefault(event.step_key, set()).add(materialization.asset_key)
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if copy := copies.get(evaluation.asset_key):
                copy.checks[evaluation.check_name] = evaluation
                changed.setdefault(event.step_key, set()).add(evaluation.asset_key)
        elif event.is_step_success or event.is_step_failure:
            for key in changed.pop(event.step_key, ()):
                try:
                    copies[key].write()
                except (OSError, UnavailableError) as error:
                    warn(f"{key.to_user_string()}: mnist-pipeline repair could not restore it: {error}")
        yield event


def restore(instance: dg.DagsterInstance, definitions: dg.Definitions) -> tuple[list[str], list[str]]:
    """Let Dagster record stored values again, from their copies, if it does not know their data versions.

    Returns the keys of the values that were recorded, and of those that have no copy of their data version.
    """
    graph = definitions.resolve_asset_graph()
    whole = records.recorded_versions(instance)
    restored, left = [], []
    for asset in graph.toposorted_asset_keys:  # a parent first, because the pointer of a child is its event
        if asset not in graph.materializable_asset_keys:
            continue
        stored, name = storage.of_asset(asset.to_user_string())
        partitions = graph.get(asset).partitions_def
        known, keys = {"": whole.get(asset.to_user_string())}, {"": name}
        if partitions is not None:
            known, prefix = records.versions_of_partitions(instance, asset), storage.stored_key(name, "")
            keys = {key.removeprefix(prefix): key for key in stored.published.keys() if key.startswith(prefix)}  # noqa: SIM118
        for partition, key in keys.items():
            try:
                version = stored.data_version(key)
            except storage.StorageError:  # missing or damaged
                continue
            if known.get(partition) == version:
                continue
            copy = _read(stored, key)
            if copy and (copy.materialization.tags or {}).get(DATA_VERSION_TAG) == version:
                if isinstance(partitions, dg.DynamicPartitionsDefinition):
                    instance.add_dynamic_partitions(str(partitions.name), [partition])
                record(instance, copy.materialization, copy.run, copy.time)
                for evaluation in copy.checks.values():
                    instance.report_runless_asset_event(evaluation)
                restored.append(stored.prefix + key)
            else:
                left.append(stored.prefix + key)
    return restored, left


def store(materialization: dg.AssetMaterialization, run: str) -> None:
    """Store a copy of a materialization that belongs to no run, but whose value this run computed."""
    _Copy(materialization, run, time.time()).write()


def record(
    instance: dg.DagsterInstance, event: dg.AssetMaterialization, run: str, computed: float | None = None
) -> None:
    """Let Dagster record, outside of a run, a materialization that a run computed, perhaps at an earlier time."""
    tags = {
        tag: _pointer(instance, tag) if tag.startswith(POINTER_TAG) else text
        for tag, text in (event.tags or {}).items()
    }
    metadata = {**event.metadata, records.RUN: dg.MetadataValue.dagster_run(run)}
    if computed is not None:
        metadata[records.TIME] = dg.MetadataValue.timestamp(computed)
    instance.report_runless_asset_event(
        dg.AssetMaterialization(event.asset_key, event.description, metadata, event.partition, tags)
    )


def _pointer(instance: dg.DagsterInstance, tag: str) -> str:
    """The number of the latest event that recorded a parent, as Dagster writes it in a tag."""
    parent = dg.AssetKey.from_user_string(tag.removeprefix(POINTER_TAG))
    found = instance.fetch_materializations(parent, limit=1).records
    return str(found[0].storage_id) if found else "NULL"
