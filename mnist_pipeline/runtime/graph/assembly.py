"""Collecting the assets of a package."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import ModuleType

import dagster as dg


def load_package(package: ModuleType) -> list[dg.AssetsDefinition]:
    """The assets in all modules of a package."""
    found = dg.load_assets_from_package_module(package)
    return [asset for asset in found if isinstance(asset, dg.AssetsDefinition)]


def link_to_source(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, each with a link to its source file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # Dagster marks links to source as beta
        linked = dg.with_source_code_references(assets)
    return [asset for asset in linked if isinstance(asset, dg.AssetsDefinition)]
