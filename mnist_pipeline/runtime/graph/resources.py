"""What assets read besides their inputs: the seed, the files of a data set, and stored results."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
from pydantic import Field

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph import data_sets, history
from mnist_pipeline.runtime.graph.records import INPUT_VERSION_TAG, origins, tags_of
from mnist_pipeline.runtime.storage import storage


class Seed(dg.ConfigurableResource["Seed"]):
    """Seeds every random draw of the graph. On the same machine, the same seed gives the same bytes."""

    value: int = Field(0, ge=0, lt=2**32, description="Seed of initial weights, splits and orders.")


class DataSetResource(dg.ConfigurableResource["DataSetResource"]):
    """The data set with the prefix of the running asset; with plain keys for an asset that a test calls directly."""

    directory: str | None = Field(
        default=None,
        description="Path of the data set with plain keys; by default the one that MNIST_PIPELINE_DATA names.",
    )

    @property
    def located(self) -> data_sets.Located:
        """The data set with its directory and prefix."""
        loaded = settings.load()
        if self.directory is not None:
            loaded = loaded.model_copy(update={"data": Path(os.path.realpath(self.directory))})
        context = data_sets.step_context()
        return data_sets.of_prefix(data_sets.prefix_of(context.asset_key) if context else None, loaded)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class, by label; read from the files of a data set of your own."""
        return self.located.described.class_names

    @property
    def canonical(self) -> bool:
        """Whether the files must be the embedded MNIST, whose checksums are known."""
        return self.located.canonical


class StoredResults(dg.ConfigurableResource["StoredResults"]):
    """Stored results that an asset reads without an input, because they may not exist yet."""

    root: str | None = Field(
        default=None,
        description="Directory, or s3://BUCKET/PREFIX; by default the one that MNIST_PIPELINE_STORAGE names.",
    )

    def previous(self, key: dg.AssetKey, of: dg.AssetKey | None = None) -> Any | None:
        """The stored value of an asset, which the current run is about to replace; None if there is none to use.

        With `of`, only a value that was computed from the present value of this other asset is used.
        """
        context = data_sets.step_context()
        if of is not None and context is not None:
            event = context.instance.get_latest_materialization_event(key)
            if tags_of(event).get(INPUT_VERSION_TAG.format(of.to_user_string())) != self.origin(of)["data_version"]:
                return None
        try:
            stored, name = storage.of_asset(key.to_user_string(), self.root)
            return stored.read_usable(name)
        except storage.StorageError:
            return None

    def origin(self, key: dg.AssetKey) -> dict[str, Any]:
        """What Dagster recorded last for an asset; see `records.origins`. It is empty outside a run."""
        context = data_sets.step_context()
        return origins(context.instance, [key])[key] if context else {}

    def since_last_run(
        self, instance: dg.DagsterInstance, assets: Iterable[str], true_labels: np.ndarray, prefix: str | None
    ) -> dict[str, Any] | None:
        """What the last run that trained models changed, None if there was no run before it."""
        return history.since_last_run(instance, assets, true_labels, prefix)

    def recorded(self, instance: dg.DagsterInstance, key: dg.AssetKey) -> Any | None:
        """The value that Dagster recorded last for an asset, None if there is no record.

        It raises a StorageError if another value is stored, or none.
        """
        version = origins(instance, [key])[key]["data_version"]
        stored, name = storage.of_asset(key.to_user_string(), self.root)
        return None if version is None else stored.read(name, version)
