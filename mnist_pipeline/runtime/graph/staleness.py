"""What must run again: assets that are missing, stale or damaged, and everything below them.

The readers run first; `readers` has this rule.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, cast

import dagster as dg

from mnist_pipeline.data import datasets
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.values import checksum
from mnist_pipeline.runtime.graph.event_log import (
    CODE_VERSION_TAG,
    DATA_DIRECTORY,
    DATA_VERSION_TAG,
    FAILED_CHECK,
    INPUT_VERSION_TAG,
    Recorded,
    latest,
    observe,
)
from mnist_pipeline.runtime.graph.readers import readers_first
from mnist_pipeline.runtime.graph.resources import IO_MANAGER, LOCATION, asset_data, asset_storage
from mnist_pipeline.runtime.storage.storage import stored_key


def due_assets(
    instance: dg.DagsterInstance, definitions: dg.Definitions, within: AbstractSet[dg.AssetKey]
) -> set[dg.AssetKey]:
    """The unpartitioned assets of a selection that must run next, the readers first.

    An asset is due if it is missing, if its code version or the version of an input has changed
    since it was computed, if its value failed a blocking check, or if the stored value is damaged.
    If only `current` is, it gets the recorded version, and the asset need not run.
    """
    graph = definitions.resolve_asset_graph()
    keys = [key for key in graph.materializable_asset_keys if not graph.get(key).is_partitioned]
    recorded = latest(instance, [*graph.get_all_asset_keys()])
    due = {key for key in keys if _is_due(graph, key, recorded[key], recorded)}
    return readers_first(graph, due, {*keys} & within)


def due_partitions(
    instance: dg.DagsterInstance, definitions: dg.Definitions, key: dg.AssetKey
) -> list[str]:
    """The partitions of an asset that are missing or stale, or whose value is damaged."""
    graph = definitions.resolve_asset_graph()
    node, recorded = cast("Any", graph.get(key)), latest(instance, [*graph.get_all_asset_keys()])
    return [
        name
        for name in node.partitions_def.get_partition_keys(dynamic_partitions_store=instance)
        if _is_due(graph, key, latest(instance, [key], name)[key], recorded, name)
    ]


def _is_due(
    graph: Any,
    key: dg.AssetKey,
    own: Recorded,
    recorded: Mapping[dg.AssetKey, Recorded],
    partition: str | None = None,
) -> bool:
    """Whether an asset, or a partition of it, must run; `own` is what is recorded about it, and
    `recorded` what is recorded about its inputs.

    The tags of a materialization, which Dagster writes, name the versions of the code and of the
    inputs.
    """
    if not own.time or FAILED_CHECK in own.metadata:
        return True
    node = graph.get(key)
    if node.code_version and own.tags.get(CODE_VERSION_TAG) != node.code_version:
        return True
    for source in node.parent_keys:
        if not recorded[source].time:  # an asset that other programs write, and nobody observes
            continue
        if graph.get(source).is_partitioned:
            is_newer = recorded[source].time > own.time
        else:
            version = own.tags.get(INPUT_VERSION_TAG.format(source.to_user_string()))
            is_newer = version != recorded[source].tags.get(DATA_VERSION_TAG)
        if is_newer:
            return True
    location = node.metadata.get(LOCATION, {})
    if location.get(IO_MANAGER):
        return False
    # Whether the version that Dagster recorded last can be read.
    storage, version = asset_storage(location), own.version
    return bool(version and storage.mend(stored_key(key.path[-1], partition), version))


def observe_raw_files(instance: dg.DagsterInstance, definitions: dg.Definitions) -> str | None:
    """Record the checksum of the raw files as the version of `data_directory`, if it has changed;
    return it.

    It is None if the files can't be read: a run reports why.
    """
    graph = definitions.resolve_asset_graph()
    (key,) = [key for key in graph.observable_asset_keys if key.path[-1] == DATA_DIRECTORY]
    try:
        path = asset_data(graph.get(key).metadata.get(LOCATION, {}))
        version = checksum(datasets.reader_of(path).files())
    except DatasetError:
        return None
    observe(instance, key, path, version)
    return version
