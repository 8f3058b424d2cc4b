"""The graph that the commands work on: the code location that `pyproject.toml` names, loaded when first needed."""

from __future__ import annotations

import functools
import importlib
import sys

import dagster as dg

from mnist_pipeline.runtime.graph.shards import FOLDS
from mnist_pipeline.runtime.settings import PROJECT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EVERYTHING = "everything"
EVERY_DATA_SET = "every_data_set"
EXPANDED = "expanded"
EXPANDED_JOB = f"{EXPANDED}_group"
FOLDS_JOB = "expanded_shards"
INBOX_JOB = "inbox_predictions_of_a_picture"


@functools.cache
def definitions() -> dg.Definitions:
    """Load the definitions of the graph."""
    document = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    module = document["tool"]["dg"]["project"]["code_location_target_module"]
    loaded: dg.Definitions = importlib.import_module(module).defs
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
    if node.partitions_def == FOLDS:
        return FOLDS_JOB
    return EXPANDED_JOB if node.group_name == EXPANDED else EVERYTHING
