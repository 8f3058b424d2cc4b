"""The data sets and assets that a command is about."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import dagster as dg

from mnist_pipeline.cli.errors import LaunchError
from mnist_pipeline.cli.project import EVERYTHING, definitions, job_of, picture_assets
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.utils.printable import one_line


def select_data_sets(names: Sequence[str]) -> list[data_sets.Located]:
    """Return the data sets of these names, or all that the environment names if there are no names.

    Raises LaunchError if the environment does not name one of them.
    """
    known = [settings.PLAIN, *(placed.name for placed in settings.load().data_sets)]
    for name in names:
        if name not in known:
            raise LaunchError(
                f"--data-set {name!a} is unknown: there is {', '.join(known)}; add it to MNIST_PIPELINE_DATA_SETS"
            )
    return [located for name, located in zip(known, data_sets.configured()) if name in names or not names]


def select_assets(selection: str, names: Sequence[str] = ()) -> AbstractSet[dg.AssetKey]:
    """Return the assets that a selection matches.

    Parameters
    ----------
    selection : str
        In Dagster's syntax. `*` leaves out the expanded set. If a selection matches other assets too, the assets with
        a partition per picture of the inbox are left out.
    names : sequence of str
        Data sets. The selection is then written in plain keys, and applied to each of the data sets.

    Raises
    ------
    LaunchError
        If the selection cannot be parsed, or matches nothing.
    """
    selected = _parse(selection)
    if not names:
        return selected
    plain = [key.path[-1] for key in selected if data_sets.prefix_of(key) is None]
    keys = {each.key(name) for each in select_data_sets(names) for name in plain}
    existing = keys & definitions().resolve_asset_graph().get_all_asset_keys()
    if not existing:
        raise LaunchError(
            f"--select {selection!r} matches no asset of {', '.join(names)}; "
            "with --data-set, write plain keys, such as '+key:cnn_model'"
        )
    return existing


def _parse(selection: str) -> AbstractSet[dg.AssetKey]:
    """The assets that a selection matches in all data sets."""
    graph = definitions().resolve_asset_graph()
    if selection == "*":
        return {key for key in graph.materializable_asset_keys if job_of(key) == EVERYTHING}
    try:
        with warnings.catch_warnings():
            # Dagster's own parser of selections calls functions that Dagster marks as beta.
            warnings.simplefilter("ignore", dg.BetaWarning)
            selected = dg.AssetSelection.from_string(selection).resolve(graph)
    except dg.DagsterError as error:
        raise LaunchError(
            f"--select {selection!r}: {one_line(error)}; write for instance 'group:pca' or '+key:cnn_model'"
        ) from error
    if not selected:
        raise LaunchError(f"--select {selection!r} matches no asset; there are {asset_names()}")
    return selected - picture_assets().keys() or selected


def data_directories(selected: AbstractSet[dg.AssetKey]) -> str:
    """Return the directories of the data of these assets, as text."""
    prefixes = {data_sets.prefix_of(key) for key in selected}
    return ", ".join(str(each.directory) for each in data_sets.configured() if each.prefix in prefixes)


def asset_names() -> str:
    """Return the keys of all assets that can be materialized, as text."""
    keys = definitions().resolve_asset_graph().materializable_asset_keys
    return ", ".join(sorted(key.to_user_string() for key in keys))
