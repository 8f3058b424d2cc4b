"""The table of models at the end of a run."""

from __future__ import annotations

import dagster as dg

from mnist_pipeline.evaluation import Comparison
from mnist_pipeline.models import MODELS, model_seconds
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.records import origins
from mnist_pipeline.runtime.storage import storage


def model_rows(instance: dg.DagsterInstance, located: data_sets.Located) -> list[tuple[str, str, str, str, str]]:
    """Model, accuracy, interval, errors and seconds as text, best first; empty before a comparison is stored."""
    try:
        comparison: Comparison = storage.current(located.prefix).read("model_comparison")
    except storage.StorageError:
        return []
    timed = [asset for model in MODELS.values() for asset in (model.model_asset, model.predictions_asset)]
    steps = origins(instance, [located.key(asset) for asset in timed])
    found = {key.path[-1]: told for key, told in steps.items()}
    rows = []
    for model, figures in comparison.models.items():
        seconds = model_seconds(found, model)
        rows.append(
            (
                model,
                f"{figures.accuracy:.2%}",
                f"{figures.interval[0]:.2%} – {figures.interval[1]:.2%}",
                f"{figures.errors:,}",
                "–" if seconds is None else f"{seconds:.1f}",
            )
        )
    return rows
