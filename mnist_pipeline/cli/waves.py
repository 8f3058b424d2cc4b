"""The order in which selected assets are materialized: waves of runs that do not depend on one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import dagster as dg

from mnist_pipeline.cli.errors import LaunchError
from mnist_pipeline.cli.project import EVERYTHING, FOLDS_JOB, defs
from mnist_pipeline.cli.selection import PARTITIONED, job_of
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.shards import FOLDS
from mnist_pipeline.runtime.graph.staleness import lost_partitions, out_of_sync, ready, stale_folds
from mnist_pipeline.runtime.storage import storage


class Wave(NamedTuple):
    """What one run materializes: assets, or one partition of each of them."""

    assets: AbstractSet[dg.AssetKey]
    partition: str | None = None


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


def describe(runs: list[Wave]) -> str:
    """What the runs of a wave materialize, in a few words."""
    first = runs[0]
    if first.partition is None:
        return "1 asset" if len(first.assets) == 1 else f"{len(first.assets)} assets"
    if of_pictures(runs):
        return first.partition
    names = sorted({key.to_user_string() for run in runs for key in run.assets})
    return f"{', '.join(names)} of {len(runs)} folds"
