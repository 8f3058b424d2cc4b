"""Where the project and its graph are, and the names that its settings share with the rest of the code."""

import importlib
import sys
from pathlib import Path
from typing import Any, NamedTuple

from mnist_pipeline.utils import places
from mnist_pipeline.utils.reported import ReportedError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = places.PROJECT
EMBEDDED_DATA = places.EMBEDDED_DATA
CODE_LOCATION = "mnist-pipeline"
# Paths in the UI: the drawing page, the report, and the figures of assets.
DRAW, REPORT, FIGURES = "/draw", "/report", "/figures"
SCHEME = "s3://"
SQLITE = "sqlite:///"  # before the path of the file, in the address of an MLflow store
PLAIN = "mnist"  # the data set whose asset keys have no prefix


class SettingsError(ReportedError, ValueError):
    """A setting is not valid; the message names the variable, the problem and a remedy."""


class DataSetPlace(NamedTuple):
    """A data set besides MNIST, and the directory of its files."""

    name: str
    directory: Path

    @property
    def prefix(self) -> str:
        """The prefix of its asset keys, groups and jobs, and the name of its directory in the storage."""
        return self.name.replace("-", "_")


def fetched(name: str) -> Path:
    """The directory into which `mnist-pipeline fetch` downloads a data set."""
    return places.writable_home() / "data" / name


def graph() -> Any:
    """The definitions of the graph, a `dagster.Definitions`."""
    return importlib.import_module(graph_module()).defs


def graph_module() -> str:
    """The module of the graph: a part of an installed package, in a checkout the one that `pyproject.toml` names."""
    if places.INSTALLED:
        return "mnist_pipeline.assets.definitions"
    document = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(document["tool"]["dg"]["project"]["code_location_target_module"])
