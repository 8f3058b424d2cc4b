"""The one place where the graph is assembled."""

from collections.abc import Sequence

import dagster as dg

from mnist_pipeline import models
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.executors.step_executor import step_executor
from mnist_pipeline.runtime.graph import data_sets, history
from mnist_pipeline.runtime.graph.code_versions import link_to_source, with_code_versions
from mnist_pipeline.runtime.graph.io_manager import StorageIOManager
from mnist_pipeline.runtime.graph.resources import DataSetResource, Seed, StoredResults
from mnist_pipeline.runtime.graph.run_lock import with_storage_lock
from mnist_pipeline.runtime.inbox import InboxResource

from . import automation, digits
from .evaluation import data_set_comparison_of

# Only MNIST answers users, whose pictures are of digits, and only MNIST has assets that are computed on request.
MNIST_ONLY = dg.AssetSelection.assets("recognizer") | automation.on_request
SERVING = ("champion", "recognizer", "model_card")  # their former values are kept, and can be put back into service
REPORT = dg.AssetKey("evaluation_report")


def finish(definitions: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets with their code versions, their automation, and links to their source files."""
    kept = history.keeping(definitions, models.STORED, SERVING)
    return link_to_source(automation.automated(with_code_versions(kept)))


plain, *others = data_sets.configured(settings.of_definitions())
loaded = dg.load_assets_from_package_name(str(__package__))
assets = finish([asset for asset in loaded if isinstance(asset, dg.AssetsDefinition)])
if others:
    (comparison,) = finish([data_set_comparison_of([plain, *others])])
    left_out = MNIST_ONLY.resolve(assets)
    copied = [asset for asset in assets if asset.key not in left_out]
    copies = [copy for each in others for copy in data_sets.copies_for(each, copied)]
    with_report = [data_sets.with_parents(each, [comparison.key]) if each.key == REPORT else each for each in assets]
    assets = [*with_report, comparison, *copies]

defs = dg.Definitions(
    assets=[digits.data_directory, *(digits.data_directory_of(each) for each in others), *assets],
    asset_checks=[digits.not_in_training, *(digits.not_in_training_of(each.prefix) for each in others)],
    jobs=automation.jobs,
    schedules=automation.schedules,
    sensors=automation.sensors,
    executor=with_storage_lock(step_executor(settings.of_definitions(), preload=[__name__])),
    resources={
        "io_manager": StorageIOManager(),
        "stored_results": StoredResults(),
        "data_set": DataSetResource(),
        "inbox": InboxResource(),
        "seed": Seed(value=0),
    },
)
