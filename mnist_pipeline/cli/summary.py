"""What a run prints at the end: the models, the checks, the report and the time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import dagster as dg

from mnist_pipeline.evaluation import Comparison
from mnist_pipeline.models import MODELS, model_seconds
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.records import origins
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils.printable import printable

MODEL_TABLE = "  {:<10}{:>10}{:>20}{:>9}{:>10}"


def show_results(echo: Callable[..., None], instance: dg.DagsterInstance, located: Sequence[data_sets.Located]) -> None:
    """Print the table of models and the path of the report, for each data set that has them."""
    for each in located:
        if rows := model_rows(instance, each):
            echo()
            if len(located) > 1:
                echo(printable(each.known.title), bold=True)
            echo(MODEL_TABLE.format("model", "accuracy", "95% interval", "errors", "seconds"), dim=True)
            for row in rows:
                echo(MODEL_TABLE.format(*row))
        with contextlib.suppress(storage.StorageError):
            echo(f"\nReport: {storage.current(each.prefix).path('evaluation_report')}")


def show_checks(echo: Callable[..., None], num_passed: int, failed: Sequence[str], seconds: float) -> None:
    """Print how many checks passed and failed, which failed, and the time."""
    echo()
    if num_passed or failed:
        counts = f"{num_passed} passed" + (f", {len(failed)} failed" if failed else "")
        echo("\n".join([f"Checks: {counts}", *(f"  {name}" for name in failed)]), fg="yellow" if failed else None)
    minutes, rest = divmod(round(seconds), 60)
    echo(f"Time:   {minutes} min {rest} s" if minutes else f"Time:   {seconds:.1f} s")


def model_rows(instance: dg.DagsterInstance, located: data_sets.Located) -> list[tuple[str, str, str, str, str]]:
    """Model, accuracy, interval, errors and seconds as text, best first; empty before a comparison is stored."""
    try:
        comparison: Comparison = storage.current(located.prefix).read("model_comparison")
    except storage.StorageError:
        return []
    timed = [asset for model in MODELS.values() for asset in (model.model_asset, model.predictions_asset)]
    steps = {key.path[-1]: step for key, step in origins(instance, [located.key(asset) for asset in timed]).items()}
    rows = []
    for model, figures in comparison.models.items():
        low, high = figures.interval
        seconds = model_seconds(steps, model)
        time = "–" if seconds is None else f"{seconds:.1f}"
        rows.append((model, f"{figures.accuracy:.2%}", f"{low:.2%} – {high:.2%}", f"{figures.errors:,}", time))
    return rows
