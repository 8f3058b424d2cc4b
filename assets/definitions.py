"""The one place where the graph is assembled."""

from __future__ import annotations

import dagster as dg

from assets import automation, digits, evaluation, harris, knn, networks, pca, settings, softmax
from assets.seed import Seed
from assets.storage import StorageIOManager

MODULES = (digits, pca, harris, knn, softmax, networks, evaluation)
EXECUTORS = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}

settings.share_processors()
defs = dg.Definitions(
    assets=dg.load_assets_from_modules(MODULES),
    jobs=automation.jobs,
    schedules=automation.schedules,
    executor=EXECUTORS[settings.load().executor],
    resources={"io_manager": StorageIOManager(), "seed": Seed(value=0)},
)
