"""Load the definitions of the graph, with links to their source and the versions of their code."""

import importlib
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from mnist_pipeline.runtime.graph.automation import automated
from mnist_pipeline.runtime.graph.checks import standalone_checks
from mnist_pipeline.runtime.graph.code_versions import GRAPH_DIRECTORY, code_versions
from mnist_pipeline.runtime.graph.readers import is_reader
from mnist_pipeline.runtime.project import ON_REQUEST
from mnist_pipeline.utils import directories


def load_package(directory: Path, name: str) -> dg.Definitions:
    """Everything that Dagster finds in a package; an installed package has Python modules only.

    Assets that Dagster can execute get links to their source and, if the package defines them, code
    versions.
    """
    package = importlib.import_module(name)
    with warnings.catch_warnings():
        # To Dagster, loading a folder is a preview, and links to the source are beta.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.simplefilter("ignore", dg.BetaWarning)
        if directories.INSTALLED:
            loaded = dg.load_definitions_from_package_module(package)
        else:
            # `load_from_defs_folder` warns if the location has another name than in pyproject.toml.
            loaded = dg.ComponentTree.from_module(package, directory.parent).build_defs()
        assets = list(loaded.assets or [])
        executable = [
            asset
            for asset in assets
            if isinstance(asset, dg.AssetsDefinition) and asset.is_executable
        ]
        linked: Any = dg.with_source_code_references(executable)
        checks = standalone_checks(executable)  # those of assets with partitions are a preview
    readers = [spec.key for asset in linked for spec in asset.specs if is_reader(spec)]
    on_request = {
        spec.key for asset in linked for spec in asset.specs if spec.group_name in ON_REQUEST
    }
    modules = {spec.key: _module(spec.metadata) for asset in linked for spec in asset.specs}
    versions = code_versions({key.path[-1]: file for key, file in modules.items() if file})

    def versioned(spec: dg.AssetSpec) -> dg.AssetSpec:
        spec = automated(spec, readers)
        if spec.code_version or modules[spec.key] is None:
            return spec
        return spec.replace_attributes(code_version=versions[spec.key.path[-1]])

    others = [asset for asset in assets if asset not in executable]
    attributes = {name: getattr(loaded, name) for name in dg.Definitions.__annotations__}
    attributes["assets"] = [*dg.map_asset_specs(versioned, linked), *others]
    attributes["asset_checks"] = [*(loaded.asset_checks or []), *checks]
    attributes["jobs"] = [*(loaded.jobs or []), _job_of_checks(checks, on_request)]
    return dg.Definitions(**attributes)


def _job_of_checks(
    definitions: Sequence[dg.AssetChecksDefinition], on_request: Collection[dg.AssetKey]
) -> Any:
    """The job `checks`. Left out are the checks of assets with partitions, of which a run has one,
    and of assets that are computed on request, whose values may be missing.
    """
    plain = [
        checks
        for checks in definitions
        if not any(
            spec.partitions_def or spec.asset_key in on_request for spec in checks.check_specs
        )
    ]
    return dg.define_asset_job(
        "checks",
        dg.AssetSelection.checks(*plain),
        description="Evaluate the checks of stored values again, for example after an edit of a "
        "limit.",
    )


def _module(metadata: Mapping[str, Any]) -> Path | None:
    """The module of the graph's package that defines an asset; None if it is defined elsewhere."""
    if references := metadata.get("dagster/code_references"):
        file = Path(references.code_references[-1].file_path).resolve()
        return file if file.is_relative_to(GRAPH_DIRECTORY) else None
    return None  # a graph that no function composes
