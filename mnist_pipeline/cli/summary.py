"""What a run prints at the end: the models, the checks, the report and the time."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import dagster as dg

from mnist_pipeline.cli.display import Display
from mnist_pipeline.evaluation import Comparison
from mnist_pipeline.models import MODELS, model_seconds
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.records import origins
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils.printable import printable

MODEL_TABLE = "  {:<10}{:>10}{:>20}{:>9}{:>10}"


def show_results(display: Display, instance: dg.DagsterInstance, located: Sequence[data_sets.Located]) -> None:
    """Print the table of models and the path of the report, for each data set that has them."""
    for each in located:
        if rows := model_rows(instance, each):
            display.print()
            if len(located) > 1:
                display.print(printable(each.known.title), "bold")
            display.print(MODEL_TABLE.format("model", "accuracy", "95% interval", "errors", "seconds"), "dim")
            for row in rows:
                display.print(MODEL_TABLE.format(*row))
        with contextlib.suppress(storage.StorageError):
            display.print(f"\nReport: {storage.current(each.prefix).path('evaluation_report')}", whole=True)


def show_checks(display: Display) -> None:
    """Print how many checks passed and failed, which failed, and the time."""
    failed = display.failed_checks
    display.print()
    if display.num_passed or failed:
        counts = f"{display.num_passed} passed" + (f", {len(failed)} failed" if failed else "")
        display.print(f"Checks: {counts}", "yellow" if failed else "")
        for name in failed:
            display.print(f"  {name}", "yellow")
    display.print(f"Time:   {format_seconds(display.seconds)}")


def format_seconds(seconds: float) -> str:
    """A duration as text.

    Examples
    --------
    >>> format_seconds(12.34), format_seconds(151)
    ('12.3 s', '2 min 31 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


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
