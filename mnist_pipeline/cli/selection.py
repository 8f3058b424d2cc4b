"""The assets and data sets that a command is about."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from mnist_pipeline.cli.errors import LaunchError
from mnist_pipeline.cli.project import (
    EVERYTHING,
    EXPANDED,
    EXPANDED_JOB,
    FOLDS_JOB,
    INBOX_JOB,
    definitions_of_assets,
    defs,
)
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.shards import FOLDS
from mnist_pipeline.utils.printable import one_line

# The assets that come picture by picture: their partitions come as pictures come.
PARTITIONED = {
    asset.key for asset in definitions_of_assets() if isinstance(asset.partitions_def, dg.DynamicPartitionsDefinition)
}


def pictures_of(key: dg.AssetKey) -> str:
    """The name of the dynamic partitions of an asset."""
    partitions = defs.resolve_asset_graph().get(key).partitions_def
    assert isinstance(partitions, dg.DynamicPartitionsDefinition)
    return str(partitions.name)


def job_of(key: dg.AssetKey) -> str:
    """The name of the job that materializes an asset; no run has assets of two."""
    if key in PARTITIONED:
        return INBOX_JOB
    node = defs.resolve_asset_graph().get(key)
    if node.partitions_def == FOLDS:
        return FOLDS_JOB
    return EXPANDED_JOB if node.group_name == EXPANDED else EVERYTHING


def select_data_sets(names: Sequence[str]) -> list[data_sets.Located]:
    """The data sets of these names; all that the environment names if there are none.

    Raises
    ------
    LaunchError
        If the environment names no such data set.
    """
    by_name = dict(
        zip([settings.PLAIN, *(placed.name for placed in settings.load().data_sets)], data_sets.configured())
    )
    for name in names:
        if name not in by_name:
            raise LaunchError(
                f"--data-set {name!a} is not there: there is {', '.join(by_name)}; add it to MNIST_PIPELINE_DATA_SETS"
            )
    return [located for name, located in by_name.items() if name in names or not names]


def select_assets(selection: str, names: Sequence[str] = ()) -> AbstractSet[dg.AssetKey]:
    """The assets that a selection in Dagster's syntax names; with others, no pictures; by default, no expanded set.

    Parameters
    ----------
    selection : str
    names : sequence of str
        Of data sets: the selection is one of plain keys, and holds for each of these.

    Raises
    ------
    LaunchError
        If it can't be parsed, or matches nothing.
    """
    selected = _selected(selection)
    if not names:
        return selected
    plain = [key.path[-1] for key in selected if data_sets.prefix_of(key) is None]
    located = select_data_sets(names)
    of_each = {each.key(name) for each in located for name in plain} & defs.resolve_asset_graph().get_all_asset_keys()
    if not of_each:
        raise LaunchError(
            f"--select {selection!r} matches no asset of {', '.join(names)}; "
            "beside --data-set write plain keys, such as '+key:cnn_model'"
        )
    return of_each


def directories(selected: AbstractSet[dg.AssetKey]) -> str:
    """Where the data of these assets lie."""
    prefixes = {data_sets.prefix_of(key) for key in selected}
    return ", ".join(str(each.directory) for each in data_sets.configured() if each.prefix in prefixes)


def _selected(selection: str) -> AbstractSet[dg.AssetKey]:
    graph = defs.resolve_asset_graph()
    if selection == "*":
        return {key for key in graph.materializable_asset_keys if job_of(key) == EVERYTHING}
    try:
        with warnings.catch_warnings():
            # Dagster's own parser of selections calls what Dagster marks as beta.
            warnings.simplefilter("ignore", dg.BetaWarning)
            selected = dg.AssetSelection.from_string(selection).resolve(graph)
    except dg.DagsterError as error:
        raise LaunchError(
            f"--select {selection!r}: {one_line(error)}; write for instance 'group:pca' or '+key:cnn_model'"
        ) from error
    if not selected:
        raise LaunchError(f"--select {selection!r} matches no asset; there are {asset_names(graph)}")
    return selected - PARTITIONED or selected


def asset_names(graph: BaseAssetGraph[Any]) -> str:
    """All that can be asked for, as a message lists it."""
    return ", ".join(sorted(key.to_user_string() for key in graph.materializable_asset_keys))
