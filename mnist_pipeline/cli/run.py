"""`mnist-pipeline run`."""

from __future__ import annotations

import gc
import time
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path

import click

from mnist_pipeline.cli.errors import LaunchError, fail, fail_on
from mnist_pipeline.cli.output import open_output
from mnist_pipeline.cli.preparation import prepare
from mnist_pipeline.runtime.executors import ray_cluster
from mnist_pipeline.runtime.executors.errors import ExecutorError
from mnist_pipeline.runtime.executors.requirements import require
from mnist_pipeline.utils import machine

GC_THRESHOLDS = (100_000, 50, 1_000)


@click.command()
@click.option(
    "--select",
    default="*",
    metavar="SELECTION",
    help="Assets to materialize, in Dagster's syntax: 'covariance', 'group:pca', '+key:cnn_model'; all by default.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Run configuration in YAML, as in the launchpad of the UI.",
)
@click.option(
    "--changed",
    is_flag=True,
    help="Only assets that are missing or out of sync (another code or upstream version), until nothing is.",
)
@click.option(
    "--data-set",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this data set: 'mnist', or one that MNIST_PIPELINE_DATA_SETS names; may be repeated. "
    "SELECTION is then written in plain keys. All data sets by default.",
)
def run(select: str, config: Path | None, changed: bool, names: tuple[str, ...]) -> None:
    """Materialize assets, and print the results and the path of the report."""
    with machine.importing():
        configured = prepare()
        with fail_on(ExecutorError):
            require(configured)
        import dagster as dg

        from mnist_pipeline.cli import configuration, execution, launching, selection, summary, waves
        from mnist_pipeline.runtime.graph import run_lock

        start = time.perf_counter()
        with fail_on(LaunchError):
            located = selection.select_data_sets(names)
            selected = selection.select_assets(select, names)
            run_config = configuration.load_run_config(config, selected)
    machine.keep_freed_memory()
    gc.set_threshold(*GC_THRESHOLDS)
    with (
        open_output() as stream,
        ray_cluster.connected(configured, jobs=True) if configured.executor == "ray" else nullcontext(),
        ExitStack() as lock,
        ExitStack() as opened,
        fail_on(LaunchError),
    ):
        # The lock comes first, so that two commands do not create the tables of the instance at the same time.
        lock.enter_context(run_lock.storage_lock(partial(click.echo, file=stream)))
        instance = opened.enter_context(dg.DagsterInstance.get())
        if launching.launches_runs(instance):
            lock.close()  # the process of a launched run acquires the lock itself
        run_lock.fail_abandoned_runs(instance)
        echo = partial(click.secho, file=stream)
        display = None
        failures: list[str] = []
        all_waves = waves.changed_waves if changed else waves.all_waves
        for wave in all_waves(instance, selected):
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
            summary.show_results(echo, instance, located)
        num_passed, failed = (display.num_passed, display.failed_checks) if display else (0, [])
        summary.show_checks(echo, num_passed, failed, time.perf_counter() - start)
        if failures:
            fail("\n".join(failures))
