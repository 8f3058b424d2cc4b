"""The graph that the commands work on: the code location that `pyproject.toml` names."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import dagster as dg

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


def _target() -> str:
    """The module of the code location, from `[tool.dg.project]`."""
    document: Any = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(document["tool"]["dg"]["project"]["code_location_target_module"])


defs: dg.Definitions = importlib.import_module(_target()).defs


def job(name: str) -> dg.JobDefinition:
    """A job of the graph."""
    return defs.resolve_job_def(name)


def definitions_of_assets() -> list[dg.AssetsDefinition]:
    """The definitions of all assets that can be materialized."""
    return [asset for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition)]
