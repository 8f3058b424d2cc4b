"""Load the definitions of the graph: assets, checks, jobs, schedules, sensors, and components with a `defs.yaml`."""

import importlib
import warnings
from pathlib import Path
from typing import Any

import dagster as dg

from mnist_pipeline.runtime.graph.code_versions import code_version, function_of
from mnist_pipeline.utils import places


def load_package(directory: Path, name: str) -> dg.Definitions:
    """Everything that Dagster finds in a package; an installed package has Python modules only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        if places.INSTALLED:
            return dg.load_definitions_from_package_module(importlib.import_module(name))
        return dg.load_from_defs_folder(path_within_project=directory)


def with_versions(definitions: dg.Definitions) -> dg.Definitions:
    """The same definitions; assets without a code version of their own get the version of the code that they run.

    Assets link to their source, in a checkout with a remote on the web.
    """
    functions = {
        key: function_of(asset)
        for asset in definitions.assets or ()
        if isinstance(asset, dg.AssetsDefinition) and asset.is_executable
        for key in asset.keys
    }

    def versioned(spec: dg.AssetSpec) -> dg.AssetSpec:
        if spec.code_version or spec.key not in functions:
            return spec
        return spec.replace_attributes(code_version=code_version(functions[spec.key]))

    return definitions.map_asset_specs(func=versioned)
