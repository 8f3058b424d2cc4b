"""Run selected assets in this process, and print the models, the checks, the report and the
time.
"""

import gc
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Any

import click
import dagster as dg

from mnist_pipeline.cli.display import Display, is_interruption, open_output, progress_logger
from mnist_pipeline.cli.errors import CommandError, of_database, unknown
from mnist_pipeline.cli.first_run import compile_ahead
from mnist_pipeline.cli.selection import select_assets
from mnist_pipeline.models import MODELS, model_seconds
from mnist_pipeline.runtime import dagster_internals, project, settings
from mnist_pipeline.runtime import instance as instances
from mnist_pipeline.runtime.graph.records import origins
from mnist_pipeline.runtime.graph.resources import DataSetResource
from mnist_pipeline.runtime.graph.staleness import (
    missing_partitions,
    observe_raw_files,
    stale_assets,
)
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils import machine
from mnist_pipeline.utils.printable import count, one_line, printable
from mnist_pipeline.utils.yaml_files import read_yaml

GC_THRESHOLDS = (100_000, 50, 1_000)
MODEL_TABLE = "  {:<10}{:>10}{:>20}{:>9}{:>10}"
OWN_PACKAGES = ("mnist_pipeline.", "assets.")
INTERRUPTED = "Interrupted. Stored results are kept; the same command with --changed continues."


def run_assets(
    configured: settings.Settings, select: str, config: Path | None, changed: bool
) -> None:
    """Run the selected assets, or only the missing, stale and damaged assets among them."""
    start = time.perf_counter()
    storage.current().require_this_version()
    run_config = _read_config(config)
    compile_ahead()
    with machine.importing():
        definitions = project.graph()
        selected = select_assets(definitions, select)
    machine.keep_freed_memory()
    gc.set_threshold(*GC_THRESHOLDS)
    with open_output() as stream:
        echo, display = partial(click.secho, file=stream), Display(stream)
        with (
            instances.only_run(configured, echo),
            dagster_internals.open_event_log(),
            dg.DagsterInstance.get() as instance,
        ):
            instances.fail_abandoned_runs(instance)
            observe_raw_files(instance, DataSetResource())
            echo(f"Data:    {configured.data}\nStorage: {configured.storage}")
            run = partial(_execute, definitions, instance, display, run_config, echo)
            failures = (
                _run_changed(run, definitions, instance, selected) if changed else run(selected)
            )
            if changed and not failures:
                echo("Everything is in sync.")
            if not failures:
                _show_results(echo, selected)
        _show_summary(echo, display, time.perf_counter() - start)
    if failures:
        raise CommandError("\n".join(failures))


def _run_changed(
    run: Callable[..., list[str]],
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    selected: AbstractSet[dg.AssetKey],
) -> list[str]:
    """Run what is stale, and the partitions that are, until nothing is."""
    failures = _run_stale(run, definitions, instance, selected)
    for key in sorted(selected):
        partitions = missing_partitions(instance, definitions, storage.current(), key)
        if partitions and not failures:
            # An asset that reads the partitions is stale afterwards.
            failures = run({key}, partitions) or _run_stale(run, definitions, instance, selected)
    return failures


def _run_stale(
    run: Callable[..., list[str]],
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    selected: AbstractSet[dg.AssetKey],
) -> list[str]:
    """Run unpartitioned assets until none is stale.

    An asset whose value stays the same makes no other asset stale.
    """
    graph = definitions.resolve_asset_graph()
    done: AbstractSet[dg.AssetKey] = set()
    while stale := stale_assets(instance, definitions, storage.current()).keys() & selected:
        if stale <= done:
            names = ", ".join(sorted(key.to_user_string() for key in stale))
            raise CommandError(f"{names} is stale right after its run; see its page in the UI")
        done = _ready(graph, stale)
        if failures := run(done):
            return failures
    return []


def _ready(graph: Any, stale: AbstractSet[dg.AssetKey]) -> AbstractSet[dg.AssetKey]:
    """The stale assets that can run now.

    An asset waits if something upstream is not stale yet, but may become stale: it would have to
    run twice.
    """
    ready, undecided = set[dg.AssetKey](), set[dg.AssetKey]()
    for key in graph.toposorted_asset_keys:
        parents = graph.get(key).parent_keys
        if key in stale and not parents & undecided:
            ready.add(key)
        elif parents & (ready | undecided):
            undecided.add(key)
    return ready


def _execute(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    display: Display,
    config: dict[str, Any],
    echo: Callable[..., None],
    selected: AbstractSet[dg.AssetKey],
    partitions: list[str] | None = None,
) -> list[str]:
    """Materialize assets in this process, whatever launcher the instance has; return a line per
    failure.
    """
    job = definitions.resolve_implicit_global_asset_job_def().with_logger_defs(
        {"progress": progress_logger(display)}
    )
    graph = definitions.resolve_asset_graph()
    _check_names(config, definitions)
    for keys, partition in _runs(graph, selected, partitions):
        echo(
            f"\nMaterializing {count(len(keys), 'asset')}"
            + (f", {printable(partition)}" if partition else "")
        )
        names = {"__".join(key.path) for key in keys}
        ops = {name: each for name, each in config.get("ops", {}).items() if name in names}
        try:
            with display.showing(names), dagster_internals.values_dropped():
                outcome = job.execute_in_process(
                    run_config={**config, "ops": ops, "loggers": {"progress": {}}},
                    instance=instance,
                    partition_key=partition,
                    asset_selection=sorted(keys),
                    tags=instances.run_tags(),
                    raise_on_error=False,
                )
        except dg.DagsterInvalidConfigError as error:
            raise CommandError(
                f"--config: {'; '.join(one_line(each.message) for each in error.errors)}"
            ) from error
        if any(is_interruption(event) for event in outcome.all_events):
            instance.report_run_canceled(outcome.dagster_run)
            click.echo(INTERRUPTED, err=True)
            raise KeyboardInterrupt
        if not outcome.success:
            return _failures(outcome)
    return []


