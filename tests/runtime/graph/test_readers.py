"""What runs first, of the assets that are due."""

import dagster as dg
from support.graph_fixtures import names

from mnist_pipeline.runtime.graph.readers import READER, readers_first

PARENTS = {"raw": [], "labels": ["raw"], "mean": ["labels"], "score": ["mean"], "other": []}
GRAPH = dg.Definitions(
    [
        dg.asset(
            lambda: None, name=name, deps=deps, tags=READER if name in ("raw", "labels") else {}
        )
        for name, deps in PARENTS.items()
    ]
).resolve_asset_graph()


def first(*due: str, within: tuple[str, ...] = tuple(PARENTS)) -> set[str]:
    return names(readers_first(GRAPH, {*map(dg.AssetKey, due)}, {*map(dg.AssetKey, within)}))


def test_the_readers_run_first_without_what_is_below_them():
    assert first("raw", "other") == {"raw", "labels"}
    assert first("labels") == {"labels"}
    assert first() == set()


def test_without_a_reader_to_run_all_that_is_due_runs_with_what_is_below():
    assert first("mean", "other") == {"mean", "score", "other"}
    assert first("raw", "other", within=("mean", "score", "other")) == {"other"}
