"""Starting a run: what is selected, in which order it is carried out, what went wrong, and what came out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster_shared.error import SerializableErrorInfo

from mnist_pipeline.cli import interruption
from mnist_pipeline.cli.project import (
    EVERY_DATA_SET,
    EVERYTHING,
    EXPANDED,
    EXPANDED_JOB,
    FOLDS_JOB,
    INBOX_JOB,
    definitions_of_assets,
    defs,
    job,
)
from mnist_pipeline.evaluation import Comparison
from mnist_pipeline.models import MODELS, model_seconds
from mnist_pipeline.runtime import console, settings
from mnist_pipeline.runtime.console import console_logger, log_path, quiet_logger
from mnist_pipeline.runtime.executors import workers
from mnist_pipeline.runtime.graph import data_sets, run_lock, sqlite
from mnist_pipeline.runtime.graph.data_sets import operation_name
from mnist_pipeline.runtime.graph.records import PARTITION_TAG, origins
from mnist_pipeline.runtime.graph.shards import FOLDS
from mnist_pipeline.runtime.graph.staleness import lost_partitions, out_of_sync, ready, stale_folds
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils.printable import printable

# The assets that come picture by picture: their partitions come as pictures come.
PARTITIONED = {
    asset.key for asset in definitions_of_assets() if isinstance(asset.partitions_def, dg.DynamicPartitionsDefinition)
}
OWN_PACKAGES = ("mnist_pipeline.", "assets.")


class LaunchError(ValueError):
    """A run can't start as asked; the message names the argument, what is wrong and what to do."""


class Wave(NamedTuple):
    """What one run materializes: assets, or one partition of each of them."""

    assets: AbstractSet[dg.AssetKey]
    partition: str | None = None


class Shard(NamedTuple):
    """A fold to be run by a worker, in what can be sent to one: its name, its assets, and the run configuration."""

    fold: str
    assets: tuple[str, ...]
    config: dict[str, Any]


class Done(NamedTuple):
    """What became of a shard: seconds of its run, and why it failed, in lines; none if it did not."""

    seconds: float
    failures: tuple[str, ...]


def console_job() -> dg.JobDefinition:
    """The job of the whole graph, of all data sets, told on the terminal."""
    return job(EVERY_DATA_SET if settings.load().data_sets else EVERYTHING).with_logger_defs(
        {"console": console_logger}
    )


def console_expanded_job() -> dg.JobDefinition:
    """The job of what is said of the whole expanded set, told on the terminal."""
    return job(EXPANDED_JOB).with_logger_defs({"console": console_logger})


def console_inbox_job() -> dg.JobDefinition:
    """The job of a picture from the inbox, told on the terminal."""
    return job(INBOX_JOB).with_logger_defs({"console": console_logger})


def shard_job() -> dg.JobDefinition:
    """The job of a fold of the expanded set; who shares out the folds tells of them."""
    return job(FOLDS_JOB).with_logger_defs({"console": quiet_logger})


JOBS: dict[str, Callable[[], dg.JobDefinition]] = {
    EVERYTHING: console_job,
    EXPANDED_JOB: console_expanded_job,
    INBOX_JOB: console_inbox_job,
    FOLDS_JOB: shard_job,
}


def pictures_of(key: dg.AssetKey) -> str:
    """The name of the dynamic partitions of an asset."""
    partitions = defs.resolve_asset_graph().get(key).partitions_def
    assert isinstance(partitions, dg.DynamicPartitionsDefinition)
    return str(partitions.name)


def job_of(key: dg.AssetKey) -> str:
    """The name of the job that materializes an asset; no run has assets of two."""
    if key in PARTITIONED:
        return INBOX_JOB
    node = defs.resolve_asset_graph().get(key)
    if node.partitions_def == FOLDS:
        return FOLDS_JOB
    return EXPANDED_JOB if node.group_name == EXPANDED else EVERYTHING


