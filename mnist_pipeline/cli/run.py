"""Run selected assets in this process, and print the models, the checks, the report and the
time.
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Any

import click
import dagster as dg

from mnist_pipeline.cli.display import PROGRESS, Display, is_interruption, open_output
from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.run_config import check_config, read_config
from mnist_pipeline.cli.selection import select_assets, whole_graph
from mnist_pipeline.methods.table import STORED, model_seconds
from mnist_pipeline.report.document import latest_page
from mnist_pipeline.runtime import dagster_internals, project, settings
from mnist_pipeline.runtime import instance as instances
from mnist_pipeline.runtime.graph.event_log import latest
from mnist_pipeline.runtime.graph.readers import READERS
from mnist_pipeline.runtime.graph.results import CHECKSUM, DIRECTORY
from mnist_pipeline.runtime.graph.staleness import due_assets, due_partitions, observe_raw_files
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils import machine, memory
from mnist_pipeline.utils.printable import count, one_line, printable

GC_THRESHOLDS = (100_000, 50, 1_000)  # saves 0.2 s of collections in a run of 21 s
MODEL_TABLE = "  {:<10}{:>10}{:>20}{:>9}{:>10}"
# Errors whose message is enough: of this project, and of blocking checks, which are printed before.
PLAIN_ERRORS = ("mnist_pipeline.", "assets.", dagster_internals.CHECK_FAILED)
RAW = dg.AssetKey("raw_mnist")
# By this tag, the UI lists a run on the page of its job.
REPOSITORY_TAG = {".dagster/repository": f"__repository__@{project.CODE_LOCATION}"}
INTERRUPTED = "Interrupted. Stored results are kept; the same command with --changed continues."


def run_assets(
    configured: settings.Settings,
    select: str | None,
    config: Path | None,
    changed: bool,
) -> None:
    """Run the selected assets, or only those among them that are due."""
    start = time.perf_counter()
    run_config = read_config(config) if config else {}
    with machine.importing():
        definitions = project.graph()
        selected = select_assets(definitions, "*" if select is None else select)
    if config:
        check_config(run_config, definitions, selected)
    gc.set_threshold(*GC_THRESHOLDS)
    with open_output() as stream:
        echo, display = partial(click.secho, file=stream), Display(stream)
        with (
            instances.only_run(configured, echo),
            dg.DagsterInstance.get() as instance,
        ):
            instances.fail_abandoned_runs(instance)
            version = observe_raw_files(instance, definitions)
            echo(f"Data:    {configured.data}\nStorage: {configured.storage}")
            is_default = changed and select is None
            _check_data(instance, configured, version, selected, is_default=is_default)
            runs = _runs(instance, definitions, selected, changed=changed)
            failures = _execute(definitions, instance, display, run_config, echo, runs)
            if changed and not failures:
                echo("Everything is in sync." if select is None else "The selection is in sync.")
            if not failures:
                _show_results(echo, selected)
        _show_summary(echo, display, time.perf_counter() - start)
    if failures:
        raise CommandError("\n".join(failures))


def _check_data(
    instance: dg.DagsterInstance,
    configured: settings.Settings,
    version: str | None,
    selected: AbstractSet[dg.AssetKey],
    *,
    is_default: bool,
) -> None:
    """Raise a CommandError if the run would mix the results of two data sets.

    `--changed` without a selection must not replace the results of another data set either.
    """
    recorded = latest(instance, [RAW])[RAW].metadata
    is_same_directory = recorded.get(DIRECTORY) == str(configured.data)
    is_gone = is_same_directory and version is None
    if is_gone or recorded.get(CHECKSUM) in (None, version):
        return
    if RAW in selected and (is_same_directory or not is_default):
        return
    raise CommandError(
        f"MNIST_PIPELINE_DATA is {configured.data}, but the results in {configured.storage} are of "
        f"{'its former files' if is_same_directory else recorded[DIRECTORY]}; name the files of "
        "the results, or another storage, or update all results with mnist-pipeline run"
    )


def _runs(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    selected: AbstractSet[dg.AssetKey],
    *,
    changed: bool,
) -> Iterator[tuple[AbstractSet[dg.AssetKey], str | None]]:
    """The runs that materialize assets, each after what it reads: one per partition of an asset
    with partitions, and one for all assets without partitions before, between and after those.

    Of assets that are due, the readers run first. Then the values that they have stored say what
    else is due.
    """
    graph = definitions.resolve_asset_graph()
    due = due_assets(instance, definitions, selected) if changed else selected
    if changed and due and due <= READERS.resolve(graph):
        yield due, None
        due = due_assets(instance, definitions, selected)
    waiting = set[dg.AssetKey]()
    for key in graph.toposorted_asset_keys:
        node: Any = graph.get(key)
        if key not in selected or not node.is_partitioned:
            waiting |= due & {key}
            continue
        if waiting:
            yield waiting, None
            waiting = set()
        if changed:
            names = due_partitions(instance, definitions, key)
            if names:
                below = dg.AssetSelection.assets(key).downstream().resolve(graph)
                due = due | (selected & below)
        else:
            names = node.partitions_def.get_partition_keys(dynamic_partitions_store=instance)
        for name in names:
            yield {key}, name
    if waiting:
        yield waiting, None


def _execute(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    display: Display,
    config: dict[str, Any],
    echo: Callable[..., None],
    runs: Iterable[tuple[AbstractSet[dg.AssetKey], str | None]],
) -> list[str]:
    """Carry out runs in this process, whatever launcher the instance has; stop after a failure.

    Return a line per failure.
    """
    everything = whole_graph(definitions)
    for keys, partition in runs:
        text = f", {printable(partition)}" if partition else ""
        echo(f"\nMaterializing {count(len(keys), 'asset')}{text}")
        names = {"__".join(key.path) for key in keys}
        run_config = {**config, "loggers": {"progress": {}}}
        tags = {**instances.RUN_TAGS, **REPOSITORY_TAG}
        with display.showing(names):
            if keys <= everything:  # this way drops each value once it is stored
                outcome: Any = dg.execute_job(
                    dg.reconstructable(everything_job),
                    instance,
                    run_config,
                    tags,
                    asset_selection=sorted(keys),
                )
            else:
                job_of_selection = definitions.resolve_implicit_global_asset_job_def()
                outcome = _displayed(job_of_selection).execute_in_process(
                    run_config=run_config,
                    instance=instance,
                    partition_key=partition,
                    asset_selection=sorted(keys),
                    tags=tags,
                    raise_on_error=False,
                )
        if any(is_interruption(event) for event in outcome.all_events):
            instance.report_run_canceled(outcome.dagster_run)
            click.echo(INTERRUPTED, err=True)
            raise KeyboardInterrupt
        if not outcome.success:
            return _failures(outcome)
    return []


def everything_job() -> dg.JobDefinition:
    """The job `everything` with the progress of the command line; Dagster calls this function."""
    return _displayed(project.graph().resolve_job_def(project.EVERYTHING))


def _displayed(job: dg.JobDefinition) -> dg.JobDefinition:
    return job.with_logger_defs({"progress": PROGRESS})


def _failures(outcome: Any) -> list[str]:
    """A line per asset that failed, with the reason; the UI has the whole traceback."""
    failures = [event for event in outcome.all_events if event.is_failure]
    events = [event for event in failures if event.is_step_failure] or failures
    lines = [
        f"{event.step_key or 'the run'} failed: {_reason(error)}"
        for event in events
        if (error := getattr(event.event_specific_data, "error", None))
    ]
    return lines or ["the run failed before any asset began; see its page in the UI"]


def _reason(error: Any) -> str:
    """The message of the first of the project's own errors in a chain of causes, else of the first
    that Dagster has not added.
    """
    chain = [error]
    while chain[-1].cause:
        chain.append(chain[-1].cause)
    own = [error for error in chain if error.message.startswith(PLAIN_ERRORS)]
    others = [error for error in chain if not error.message.startswith("dagster.")]
    error = [*own, *others, error][0]
    if error.message.startswith(PLAIN_ERRORS):
        return one_line(error.message.partition(": ")[2])
    if error.cls_name.endswith("MemoryError"):  # outside the method of an asset
        return str(memory.shortage(error.message.partition(": ")[2]))
    line = f" ({one_line(error.stack[-1])})" if error.stack else ""
    return one_line(error.message) + line


def _show_results(echo: Callable[..., None], selected: AbstractSet[dg.AssetKey]) -> None:
    """Print the table of models and the path of the report, if they were selected."""
    stored = storage.default_storage()
    if dg.AssetKey("model_comparison") in selected:
        steps = stored.origins(STORED)
        columns = ("model", "accuracy", "95% interval", "errors", "seconds")
        echo("\n" + MODEL_TABLE.format(*columns), dim=True)
        for model, score in stored.read("model_comparison").models.items():  # best first
            low, high = score.interval
            seconds = model_seconds(steps, model)
            row = (
                model,
                f"{score.accuracy:.2%}",
                f"{low:.2%} – {high:.2%}",
                f"{score.errors:,}",
                "–" if seconds is None else f"{seconds:.1f}",
            )
            echo(MODEL_TABLE.format(*row))
    if dg.AssetKey("labels_to_check") in selected:
        # Imported here, because it imports pandas.
        from mnist_pipeline.evaluation.labels_to_check import ADDRESS, FILE

        echo(f"\nLabels to check: {stored.path / ADDRESS / FILE}")
    if dg.AssetKey("evaluation_report") in selected:
        echo(f"\nReport: {latest_page(stored.path)}, served by mnist-pipeline ui")


def _show_summary(echo: Callable[..., None], display: Display, seconds: float) -> None:
    """Print how many checks passed, which failed, and the time."""
    echo()
    failed = display.failed_checks
    if display.num_passed or failed:
        counts = f"{display.num_passed} passed" + (f", {len(failed)} failed" if failed else "")
        echo("\n  ".join([f"Checks: {counts}", *failed]), fg="yellow" if failed else None)
    echo(f"Time:   {seconds:.1f} s")
