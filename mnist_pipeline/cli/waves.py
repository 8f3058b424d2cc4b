"""The order in which selected assets are materialized: waves of runs that do not depend on one another."""

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import dagster as dg

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.selection import EVERYTHING, definitions, job_of, picture_assets, shards_of
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.staleness import out_of_sync, partition_faults, ready, stale_shards
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils.printable import count

Units = Mapping[dg.AssetKey, Collection[str | None]]  # assets with their shards; None for an asset without partitions


class Run(NamedTuple):
    """The assets that one run materializes, or one partition of each of them."""

    assets: AbstractSet[dg.AssetKey]
    partition: str | None = None


Wave = list[Run]


def all_waves(instance: dg.DagsterInstance, selected: AbstractSet[dg.AssetKey]) -> Iterator[Wave]:
    """Yield the waves that materialize all selected assets."""
    data_sets.observe_data_directories(instance)
    if selected <= picture_assets().keys():
        raise CommandError(
            f"{', '.join(key.to_user_string() for key in selected)} is computed per picture: put a picture into "
            f"{settings.load().inbox}, and switch on the sensor 'inbox' in mnist-pipeline ui"
        )
    for stage in _stages(selected):
        yield _runs({key: shards_of(key) or [None] for key in stage})


def changed_waves(instance: dg.DagsterInstance, selected: AbstractSet[dg.AssetKey]) -> Iterator[Wave]:
    """Yield the waves that materialize what is missing or out of sync, upstream first, until nothing is.

    For assets with shards, only the shards that are out of sync are run. The last waves are pictures: those whose
    predictions were computed from the selected assets and are missing in the storage.
    """
    data_sets.observe_data_directories(instance)
    done: set[tuple[dg.AssetKey, str | None]] = set()
    while stale := _stale(instance, selected):
        stage = next(_stages(ready(stale.keys(), definitions())))
        units = {(key, shard) for key in stage for shard in stale[key]}
        if again := units & done:
            names = ", ".join(sorted(storage.stored_key(key.to_user_string(), shard) for key, shard in again))
            raise CommandError(f"{names} is out of sync right after its run; see its page in the UI")
        done = units if job_of(next(iter(stage))) == EVERYTHING else done | units
        yield _runs({key: stale[key] for key in stage})
    for key in picture_assets():
        if key in selected or definitions().resolve_asset_graph().get(key).parent_keys <= selected:
            for partition in sorted(name for name, fault in partition_faults(instance, key).items() if fault):
                yield [Run({key}, partition)]


def is_of_pictures(wave: Wave) -> bool:
    """Whether the runs of a wave are about pictures from the inbox."""
    return wave[0].assets <= picture_assets().keys()


def describe(wave: Wave) -> str:
    """Describe what a wave materializes, in a few words."""
    first = wave[0]
    if first.partition is None:
        return count(len(first.assets), "asset")
    if is_of_pictures(wave):
        return first.partition
    names = sorted({key.to_user_string() for run in wave for key in run.assets})
    return f"{', '.join(names)} of {len(wave)} shards"


def _stages(selected: AbstractSet[dg.AssetKey]) -> Iterator[set[dg.AssetKey]]:
    """Yield the selected assets in stages, each after the stages that it depends on.

    A stage has all assets that one job can materialize next.
    """
    graph = definitions().resolve_asset_graph()
    left = [key for key in graph.toposorted_asset_keys if key in selected]
    while left:
        name, stage, waiting = job_of(left[0]), set[dg.AssetKey](), set[dg.AssetKey]()
        for key in left:
            is_next = job_of(key) == name and not graph.get(key).parent_keys & waiting
            (stage if is_next else waiting).add(key)
        yield stage
        left = [key for key in left if key in waiting]


def _runs(units: Units) -> Wave:
    """Return the runs of a stage: one per shard for assets with shards, else one."""
    partitions = dict.fromkeys(shard for shards in units.values() for shard in shards)
    return [Run({key for key, shards in units.items() if shard in shards}, shard) for shard in partitions]


def _stale(instance: dg.DagsterInstance, selected: AbstractSet[dg.AssetKey]) -> Units:
    """Return the selected assets that are missing or out of sync."""
    whole = {key: [None] for key in out_of_sync(instance, definitions()).keys() & selected}
    shards = {key: stale_shards(instance, definitions(), key) for key in selected if shards_of(key)}
    return whole | {key: [*found] for key, found in shards.items() if found}
