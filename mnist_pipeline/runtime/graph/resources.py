"""What assets read besides their inputs: the seed, the files of the data set, the inbox, and stored
results.
"""

from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
from pydantic import Field

from mnist_pipeline.data.catalogue import KNOWN, MNIST, DataSet, described
from mnist_pipeline.models import STORED
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph.records import origins
from mnist_pipeline.runtime.project import REPORT
from mnist_pipeline.runtime.storage import history
from mnist_pipeline.runtime.storage.storage import Storage, StorageError


def step_context() -> dg.AssetExecutionContext | None:
    """The context of the step that runs, None in a function called directly."""
    try:
        context = dg.AssetExecutionContext.get()
    except dg.DagsterInvariantViolationError:
        return None
    return context if isinstance(context, dg.AssetExecutionContext) else None


class Seed(dg.ConfigurableResource["Seed"]):
    """Seeds every random draw of the graph.

    On the same machine, the same seed gives the same bytes.
    """

    value: int = Field(0, ge=0, lt=2**32, description="Seed of initial weights, splits and orders.")


class DataSetResource(dg.ConfigurableResource["DataSetResource"]):
    """The data set that the graph reads."""

    directory: str | None = Field(
        default=None,
        description="Directory or file of the images; by default the one that MNIST_PIPELINE_DATA "
        "names.",
    )

    @property
    def path(self) -> Path:
        """The directory or file of the images."""
        return Path(self.directory).absolute() if self.directory else settings.load().data

    @property
    def canonical(self) -> bool:
        """Whether the files must be the embedded MNIST, whose checksums are known."""
        return self.path.resolve() == settings.EMBEDDED_DATA.resolve()

    @property
    def known(self) -> DataSet:
        """The data set of the catalogue with the name of the directory, or a data set of the user's
        own.
        """
        return (
            MNIST if self.canonical else KNOWN.get(self.path.name, DataSet("own", self.path.name))
        )

    @property
    def described(self) -> DataSet:
        """The data set with the names of its classes, which are read from the files of a user's own
        data set.
        """
        return described(self.known, self.path)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class, by label."""
        return self.described.class_names


class StoredResults(dg.ConfigurableResource["StoredResults"]):
    """Stored results that an asset reads without an input, because they may not exist yet."""

    root: str | None = Field(
        default=None,
        description="Directory, or an address such as s3://BUCKET/PREFIX; by default the setting.",
    )

    @property
    def storage(self) -> Storage:
        """The storage of the results."""
        return Storage(self.root or settings.load().storage)

    @property
    def report(self) -> dg.MetadataValue[Any]:
        """Where people find the report: its page in the server of this project, or its file in
        another storage.
        """
        if self.root is None:
            return dg.MetadataValue.url(REPORT)
        return dg.MetadataValue.path(str(self.storage.path / "report" / "index.html"))

    def previous(self, name: str, of: str | None = None) -> Any | None:
        """The stored value of an asset, which the current run is about to replace; None if there is
        none to use.

        With `of`, only a value that was computed from the current value of this other asset is
        used.
        """
        try:
            if of and self.storage.origin(name).get("inputs", {}).get(of) != self.storage.current(
                of
            ):
                return None
            return self.storage.read(name)
        except StorageError:
            return None

    def origins(self, names: list[str]) -> dict[str, dict[str, Any]]:
        """Where the current values of assets come from; see `records.origins`."""
        return origins(self.storage, names)

    def origin(self, name: str) -> dict[str, Any]:
        """Where the current value of an asset comes from."""
        return self.origins([name])[name]

    def since_last_run(self, true_labels: np.ndarray) -> dict[str, Any] | None:
        """What the last run that trained models changed, None if there was no run before it."""
        return history.since_last_run(self.storage, [*STORED, "champion"], true_labels)
