"""Run selected assets, and print the models, the checks, the report and the time."""

import gc
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click
import dagster as dg

from mnist_pipeline.cli import configuration, execution, selection, waves
from mnist_pipeline.cli.console import open_output
from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.evaluation.scores import Comparison
from mnist_pipeline.models import MODELS, model_seconds
from mnist_pipeline.runtime.environment import Settings
from mnist_pipeline.runtime.executors import ray_cluster
from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.runtime.graph.data_sets import Located
from mnist_pipeline.runtime.graph.records import origins
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils import machine
from mnist_pipeline.utils.printable import printable

GC_THRESHOLDS = (100_000, 50, 1_000)
MODEL_TABLE = "  {:<10}{:>10}{:>20}{:>9}{:>10}"


def run_assets(configured: Settings, select: str, config: Path | None, changed: bool, names: Sequence[str]) -> None:
    """Run the selected assets, or those of them that changed, of the data sets with these names."""
    start = time.perf_counter()
    with machine.importing():
        located = selection.select_data_sets(names)
        selected = selection.select_assets(select, names)
        run_config = configuration.load_run_config(config, selected)
    machine.keep_freed_memory()
    gc.set_threshold(*GC_THRESHOLDS)
    with (
        open_output() as stream,
        ray_cluster.connected(configured, jobs=True),
        ExitStack() as lock,
        ExitStack() as opened,
    ):
        # The lock comes first, so that two commands do not create the tables of the instance at the same time.
        lock.enter_context(run_lock.storage_lock(partial(click.echo, file=stream)))
        instance = opened.enter_context(dg.DagsterInstance.get())
        if execution.launches_runs(instance):
            lock.close()  # the process of a launched run acquires the lock itself
        run_lock.fail_abandoned_runs(instance)
        echo = partial(click.secho, file=stream)
        display = None
        failures: list[str] = []
        for wave in (waves.changed_waves if changed else waves.all_waves)(instance, selected):
            if display is None:
                from mnist_pipeline.cli.display import Display  # rich takes a tenth of a second to import

                display = Display(stream)
                echo(f"Data:    {selection.data_directories(selected)}\nStorage: {configured.storage}")
            echo(f"\nMaterializing {waves.describe(wave)}")
            failures += execution.run_wave(instance, wave, run_config, display)
            if failures and not waves.is_of_pictures(wave):  # no asset depends on a picture
                break
        if changed and not failures:
            echo("Everything is in sync.")
        if not failures:
            _show_results(echo, instance, located, selected)
        echo()
        if display and (display.num_passed or display.failed_checks):
            failed = display.failed_checks
            counts = f"{display.num_passed} passed" + (f", {len(failed)} failed" if failed else "")
            echo("\n".join([f"Checks: {counts}", *(f"  {name}" for name in failed)]), fg="yellow" if failed else None)
        seconds = time.perf_counter() - start
        minutes, rest = divmod(round(seconds), 60)
        echo(f"Time:   {minutes} min {rest} s" if minutes else f"Time:   {seconds:.1f} s")
        if failures:
            raise CommandError("\n".join(failures))


def _show_results(
    echo: Callable[..., None],
    instance: dg.DagsterInstance,
    located: Sequence[Located],
    selected: AbstractSet[dg.AssetKey],
) -> None:
    """Print the table of models and the path of the report, for each data set of which they were selected."""
    for each in located:
        if each.key("model_comparison") in selected:
            rows = _model_rows(instance, each)
            echo()
            if len(located) > 1:
                echo(printable(each.known.title), bold=True)
            echo(MODEL_TABLE.format("model", "accuracy", "95% interval", "errors", "seconds"), dim=True)
            for row in rows:
                echo(MODEL_TABLE.format(*row))
        if each.key("evaluation_report") in selected:
            echo(f"\nReport: {storage.current(each.prefix).path('evaluation_report')}")


def _model_rows(instance: dg.DagsterInstance, located: Located) -> list[tuple[str, ...]]:
    """Model, accuracy, interval, errors and seconds as text, best first."""
    comparison: Comparison = storage.current(located.prefix).read("model_comparison")
    timed = [asset for model in MODELS.values() for asset in (model.model_asset, model.predictions_asset)]
    steps = {key.path[-1]: step for key, step in origins(instance, [located.key(asset) for asset in timed]).items()}
    rows: list[tuple[str, ...]] = []
    for model, figures in comparison.models.items():
        low, high = figures.interval
        seconds = model_seconds(steps, model)
        time_text = "–" if seconds is None else f"{seconds:.1f}"
        rows.append((model, f"{figures.accuracy:.2%}", f"{low:.2%} – {high:.2%}", f"{figures.errors:,}", time_text))
    return rows
