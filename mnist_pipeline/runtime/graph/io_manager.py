"""The IO manager, which stores the values of assets and loads them as inputs."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from mnist_pipeline.runtime.graph import history
from mnist_pipeline.runtime.graph.records import recorded_versions, versions_of_partitions
from mnist_pipeline.runtime.graph.run_lock import end_with_parent
from mnist_pipeline.runtime.graph.shards import Shards
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.storage import Prepared
from mnist_pipeline.utils import machine

# The last value that an asset of this process returned, and its encoding together with the figures. Dagster passes only
# the value to the IO manager. If another IO manager stores the value, the encoding stays until the next asset returns.
_returned: ContextVar[tuple[object, Prepared] | None] = ContextVar("returned", default=None)


def encode(
    context: dg.AssetExecutionContext | dg.OutputContext, value: object, figures: Mapping[str, bytes] | None = None
) -> Prepared:
    """Encode the value of an asset and its figures, and keep them until the IO manager stores that value."""
    _, key = storage.of_asset(context.asset_key.to_user_string())
    partition = context.partition_key if context.has_partition_key else None
    prepared = storage.prepare(storage.stored_key(key, partition), value, figures)
    _returned.set((value, prepared))
    return prepared


class StorageIOManager(dg.ConfigurableIOManager):
    """Stores one value per asset, or per partition of an asset, with its figures."""

    root: str | None = Field(
        default=None,
        description="Directory, or s3://BUCKET/PREFIX; by default the one that MNIST_PIPELINE_STORAGE names.",
    )
    _instance: dg.DagsterInstance | None = PrivateAttr(default=None)
    # The data version that Dagster recorded last for each asset; read once, because no other run writes meanwhile.
    _recorded: dict[str, str] | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Let a process of the multiprocess executor end with the run, whose process has the storage lock."""
        end_with_parent()
        self._instance = context.instance

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Store the value of an asset; record the paths of its files and its size."""
        returned = _returned.get()
        prepared = returned[1] if returned and returned[0] is obj else encode(context, obj)
        _returned.set(None)
        asset = context.asset_key.to_user_string()
        stored, _ = storage.of_asset(asset, self.root)
        shown: dict[str, Any] = {"bytes": dg.MetadataValue.int(prepared.size)}
        if self._instance and (context.definition_metadata or {}).get(history.FORMER_VALUES):
            path, former = history.publish(self._instance, context.asset_key, stored, prepared)
            shown[history.LIBRARIES] = dg.MetadataValue.json(machine.library_versions())
        else:
            path, former = stored.publish(prepared), None
        if self._recorded is not None:
            self._recorded.pop(asset, None)
        paths = {"path": path, **{f"{name}_file": stored.figure_path(prepared.key, name) for name in prepared.figures}}
        if former:
            paths["former_value"] = former
        shown |= {name: dg.MetadataValue.path(each) for name, each in paths.items()}
        context.add_output_metadata(shown)

    def load_input(self, context: dg.InputContext) -> Any:
        """Load the value of an asset; raise an error if it can't be used, or Dagster recorded another data version.

        An asset with the same partitions gets the matching partition, any other asset gets `Shards` of all partitions.
        """
        asset = context.asset_key.to_user_string()
        stored, name = storage.of_asset(asset, self.root)
        if not context.has_asset_partitions:
            return stored.read_usable(name, self._recorded_versions(context).get(asset))
        versions = versions_of_partitions(context.instance, context.asset_key, context.asset_partition_keys)
        if context.has_partition_key:
            ((partition, version),) = versions.items()
            return stored.read_usable(storage.stored_key(name, partition), version)

        def load(partition: str) -> Any:
            return stored.read_usable(storage.stored_key(name, partition), versions[partition])

        return Shards(versions, load)

    def _recorded_versions(self, context: dg.InputContext) -> dict[str, str]:
        """The data version of each asset; empty outside a run if no Dagster instance is configured."""
        if self._recorded is None:
            try:
                self._recorded = recorded_versions(context.instance)
            except dg.DagsterInvariantViolationError:
                self._recorded = {}
        return self._recorded
