"""Retention: old runs and former versions of models are deleted, by a command or by a job with a schedule."""

import contextlib
from pathlib import Path

import dagster as dg

from mnist_pipeline.runtime import project, settings
from mnist_pipeline.runtime.graph import history, records
from mnist_pipeline.utils.printable import count

ENDED = [dg.DagsterRunStatus[name] for name in ("SUCCESS", "FAILURE", "CANCELED")]


def log_path(run_id: str) -> Path:
    """The file of the full log of a run of the command line."""
    return settings.load().dagster_home / "logs" / f"{run_id}.log"


def prune(instance: dg.DagsterInstance, definitions: dg.Definitions, kept_runs: int, kept_versions: int) -> str:
    """Delete old runs and former versions, and describe what was deleted; only under the storage lock."""
    versions = history.prune(instance, definitions, kept_versions)
    old = old_runs(instance, definitions, kept_runs)
    for run_id in old:
        instance.delete_run(run_id)
        with contextlib.suppress(IsADirectoryError):  # no writer of ours makes one
            log_path(run_id).unlink(missing_ok=True)
    return f"{count(len(old), 'run')} and {count(versions, 'former value')} deleted"


def old_runs(instance: dg.DagsterInstance, definitions: dg.Definitions, keep: int) -> list[str]:
    """The ids of all runs except the latest, and those that are needed.

    A run that has not ended is needed, for example one that a user has just launched in the UI.
    A run with the latest materialization of an asset or a partition is needed: without it, the asset would be missing.
    So is the latest run of a picture without predictions: it records that the picture was tried.
    """
    graph = definitions.resolve_asset_graph()
    needed = {found["run_id"] for found in records.origins(instance, [*graph.materializable_asset_keys]).values()}
    for key in graph.materializable_asset_keys:
        partitions = graph.get(key).partitions_def
        if partitions is not None:
            made = {name: records.run_of(event) for name, event in records.latest_of_partitions(instance, key).items()}
            if isinstance(partitions, dg.DynamicPartitionsDefinition):
                pictures = instance.get_dynamic_partitions(str(partitions.name))
                had = records.runs_of_partitions(instance, sorted(pictures))
                made = {picture: runs[0].run_id for picture, runs in had.items() if runs} | made
            needed |= {*made.values()}
    ended = set(instance.get_run_ids(dg.RunsFilter(statuses=ENDED)))
    return [run_id for run_id in instance.get_run_ids()[keep:] if run_id in ended - needed]


@dg.op
def delete_old(context: dg.OpExecutionContext) -> None:
    """Delete what `prune` deletes, as the settings say."""
    configured = settings.load()
    context.log.info(prune(context.instance, project.graph(), configured.kept_runs, configured.versions))


@dg.job(description="Delete old runs, and former versions of models; the settings say how many are kept.")
def pruning() -> None:
    """Delete what `prune` deletes."""
    delete_old()
