"""Which assets a command means, in Dagster's selection syntax."""

import re
import warnings
from collections.abc import Set as AbstractSet
from typing import Any

import dagster as dg

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.runtime.project import EVERYTHING
from mnist_pipeline.utils.printable import one_line, unknown

KEYWORDS = ("and", "or", "not", "sinks", "roots")  # of Dagster's selections
EXAMPLES = "write for example 'group:pca', '+key:cnn_model', or 'key:covariance or key:projections'"


def whole_graph(definitions: dg.Definitions) -> AbstractSet[dg.AssetKey]:
    """The assets of the job `everything`."""
    jobs: Any = definitions.jobs
    (selection,) = (job.selection for job in jobs if job.name == EVERYTHING)
    graph = definitions.resolve_asset_graph()
    return selection.resolve(graph) & graph.executable_asset_keys


def select_assets(definitions: dg.Definitions, selection: str) -> AbstractSet[dg.AssetKey]:
    """The assets that a selection in Dagster's syntax matches.

    `*` matches what the job `everything` does. Assets with a partition per picture are left out of
    a selection that matches other assets too. Raises CommandError if nothing matches.
    """
    graph = definitions.resolve_asset_graph()
    if selection == "*":
        return whole_graph(definitions)
    selected: AbstractSet[dg.AssetKey] = set()
    problem = "it matches no asset"
    try:
        with warnings.catch_warnings():
            # Dagster's own parser of selections calls functions that Dagster marks as beta.
            warnings.simplefilter("ignore", dg.BetaWarning)
            selected = dg.AssetSelection.from_string(selection).resolve(graph)
    except dg.DagsterError as error:
        problem = f"{one_line(error)}; {EXAMPLES}"
    selected = selected & graph.executable_asset_keys
    if not selected:
        problem = _unknown_name(graph, selection) or problem
        raise CommandError(f"--select {selection!r}: {problem}")
    dynamic = {
        key
        for key in selected
        if isinstance(graph.get(key).partitions_def, dg.DynamicPartitionsDefinition)
    }
    return selected - dynamic or selected


def _unknown_name(graph: Any, selection: str) -> str | None:
    """What is wrong with the names in a selection, None if all groups and assets are known."""
    known = set[str]()
    for key in graph.executable_asset_keys:
        known |= {key.to_user_string(), f"group:{graph.get(key).group_name}"}
    for attribute, name in re.findall(r"(?:(\w+):)?\"?([A-Za-z_][\w/-]*)", selection):
        group = f"group:{name}"
        written = group if attribute == "group" else name
        if attribute in ("", "key", "group") and written not in (*KEYWORDS, *known):
            if group in known:
                return f"{name} is a group; write {group}"
            return unknown(written, "an asset or a group", known)
    return None
