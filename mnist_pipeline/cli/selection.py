"""The graph of the project, and the data sets and assets that a command is about."""

import functools
import re
import warnings
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import dagster as dg

from mnist_pipeline.cli.errors import CommandError, unknown
from mnist_pipeline.runtime import project, settings
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.shards import shard_names
from mnist_pipeline.utils.printable import one_line

EVERYTHING = "everything"
EVERY_DATA_SET = "every_data_set"
KEYWORDS = ("and", "or", "not", "sinks", "roots")  # of Dagster's selections
SHARDS = "_shards"  # ends the name of a job for one shard of each sharded asset of a group
INBOX_JOB = "inbox_predictions_of_a_picture"


@functools.cache
def definitions() -> dg.Definitions:
    """Load the definitions of the graph."""
    loaded: dg.Definitions = project.graph()
    return loaded


def definitions_of_assets() -> list[dg.AssetsDefinition]:
    """Return the definitions of all assets that can be materialized."""
    return [asset for asset in definitions().assets or () if isinstance(asset, dg.AssetsDefinition)]


@functools.cache
def picture_assets() -> dict[dg.AssetKey, str]:
    """Return the assets that have a partition per picture of the inbox, with the name of their partitions."""
    return {
        asset.key: str(asset.partitions_def.name)
        for asset in definitions_of_assets()
        if isinstance(asset.partitions_def, dg.DynamicPartitionsDefinition)
    }


def job_of(key: dg.AssetKey) -> str:
    """Return the name of the job that materializes an asset; a run has the assets of one job only."""
    if key in picture_assets():
        return INBOX_JOB
    node = definitions().resolve_asset_graph().get(key)
    group = node.group_name
    if shards_of(key):
        return f"{group}{SHARDS}"
    return f"{group}_group" if group in sharded_groups() else EVERYTHING


def shards_of(key: dg.AssetKey) -> Sequence[str]:
    """Return the names of the shards of an asset, none if it has no shards."""
    return shard_names(definitions().resolve_asset_graph().get(key).partitions_def)


@functools.cache
def sharded_groups() -> AbstractSet[str | None]:
    """Return the groups that have assets with shards. They are computed on request only."""
    graph = definitions().resolve_asset_graph()
    return {graph.get(key).group_name for key in graph.materializable_asset_keys if shards_of(key)}


def select_data_sets(names: Sequence[str]) -> list[data_sets.Located]:
    """Return the data sets of these names, or all that the environment names if there are no names."""
    known = [settings.PLAIN, *(placed.name for placed in settings.load().data_sets)]
    for name in names:
        if name not in known:
            raise CommandError(
                f"--data-set: {unknown(name, 'a data set', known)}; MNIST_PIPELINE_DATA_SETS adds others"
            )
    return [located for name, located in zip(known, data_sets.configured()) if name in names or not names]


def select_assets(selection: str, names: Sequence[str] = ()) -> AbstractSet[dg.AssetKey]:
    """Return the assets that a selection in Dagster's syntax matches; raise CommandError if it matches none.

    `*` leaves out the groups that are computed on request. If a selection matches other assets too, the assets with a
    partition per picture of the inbox are left out. With names of data sets, the selection is written in plain keys,
    and applied to each.
    """
    selected = _parse(selection)
    if not names:
        return selected
    plain = [key.path[-1] for key in selected if data_sets.prefix_of(key) is None]
    keys = {each.key(name) for each in select_data_sets(names) for name in plain}
    existing = keys & definitions().resolve_asset_graph().get_all_asset_keys()
    if not existing:
        raise CommandError(
            f"--select {selection!r} matches no asset of {', '.join(names)}; "
            "with --data-set, write plain keys, such as '+key:cnn_model'"
        )
    return existing


def _parse(selection: str) -> AbstractSet[dg.AssetKey]:
    """Return the assets that a selection matches in all data sets."""
    graph = definitions().resolve_asset_graph()
    if selection == "*":
        return {key for key in graph.materializable_asset_keys if job_of(key) == EVERYTHING}
    try:
        with warnings.catch_warnings():
            # Dagster's own parser of selections calls functions that Dagster marks as beta.
            warnings.simplefilter("ignore", dg.BetaWarning)
            selected = dg.AssetSelection.from_string(selection).resolve(graph)
    except dg.DagsterError as error:
        problem = _unknown_name(selection) or f"{one_line(error)}; write for example 'group:pca' or '+key:cnn_model'"
        raise CommandError(f"--select {selection!r}: {problem}") from error
    if not selected:
        problem = _unknown_name(selection) or f"it matches no asset; there are {', '.join(asset_names())}"
        raise CommandError(f"--select {selection!r}: {problem}")
    return selected - picture_assets().keys() or selected


def _unknown_name(selection: str) -> str | None:
    """Say which group or asset of a selection is unknown, None if all are known."""
    graph = definitions().resolve_asset_graph()
    groups = {str(graph.get(key).group_name) for key in graph.materializable_asset_keys}
    for attribute, name in re.findall(r"(?:(\w+):)?\"?([A-Za-z_][\w/-]*)", selection):
        if attribute == "group" and name not in groups:
            return unknown(name, "a group", groups)
        if attribute in ("", "key") and name not in (*KEYWORDS, *asset_names()):
            return unknown(name, "an asset", asset_names())
    return None


def data_directories(selected: AbstractSet[dg.AssetKey]) -> str:
    """Return the directories of the data of these assets, as text."""
    prefixes = {data_sets.prefix_of(key) for key in selected}
    return ", ".join(str(each.directory) for each in data_sets.configured() if each.prefix in prefixes)


def asset_names() -> list[str]:
    """Return the keys of all assets that can be materialized, as text."""
    keys = definitions().resolve_asset_graph().materializable_asset_keys
    return sorted(key.to_user_string() for key in keys)