def select_data_sets(names: Sequence[str]) -> list[data_sets.Located]:
    """The data sets of these names; all that the environment names if there are none.

    Raises
    ------
    LaunchError
        If the environment names no such data set.
    """
    by_name = dict(
        zip([settings.PLAIN, *(placed.name for placed in settings.load().data_sets)], data_sets.configured())
    )
    for name in names:
        if name not in by_name:
            raise LaunchError(
                f"--data-set {name!a} is not there: there is {', '.join(by_name)}; add it to MNIST_PIPELINE_DATA_SETS"
            )
    return [located for name, located in by_name.items() if name in names or not names]


def select_assets(selection: str, names: Sequence[str] = ()) -> AbstractSet[dg.AssetKey]:
    """The assets that a selection in Dagster's syntax names; with others, no pictures; by default, no expanded set.

    Parameters
    ----------
    selection : str
    names : sequence of str
        Of data sets: the selection is one of plain keys, and holds for each of these.

    Raises
    ------
    LaunchError
        If it can't be parsed, or matches nothing.
    """
    selected = _selected(selection)
    if not names:
        return selected
    plain = [key.path[-1] for key in selected if data_sets.prefix_of(key) is None]
    located = select_data_sets(names)
    of_each = {each.key(name) for each in located for name in plain} & defs.resolve_asset_graph().get_all_asset_keys()
    if not of_each:
        raise LaunchError(
            f"--select {selection!r} matches no asset of {', '.join(names)}; "
            "beside --data-set write plain keys, such as '+key:cnn_model'"
        )
    return of_each


def directories(selected: AbstractSet[dg.AssetKey]) -> str:
    """Where the data of these assets lie."""
    prefixes = {data_sets.prefix_of(key) for key in selected}
    return ", ".join(str(each.directory) for each in data_sets.configured() if each.prefix in prefixes)


def _selected(selection: str) -> AbstractSet[dg.AssetKey]:
    graph = defs.resolve_asset_graph()
    if selection == "*":
        return {key for key in graph.materializable_asset_keys if job_of(key) == EVERYTHING}
    try:
        with warnings.catch_warnings():
            # Dagster's own parser of selections calls what Dagster marks as beta.
            warnings.simplefilter("ignore", dg.BetaWarning)
            selected = dg.AssetSelection.from_string(selection).resolve(graph)
    except dg.DagsterError as error:
        raise LaunchError(
            f"--select {selection!r}: {one_line(error)}; write for instance 'group:pca' or '+key:cnn_model'"
        ) from error
    if not selected:
        raise LaunchError(f"--select {selection!r} matches no asset; there are {asset_names(graph)}")
    return selected - PARTITIONED or selected


def waves(instance: dg.DagsterInstance, selected: AbstractSet[dg.AssetKey], *, changed: bool) -> Iterator[list[Wave]]:
    """What to materialize, one after the other: the runs of each list don't depend on one another.

    Parameters
    ----------
    instance : DagsterInstance
    selected : set of AssetKey
    changed : bool
        Only what Dagster calls missing or out of sync, upstream first, until nothing is, and then the pictures
        made from it that storage has lost; else all at once. Of the expanded set, only the folds that are.

    Raises
    ------
    LaunchError
        If only pictures are selected, which have nothing that could be made all at once; or an asset stays
        out of sync.
    """
    data_sets.observe_data_directories(instance)
    if not changed:
        if selected <= PARTITIONED:
            raise LaunchError(
                f"{', '.join(key.to_user_string() for key in selected)} is made picture by picture: put one into "
                f"{settings.load().inbox}, and switch on the sensor 'inbox' in mnist-pipeline ui"
            )
        for stage in _stages(selected):
            yield _runs({key: _folds_of(key) for key in stage})
        return
    done: set[tuple[dg.AssetKey, str | None]] = set()
    while stale := _stale(instance, selected):
        stage = next(_stages(ready(stale.keys(), defs)))
        doing = {(key, fold) for key in stage for fold in stale[key]}
        if doing & done:
            names = ", ".join(sorted(_told_unit(*unit) for unit in doing & done))
            raise LaunchError(f"{names} is out of sync right after its run; see its page in the UI")
        done = doing if job_of(next(iter(stage))) == EVERYTHING else done | doing
        yield _runs({key: stale[key] for key in stage})
    for key in PARTITIONED:
        if key in selected or defs.resolve_asset_graph().get(key).parent_keys <= selected:
            for partition in sorted(lost_partitions(instance, key)):
                yield [Wave({key}, partition)]


