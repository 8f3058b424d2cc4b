"""The data sets that the settings name, and a copy of the graph for each one under its own prefix."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg

from mnist_pipeline.data import datasets
from mnist_pipeline.data.catalogue import KNOWN, MNIST, DataSet, described
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.corrections import Corrections
from mnist_pipeline.runtime.graph import records
from mnist_pipeline.runtime.graph.records import DATA_VERSION_TAG

DATA_DIRECTORY = "data_directory"  # the external asset that represents the files of a data set


class Located(NamedTuple):
    """A data set with its directory or file."""

    known: DataSet
    directory: Path
    canonical: bool = False  # whether the files must be the embedded MNIST, whose checksums are known
    prefix: str | None = None  # of the keys of its assets; None for plain keys
    corrections: Corrections | None = None  # that its training images end with

    @property
    def described(self) -> DataSet:
        """The data set with the names of its classes, which are read from the files of a data set of your own."""
        return described(self.known, self.directory)

    @property
    def corrected(self) -> list[datasets.RawFile]:
        """A list with one entry for the corrections, which `raw_mnist` adds to the files; empty if there are none."""
        file = self.corrections.file() if self.corrections else None
        return [file] if file else []

    def with_corrections(self, digits: datasets.DigitSet, recorded: list[datasets.RawFile]) -> datasets.DigitSet:
        """Training images, and after them the corrections that are recorded."""
        return self.corrections.add_to(digits, recorded) if self.corrections else digits

    def key(self, name: str) -> dg.AssetKey:
        """The key of an asset of this data set."""
        return key_of(self.prefix, name)

    def named(self, name: str) -> str:
        """The name of a job, a sensor or a group of this data set."""
        return name if self.prefix is None else f"{self.prefix}_{name}"


def configured(loaded: "settings.Settings | None" = None) -> list[Located]:
    """All data sets that the settings name, by default those of the environment; first the one with plain keys."""
    loaded = loaded or settings.load()
    plain = MNIST if loaded.canonical else DataSet(settings.PLAIN, loaded.data.name)
    others = (
        Located(KNOWN.get(other.name, DataSet(other.name, other.name)), other.directory, prefix=other.prefix)
        for other in loaded.data_sets
    )
    corrections = Corrections(loaded.corrections) if loaded.train_on_corrections else None
    return [Located(plain, loaded.data, loaded.canonical, corrections=corrections), *others]


def step_context() -> dg.AssetExecutionContext | None:
    """The context of the step that runs, None in a function called directly."""
    try:
        context = dg.AssetExecutionContext.get()
    except dg.DagsterInvariantViolationError:
        return None
    return context if isinstance(context, dg.AssetExecutionContext) else None


def of_prefix(prefix: str | None, loaded: "settings.Settings | None" = None) -> Located:
    """The data set whose keys have a prefix; raises a SettingsError if the settings do not name it."""
    for located in configured(loaded):
        if located.prefix == prefix:
            return located
    raise settings.SettingsError(
        f"MNIST_PIPELINE_DATA_SETS names no data set whose keys begin with {prefix}/; add it there"
    )


def key_of(prefix: str | None, name: str) -> dg.AssetKey:
    """The key of an asset of the data set with a prefix, or with plain keys."""
    return dg.AssetKey([name] if prefix is None else [prefix, name])


def prefix_of(key: dg.AssetKey) -> str | None:
    """The prefix of a key, None if it is plain."""
    return key.path[0] if len(key.path) > 1 else None


def copies_for(located: Located, assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """Copies of assets for another data set, with the same functions, settings and code versions."""
    keys = {key for asset in assets for spec in asset.specs for key in (spec.key, *(d.asset_key for d in spec.deps))}
    replacements = {key: located.key(key.path[-1]) for key in keys}
    copies = []
    for asset in assets:
        copy = asset.with_attributes(asset_key_replacements=replacements).map_asset_specs(
            lambda spec: spec.replace_attributes(group_name=located.named(str(spec.group_name)))
        )
        # Dagster would number operations of the same name, in the run configuration too.
        operation: Any = copy.op
        renamed = operation.with_replaced_properties(name=operation_name(copy.key))
        copies.append(_with_operation(copy, renamed, copy.specs))
    return copies


def with_parents(asset: dg.AssetsDefinition, parents: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The same asset with further parents, whose values it does not load.

    With Dagster's own way to add parents, `map_asset_specs`, the asset would not load its other parents either.
    """
    (spec,) = asset.specs
    added = {operation_name(parent): parent for parent in parents}
    operation: Any = asset.op
    inputs = {**operation.input_dict, **{name: dg.In(dg.Nothing) for name in added}}
    specs = [spec.replace_attributes(deps=[*spec.deps, *(dg.AssetDep(parent) for parent in parents)])]
    return _with_operation(asset, operation.with_replaced_properties(operation.name, ins=inputs), specs, added)


def _with_operation(
    asset: dg.AssetsDefinition,
    operation: dg.OpDefinition,
    specs: Iterable[dg.AssetSpec],
    added_inputs: Mapping[str, dg.AssetKey] | None = None,
) -> dg.AssetsDefinition:
    return dg.AssetsDefinition(
        keys_by_input_name={**asset.node_keys_by_input_name, **(added_inputs or {})},
        keys_by_output_name=asset.node_keys_by_output_name,
        node_def=operation,
        specs=list(specs),
        check_specs_by_output_name=asset.node_check_specs_by_output_name,
    )


def operation_name(key: dg.AssetKey) -> str:
    """The name of the operation behind an asset, which run configurations and steps use."""
    return "__".join(key.path)


def observe_data_directories(instance: dg.DagsterInstance) -> None:
    """Record a new version of the directory of each data set that has changed and can be read."""
    for located in configured():
        with suppress(DatasetError):  # a run reports what is wrong with the files
            version = data_version(located)
            if version != observed_version(instance, located):
                instance.report_runless_asset_event(observation(located, version))


def look(instance: dg.DagsterInstance, located: Located) -> None:
    """Record the version of the directory of a data set, also if it has not changed: its freshness begins anew."""
    with suppress(DatasetError):
        version = data_version(located)
        instance.report_runless_asset_event(observation(located, version))


def observed_version(instance: dg.DagsterInstance, located: Located) -> str | None:
    """The version of the directory of a data set that Dagster recorded last."""
    return records.data_version(instance.get_latest_materialization_event(located.key(DATA_DIRECTORY)))


def observation(located: Located, version: str) -> dg.AssetMaterialization:
    """The event that records a version of the directory of a data set."""
    metadata: dict[str, Any] = {"path": dg.MetadataValue.path(str(located.directory)), "sha256": version}
    return dg.AssetMaterialization(located.key(DATA_DIRECTORY), tags={DATA_VERSION_TAG: version}, metadata=metadata)


def data_version(located: Located) -> str:
    """The SHA-256 of the checksums of the files; raises a DatasetError if a file can't be read."""
    found = [*datasets.raw_files(located.directory), *located.corrected]
    return hashlib.sha256("".join(file.sha256 for file in found).encode()).hexdigest()
