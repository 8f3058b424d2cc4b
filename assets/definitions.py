"""The one place where the graph is assembled."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets import (
    automation,
    digits,
    evaluation,
    expanded,
    harris,
    knn,
    networks,
    pca,
    robustness,
    serving,
    settings,
    softmax,
    steps,
)
from assets.exclusive import one_at_a_time
from assets.io_manager import StorageIOManager
from assets.seed import Seed
from assets.versions import with_code_versions

MODULES = (digits, pca, harris, knn, softmax, networks, evaluation, robustness, serving, expanded)


def linked_to_source(definitions: Sequence[dg.AssetsDefinition]) -> Sequence[Any]:
    """The same assets, each with a link to its source file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # links to source are marked beta
        return dg.with_source_code_references(definitions)


settings.share_processors()
assets = [asset for asset in dg.load_assets_from_modules(MODULES) if isinstance(asset, dg.AssetsDefinition)]
defs = dg.Definitions(
    assets=[
        digits.data_directory,
        *linked_to_source(automation.automated(with_code_versions(assets))),
    ],
    asset_checks=[digits.not_in_training],
    jobs=automation.jobs,
    schedules=automation.schedules,
    sensors=automation.sensors,
    executor=one_at_a_time(steps.chosen),
    resources={"io_manager": StorageIOManager(), "seed": Seed(value=0)},
)