def _stages(selected: AbstractSet[dg.AssetKey]) -> Iterator[set[dg.AssetKey]]:
    """The selected assets in an order in which each comes after those that it is made from.

    A stage is all that one job can do next: of the folds what doesn't wait for the whole set, and the other way round.
    """
    graph = defs.resolve_asset_graph()
    left = [key for key in graph.toposorted_asset_keys if key in selected]
    while left:
        name, stage, waiting = job_of(left[0]), set[dg.AssetKey](), set[dg.AssetKey]()
        for key in left:
            if job_of(key) == name and not graph.get(key).parent_keys & waiting:
                stage.add(key)
            else:
                waiting.add(key)
        yield stage
        left = [key for key in left if key in waiting]


def _runs(stage: Mapping[dg.AssetKey, Iterable[str | None]]) -> list[Wave]:
    """The runs of a stage: one a fold for what comes in folds, else one."""
    partitions = sorted({each for several in stage.values() for each in several}, key=str)
    return [Wave({key for key, several in stage.items() if each in several}, each) for each in partitions]


def _folds_of(key: dg.AssetKey) -> list[str | None]:
    return [*FOLDS.get_partition_keys()] if job_of(key) == FOLDS_JOB else [None]


def _stale(
    instance: dg.DagsterInstance, selected: AbstractSet[dg.AssetKey]
) -> dict[dg.AssetKey, AbstractSet[str | None]]:
    """The selected assets that are missing or out of sync: each with its folds that are, or with None."""
    stale: dict[dg.AssetKey, AbstractSet[str | None]] = {}
    stale |= {key: {None} for key in out_of_sync(instance, defs).keys() & selected}
    for key in selected - PARTITIONED:
        if job_of(key) == FOLDS_JOB and (folds := stale_folds(instance, defs, key)):
            stale[key] = set(folds)
    return stale


def _told_unit(key: dg.AssetKey, fold: str | None) -> str:
    return storage.stored_key(key.to_user_string(), fold)


def of_pictures(runs: list[Wave]) -> bool:
    """Whether runs are those of pictures from the inbox."""
    return runs[0].assets <= PARTITIONED


def told(runs: list[Wave]) -> str:
    """What runs that don't depend on one another materialize, in a few words."""
    first = runs[0]
    if first.partition is None:
        return f"{len(first.assets)} assets of {directories(first.assets)}"
    if of_pictures(runs):
        return first.partition
    names = sorted({key.to_user_string() for run in runs for key in run.assets})
    return f"{', '.join(names)} of {len(runs)} folds"


def within(config: dict[str, Any], selected: AbstractSet[dg.AssetKey]) -> dict[str, Any]:
    """The part of a run configuration that a run of these assets, of one job, accepts."""
    names = {operation_name(key) for key in selected}
    ops = {"ops": {name: value for name, value in config.get("ops", {}).items() if name in names}}
    name = job_of(next(iter(selected)))
    if name == INBOX_JOB:
        return {"loggers": config["loggers"]}
    if name == FOLDS_JOB:
        return {"loggers": {"console": {}}, **ops}
    return {**config, **ops}


