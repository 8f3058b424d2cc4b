"""Load the definitions of the graph: assets, checks, jobs, schedules, sensors, and components with
a `defs.yaml`.
"""

import importlib
import re
import subprocess
import warnings
from pathlib import Path
from typing import Any

import dagster as dg

from mnist_pipeline.models import model_of
from mnist_pipeline.runtime.graph.code_versions import code_versions, function_of
from mnist_pipeline.utils import places

SOURCE = "dagster/code_references"  # metadata that the UI shows as links
# The address of a git remote, whose host and path the link has; a password in the address is not
# part of it.
REMOTE = re.compile(
    r"(?:https?://(?:[^@/]*@)?|ssh://git@|git@)([^:/]*git(?:hub|lab)[^:/]*)[:/](.+?)(?:\.git)?/?"
)


def load_package(directory: Path, name: str) -> dg.Definitions:
    """Everything that Dagster finds in a package; an installed package has Python modules only.

    Assets that Dagster can execute get links to their source, the version of the code that they run
    if they have no code version of their own, and the name of their model as a tag.
    """
    with warnings.catch_warnings():
        # To Dagster, loading a folder is a preview, and links to the source are beta.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.simplefilter("ignore", dg.BetaWarning)
        if places.INSTALLED:
            loaded = dg.load_definitions_from_package_module(importlib.import_module(name))
        else:
            loaded = dg.load_from_defs_folder(path_within_project=directory)
        functions = {
            key: function_of(asset, name)
            for asset in loaded.assets or ()
            if isinstance(asset, dg.AssetsDefinition) and asset.is_executable
            for key in asset.keys
        }
        versions = code_versions(
            {key.path[-1]: function for key, function in functions.items() if function}
        )
        address = web_address(directory)

        def finished(spec: dg.AssetSpec) -> dg.AssetSpec:
            if spec.key not in functions:
                return spec
            if function := functions[spec.key]:
                version = spec.code_version or versions[spec.key.path[-1]]
                links = {SOURCE: _links(function, directory, address)}
                spec = spec.replace_attributes(
                    code_version=version, metadata={**links, **spec.metadata}
                )
            model = model_of(spec.key.path[-1])
            return (
                spec.replace_attributes(tags={**spec.tags, "model": model.name}) if model else spec
            )

        assets: list[Any] = list(loaded.assets or ())
        kinds = (dg.AssetsDefinition, dg.AssetSpec)
        ours = [asset for asset in assets if isinstance(asset, kinds)]
        return dg.Definitions(
            assets=[*dg.map_asset_specs(finished, ours), *(a for a in assets if a not in ours)],
            asset_checks=loaded.asset_checks,
            jobs=loaded.jobs,
            schedules=loaded.schedules,
            sensors=loaded.sensors,
            resources=loaded.resources,
            component_tree=loaded.component_tree,
        )


def web_address(directory: Path) -> str | None:
    """The address of a directory on GitHub or GitLab, at the present commit;

    None if git knows no such remote.
    """
    if places.INSTALLED:  # a repository around the environment is another project's
        return None
    try:
        remote, place = (
            subprocess.run(
                ["git", *arguments], cwd=directory, capture_output=True, text=True, check=True
            ).stdout
            for arguments in (
                ("remote", "get-url", "origin"),
                ("rev-parse", "HEAD", "--show-prefix"),
            )
        )
    except (
        OSError,
        subprocess.CalledProcessError,
    ):  # without git, without a repository, or without a remote
        return None
    if not (found := REMOTE.fullmatch(remote.strip())):
        return None
    commit, prefix = place.split("\n")[:2]
    blob = "/-/blob" if "gitlab" in found[1] else "/blob"
    return f"https://{found[1]}/{found[2]}{blob}/{commit}/{prefix}"


def _links(function: Any, directory: Path, address: str | None) -> dg.CodeReferencesMetadataValue:
    """Where a function is, on this machine, and in the repository on the web if there is one.

    `dg.with_source_code_references` would link assets that read all models to the function that
    wraps theirs.
    """
    file, line = Path(function.__code__.co_filename), function.__code__.co_firstlineno
    links: list[Any] = [dg.LocalFileCodeReference(file_path=str(file), line_number=line)]
    if address:
        links.append(
            dg.UrlCodeReference(url=f"{address}{file.relative_to(directory).as_posix()}#L{line}")
        )
    return dg.CodeReferencesMetadataValue(code_references=links)
