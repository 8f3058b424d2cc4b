"""Load the definitions of the graph: assets, checks, jobs, schedules, sensors, and components with a `defs.yaml`."""

import importlib
import warnings
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from mnist_pipeline.runtime.graph.code_versions import code_version, function_of
from mnist_pipeline.utils import places


def load_package(directory: Path, name: str, automated: Callable[[dg.AssetSpec], dg.AssetSpec]) -> dg.Definitions:
    """Everything that Dagster finds in a package; an installed package has Python modules only.

    Assets without a code version of their own get the version of the code that they run, and all get what `automated`
    adds to their specification.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        if places.INSTALLED:
            loaded = dg.load_definitions_from_package_module(importlib.import_module(name))
        else:
            loaded = dg.load_from_defs_folder(path_within_project=directory)
        functions = {
            key: function_of(asset)
            for asset in loaded.assets or ()
            if isinstance(asset, dg.AssetsDefinition) and asset.is_executable
            for key in asset.keys
        }

        def finished(spec: dg.AssetSpec) -> dg.AssetSpec:
            if spec.key in functions and not spec.code_version:
                spec = spec.replace_attributes(code_version=code_version(spec.key.path[-1], functions[spec.key]))
            return automated(spec)

        return loaded.map_asset_specs(func=finished)