def carry_out(instance: dg.DagsterInstance, runs: list[Wave], config: dict[str, Any]) -> list[str]:
    """Carry out runs that don't depend on one another, folds on the workers; return the failures, in lines."""
    if job_of(next(iter(runs[0].assets))) != FOLDS_JOB:
        outcomes = [materialize(instance, run.assets, within(config, run.assets), run.partition) for run in runs]
        return [line for outcome in outcomes for line in _failures_of(outcome)]
    lines: list[str] = []
    try:
        for shard, done in workers.each(settings.load(), make_shard, shards_of(runs, config)):
            console.tell_shard(shard.fold, done.seconds, ", ".join(shard.assets), failed=bool(done.failures))
            lines += done.failures
    finally:  # of a worker that was killed
        run_lock.end_leftovers(instance)
        storage.current().recover()
    return lines


def shards_of(runs: list[Wave], config: dict[str, Any]) -> list[Shard]:
    """Runs of folds as they are given to workers."""
    return [
        Shard(str(run.partition), tuple(sorted(key.to_user_string() for key in run.assets)), within(config, run.assets))
        for run in runs
    ]


def make_shard(shard: Shard) -> Done:
    """Carry out the run of a fold, for a driver that has the storage to itself."""
    start = time.perf_counter()
    with run_lock.lent(), dg.DagsterInstance.get() as instance:
        outcome = materialize(instance, {dg.AssetKey(name) for name in shard.assets}, shard.config, shard.fold)
        failed = [f"{shard.fold}: {line}" for line in _failures_of(outcome)]
    return Done(time.perf_counter() - start, tuple(failed))


def materialize(
    instance: dg.DagsterInstance,
    selected: AbstractSet[dg.AssetKey],
    config: dict[str, Any],
    partition: str | None = None,
) -> dg.JobExecutionResult:
    """Run selected assets of one job; a run that is interrupted counts as canceled."""
    name = job_of(next(iter(selected)))
    if name == INBOX_JOB and partition is not None:  # a new Dagster instance doesn't know it
        instance.add_dynamic_partitions(pictures_of(next(iter(selected))), [partition])
    with run_lock.alive() as tags, sqlite.kept_open(instance):
        outcome = dg.execute_job(
            dg.reconstructable(JOBS[name]),
            instance,
            run_config=config,
            asset_selection=sorted(selected),
            tags=tags if partition is None else {**tags, PARTITION_TAG: partition},
        )
    if interruption.received():
        instance.report_run_canceled(outcome.dagster_run, "It was interrupted on the command line.")
        raise KeyboardInterrupt
    return outcome


def _failures_of(outcome: dg.JobExecutionResult) -> list[str]:
    """Why a run failed, and where its log is; nothing if it did not."""
    return [] if outcome.success else [*failures(outcome), f"Full log: {log_path(outcome.run_id)}"]


def failures(outcome: dg.JobExecutionResult) -> list[str]:
    """Which assets failed, and why, a line each."""
    return [
        f"{event.step_key} failed: {_reason(event.step_failure_data.error)}"
        for event in outcome.all_events
        if event.is_step_failure
    ] or ["the run failed before any asset began"]


def model_rows(instance: dg.DagsterInstance, located: data_sets.Located) -> list[tuple[str, str, str, str, str]]:
    """Model, accuracy, interval, errors and seconds as text, best first; empty before a comparison is stored."""
    try:
        comparison: Comparison = storage.current(located.prefix).read("model_comparison")
    except storage.StorageError:
        return []
    steps = origins(instance, [located.key(step) for pair in MODELS.values() for step in pair])
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


def asset_names(graph: BaseAssetGraph[Any]) -> str:
    """All that can be asked for, as a message lists it."""
    return ", ".join(sorted(key.to_user_string() for key in graph.materializable_asset_keys))


def _reason(error: SerializableErrorInfo | None) -> str:
    """The message of the first of the project's own errors in a chain of causes, else of the root cause."""
    chain = list(_causes(error))
    for cause in chain:
        if cause.message.startswith(OWN_PACKAGES):
            return one_line(cause.message.partition(": ")[2])
    return one_line(chain[-1].message) if chain else "no reason was recorded"


def _causes(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    while error is not None:
        yield error
        error = error.cause


def one_line(message: object) -> str:
    """A message as a terminal can take it, whatever it quotes."""
    return printable(" ".join(str(message).split()))
