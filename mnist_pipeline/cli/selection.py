"""Which assets a command means, in Dagster's selection syntax."""

import contextlib
import warnings
from collections.abc import Set as AbstractSet
from typing import Any

import dagster as dg

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.runtime.project import EVERYTHING
from mnist_pipeline.utils.printable import unknown

EXAMPLES = "Examples: 'group:pca', '+key:cnn_model', or 'key:covariance or key:projections'"


def whole_graph(definitions: dg.Definitions) -> AbstractSet[dg.AssetKey]:
    """The assets of the job `everything`."""
    jobs: Any = definitions.jobs
    (selection,) = (job.selection for job in jobs if job.name == EVERYTHING)
    graph = definitions.resolve_asset_graph()
    return selection.resolve(graph) & graph.materializable_asset_keys


def select_assets(definitions: dg.Definitions, selection: str) -> AbstractSet[dg.AssetKey]:
    """The assets that a selection in Dagster's syntax matches.

    `*` matches what the job `everything` does. Raises CommandError if nothing matches; its message
    suggests similar assets and groups.
    """
    graph = definitions.resolve_asset_graph()
    if selection == "*":
        return whole_graph(definitions)
    selected: AbstractSet[dg.AssetKey] = set()
    # Of a selection that is not valid, the examples say more than Dagster's error.
    with warnings.catch_warnings(), contextlib.suppress(dg.DagsterError):
        # Dagster's own parser of selections calls functions that Dagster marks as beta.
        warnings.simplefilter("ignore", dg.BetaWarning)
        selected = dg.AssetSelection.from_string(selection).resolve(graph)
    selected = selected & graph.materializable_asset_keys
    if not selected:
        known = set[str]()
        for key in graph.materializable_asset_keys:
            known |= {key.to_user_string(), f"group:{graph.get(key).group_name}"}
        problem = unknown(selection, "a selection that matches an asset", known)
        raise CommandError(f"--select: {problem} {EXAMPLES}")
    return selected
