"""Data sets side by side: which one a step is about, and the graph of MNIST once more under another prefix."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg

from mnist_pipeline.data import datasets
from mnist_pipeline.data.catalogue import KNOWN, MNIST, DataSet
from mnist_pipeline.data.datasets import MNIST_LAYOUT, DatasetError, Layout
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph.records import DATA_VERSION_TAG

DATA_DIRECTORY = "data_directory"  # the asset that stands for the files of a data set


class Located(NamedTuple):
    """A data set with its files.

    Attributes
    ----------
    known : DataSet
    directory : Path
    canonical : bool
        Whether the files are the embedded MNIST, whose checksums are known.
    prefix : str or None
        What its keys begin with; None for the graph of plain keys.
    """

    known: DataSet
    directory: Path
    canonical: bool = False
    prefix: str | None = None

    def key(self, name: str) -> dg.AssetKey:
        """The key of one of its assets."""
        return key_of(self.prefix, name)

    def named(self, name: str) -> str:
        """The name of a job, a sensor or a group of it."""
        return name if self.prefix is None else f"{self.prefix}_{name}"


def configured(loaded: settings.Settings | None = None) -> list[Located]:
    """All data sets that the settings name, the one with plain keys first; by default those of the environment.

    Raises
    ------
    SettingsError
        If the environment is not what it should be.
    """
    loaded = loaded or settings.load()
    plain = MNIST if loaded.canonical else DataSet(settings.PLAIN, loaded.data.name)
    return [
        Located(plain, loaded.data, loaded.canonical),
        *(
            Located(KNOWN.get(placed.name, DataSet(placed.name, placed.name)), placed.directory, prefix=placed.prefix)
            for placed in loaded.data_sets
        ),
    ]


def step_context() -> dg.AssetExecutionContext | None:
    """The context of the step that runs, None in a function called directly."""
    try:
        context = dg.AssetExecutionContext.get()
    except dg.DagsterInvariantViolationError:
        return None
    return context if isinstance(context, dg.AssetExecutionContext) else None


def of_prefix(prefix: str | None, loaded: settings.Settings | None = None) -> Located:
    """The data set whose keys begin with a prefix.

    Raises
    ------
    SettingsError
        If the environment names none.
    """
    found = next((each for each in configured(loaded) if each.prefix == prefix), None)
    if found is None:
        raise settings.SettingsError(
            f"MNIST_PIPELINE_DATA_SETS names no data set whose keys begin with {prefix}/; add it there"
        )
    return found


def key_of(prefix: str | None, name: str) -> dg.AssetKey:
    """The key of an asset of the data set whose keys begin with a prefix, or are plain."""
    return dg.AssetKey([name] if prefix is None else [prefix, name])


def prefix_of(key: dg.AssetKey) -> str | None:
    """The prefix of a key, None if it is plain."""
    return key.path[0] if len(key.path) > 1 else None


def beside(assets: Iterable[dg.AssetsDefinition], located: Located) -> list[dg.AssetsDefinition]:
    """The graph of plain keys once more, over another data set: the same functions, settings and versions of code."""
    kept = list(assets)
    keys = {asset.key for asset in kept} | {dep.asset_key for asset in kept for dep in next(iter(asset.specs)).deps}
    replacements = {key: located.key(key.path[-1]) for key in keys}
    return [_moved(asset, replacements, located) for asset in kept]


def _moved(
    asset: dg.AssetsDefinition, replacements: Mapping[dg.AssetKey, dg.AssetKey], located: Located
) -> dg.AssetsDefinition:
    moved = asset.with_attributes(asset_key_replacements=replacements).map_asset_specs(
        lambda spec: spec.replace_attributes(group_name=located.named(str(spec.group_name)))
    )
    # Operations of one name would be told apart by numbers, in the run configuration too.
    return _with_operation(
        moved, lambda op: op.with_replaced_properties(name=operation_name(moved.key)), {}, moved.specs
    )


def following(asset: dg.AssetsDefinition, parents: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The same asset, after further parents, which are not loaded for it.

    Dagster's own way to add them, map_asset_specs, takes the values of all other parents away.
    """
    (spec,) = asset.specs
    added = {operation_name(parent): parent for parent in parents}
    nothing = {name: dg.In(dg.Nothing) for name in added}
    specs = [spec.replace_attributes(deps=[*spec.deps, *(dg.AssetDep(parent) for parent in parents)])]
    return _with_operation(
        asset, lambda op: op.with_replaced_properties(name=op.name, ins={**op.input_dict, **nothing}), added, specs
    )


def _with_operation(
    asset: dg.AssetsDefinition,
    change: Callable[[Any], dg.OpDefinition],
    added: Mapping[str, dg.AssetKey],
    specs: Iterable[dg.AssetSpec],
) -> dg.AssetsDefinition:
    return dg.AssetsDefinition(
        keys_by_input_name={**asset.node_keys_by_input_name, **added},
        keys_by_output_name=asset.node_keys_by_output_name,
        node_def=change(asset.op),
        specs=list(specs),
        check_specs_by_output_name=asset.node_check_specs_by_output_name,
    )


def operation_name(key: dg.AssetKey) -> str:
    """The name of the operation behind an asset, as a run configuration and a step have it."""
    return "__".join(key.path)


def observe_data_directories(instance: dg.DagsterInstance) -> None:
    """Record the version of the directory of each data set where it is another than the last one, and can be read."""
    for located in configured():
        with suppress(DatasetError):  # a run tells what is wrong with the files
            version = data_version(located.directory, located.known.layout)
            if version != observed_version(instance, located):
                instance.report_runless_asset_event(sighting(located, version))


def observed_version(instance: dg.DagsterInstance, located: Located) -> str | None:
    """The version of the directory of a data set that was recorded last."""
    event = instance.get_latest_materialization_event(located.key(DATA_DIRECTORY))
    recorded = event.asset_materialization if event else None
    return (recorded.tags or {}).get(DATA_VERSION_TAG) if recorded else None


def sighting(located: Located, version: str) -> dg.AssetMaterialization:
    """The event that records a version of the directory of a data set, which others materialize."""
    metadata: dict[str, Any] = {"path": dg.MetadataValue.path(str(located.directory)), "sha256": version}
    return dg.AssetMaterialization(located.key(DATA_DIRECTORY), tags={DATA_VERSION_TAG: version}, metadata=metadata)


def data_version(root: Path, layout: Layout = MNIST_LAYOUT) -> str:
    """SHA-256 over the checksums of the four files.

    Raises
    ------
    DatasetError
        If one can't be read.
    """
    return hashlib.sha256("".join(file.sha256 for file in datasets.raw_files(root, layout)).encode()).hexdigest()
