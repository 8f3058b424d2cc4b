"""The one place where the graph is assembled."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

import dagster as dg

from assets import (
    across,
    automation,
    digits,
    evaluation,
    expanded,
    harris,
    knn,
    networks,
    pca,
    report,
    robustness,
    serving,
    softmax,
)
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.executors.step_executor import step_executor
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.code_versions import with_code_versions
from mnist_pipeline.runtime.graph.io_manager import StorageIOManager
from mnist_pipeline.runtime.graph.resources import DataSetResource, InboxResource, StoredResults
from mnist_pipeline.runtime.graph.run_lock import one_at_a_time
from mnist_pipeline.runtime.graph.seed import Seed

MODULES = (digits, pca, harris, knn, softmax, networks, evaluation, report, robustness, serving)
REPORT = dg.AssetKey("evaluation_report")


def linked_to_source(definitions: Sequence[dg.AssetsDefinition]) -> Sequence[Any]:
    """The same assets, each with a link to its source file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # links to source are marked beta
        return dg.with_source_code_references(definitions)


def finished(definitions: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets with what is set for all: versions of code, what automation needs, links to source."""
    return list(linked_to_source(automation.automated(with_code_versions(definitions))))


def side_by_side(plain: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The graph of plain keys, that of each data set beside MNIST, and the comparison that the plain report tells."""
    if not beside:
        return plain
    (compared,) = finished([across.data_set_comparison_of(data_sets.configured(settings.of_definitions()))])
    reported = [data_sets.following(asset, [compared.key]) if asset.key == REPORT else asset for asset in plain]
    return [*reported, compared, *(asset for each in beside for asset in data_sets.beside(plain, each))]


def _of(modules: Iterable[ModuleType]) -> Iterator[dg.AssetsDefinition]:
    return (asset for asset in dg.load_assets_from_modules(modules) if isinstance(asset, dg.AssetsDefinition))


_, *beside = data_sets.configured(settings.of_definitions())
assets = [*side_by_side(finished(list(_of(MODULES)))), *finished(list(_of([expanded])))]
defs = dg.Definitions(
    assets=[digits.data_directory, *(digits.data_directory_of(each) for each in beside), *assets],
    asset_checks=[digits.not_in_training, *(digits.not_in_training_of(each.prefix) for each in beside)],
    jobs=automation.jobs,
    schedules=automation.schedules,
    sensors=automation.sensors,
    executor=one_at_a_time(step_executor(settings.of_definitions(), preload=[__name__])),
    resources={
        "io_manager": StorageIOManager(),
        "stored_results": StoredResults(),
        "data_set": DataSetResource(),
        "inbox": InboxResource(),
        "seed": Seed(value=0),
    },
)