def _check_names(config: dict[str, Any], definitions: dg.Definitions) -> None:
    """Refuse a configuration of an asset that has no settings, which Dagster would accept and
    ignore.
    """
    keys = definitions.resolve_asset_graph().materializable_asset_keys
    fields = {
        "__".join(key.path): definitions.resolve_assets_def(key).op.config_field for key in keys
    }
    with_settings = [
        name
        for name, field in fields.items()
        if field and getattr(field.config_type, "fields", None)
    ]
    for name, given in config.get("ops", {}).items():
        if name not in with_settings and (name not in fields or given):
            raise CommandError(
                f"--config: {unknown(str(name), 'an asset with settings', with_settings)}"
            )


def _runs(
    graph: Any, selected: AbstractSet[dg.AssetKey], partitions: list[str] | None
) -> Iterator[tuple[AbstractSet[dg.AssetKey], str | None]]:
    """The runs that materialize assets: one per partition of the partitioned assets, then one for
    the others.
    """
    partitioned = {key for key in selected if graph.get(key).is_partitioned}
    for key in sorted(partitioned):
        names = partitions
        if names is None:
            if isinstance(graph.get(key).partitions_def, dg.DynamicPartitionsDefinition):
                inbox = settings.load().inbox
                raise CommandError(
                    f"{key.to_user_string()} is computed per picture: put a picture into {inbox}"
                )
            names = list(graph.get(key).partitions_def.get_partition_keys())
        for name in names:
            yield {key}, name
    if selected - partitioned:
        yield selected - partitioned, None


def _failures(outcome: dg.ExecuteInProcessResult) -> list[str]:
    """A line per asset that failed, with the reason; the UI has the whole traceback."""
    return [
        f"{event.step_key} failed: {_reason(event.step_failure_data.error)}"
        for event in outcome.all_events
        if event.is_step_failure
    ] or [_failure_of_run(outcome)]


def _failure_of_run(outcome: dg.ExecuteInProcessResult) -> str:
    """Why a run failed although no asset did."""
    for event in outcome.all_events:
        if event.event_type == dg.DagsterEventType.RUN_FAILURE and event.job_failure_data.error:
            message = event.job_failure_data.error.message
            return of_database(message).message if "sqlite3" in message else one_line(message)
    return "the run failed before any asset began; see its page in the UI"


def _reason(error: Any) -> str:
    """The message of the first of the project's own errors in a chain of causes, else of the root
    cause.
    """
    reason, place = "no reason was recorded", ""
    while error is not None:
        reason, own = error.message, error.message.startswith(OWN_PACKAGES)
        place = "" if own or not error.stack else f" ({one_line(error.stack[-1])})"
        if own:
            reason = reason.partition(": ")[2]
            break
        error = error.cause
    return one_line(reason) + place


def _read_config(file: Path | None) -> dict[str, Any]:
    """A run configuration in YAML; Dagster checks its content."""
    if file is None:
        return {}
    try:
        config = read_yaml(file)
    except ValueError as error:
        raise CommandError(f"--config {file}: {error}") from error
    if not isinstance(config or {}, dict) or not isinstance((config or {}).get("ops", {}), dict):
        example = "'ops: {softmax_model: {config: {epochs: 40}}}'"
        raise CommandError(f"--config {file}: it must be a mapping; write for example {example}")
    return config or {}


def _show_results(echo: Callable[..., None], selected: AbstractSet[dg.AssetKey]) -> None:
    """Print the table of models and the path of the report, if they were selected."""
    stored = storage.current()
    if dg.AssetKey("model_comparison") in selected:
        assets = [
            asset
            for model in MODELS.values()
            for asset in (model.model_asset, model.predictions_asset)
        ]
        steps = origins(stored, assets)
        echo(
            "\n" + MODEL_TABLE.format("model", "accuracy", "95% interval", "errors", "seconds"),
            dim=True,
        )
        for model, found in stored.read("model_comparison").models.items():  # best first
            low, high = found.interval
            seconds = model_seconds(steps, model)
            time_text = "–" if seconds is None else f"{seconds:.1f}"
            row = (
                model,
                f"{found.accuracy:.2%}",
                f"{low:.2%} – {high:.2%}",
                f"{found.errors:,}",
                time_text,
            )
            echo(MODEL_TABLE.format(*row))
    if dg.AssetKey("evaluation_report") in selected:
        echo(f"\nReport: {stored.path / 'report' / 'index.html'}")


def _show_summary(echo: Callable[..., None], display: Display, seconds: float) -> None:
    """Print how many checks passed, which failed, and the time."""
    echo()
    failed = display.failed_checks
    if display.num_passed or failed:
        counts = f"{display.num_passed} passed" + (f", {len(failed)} failed" if failed else "")
        echo(
            "\n".join([f"Checks: {counts}", *(f"  {name}" for name in failed)]),
            fg="yellow" if failed else None,
        )
    minutes, rest = divmod(round(seconds), 60)
    echo(f"Time:   {minutes} min {rest} s" if minutes else f"Time:   {seconds:.1f} s")
