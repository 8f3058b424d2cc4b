"""Where the graph is, and the names that it shares with the server."""

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from mnist_pipeline.utils import directories
from mnist_pipeline.utils.reported import ReportedError

PROJECT = directories.PROJECT
CODE_LOCATION = "mnist-pipeline"
EVERYTHING = "everything"  # the job that materializes the whole graph
# The groups that it leaves out, because only a user asks for them.
ON_REQUEST = ("experiments", "judge", "labels")
# Paths in the UI: the drawing page, the report, and the figures of assets.
DRAW, REPORT, FIGURES = "/draw", "/report", "/figures"
# A part of an installed package; in a checkout, a package of its own.
GRAPH = "mnist_pipeline.assets.definitions" if directories.INSTALLED else "assets.definitions"


class GraphError(ReportedError, RuntimeError):
    """The definitions of the graph can't be loaded; the message names the reason."""


def graph() -> Any:
    """The `dagster.Definitions` of this project, and of no other package `assets`."""
    return _definitions().defs


def modules() -> Sequence[ModuleType]:
    """The modules that an instance of the component loads again."""
    package = GRAPH.rpartition(".")[0]
    return [importlib.import_module(f"{package}.{name}") for name in _definitions().MODULES]


def _definitions() -> Any:
    if not directories.INSTALLED and sys.path[0] != str(PROJECT):
        sys.path.insert(0, str(PROJECT))
    module = importlib.import_module(GRAPH)
    if not hasattr(module, "defs"):  # it is being imported
        raise GraphError(
            "the graph can't contain an instance of itself; add it to a Dagster project of your own"
        )
    return module
