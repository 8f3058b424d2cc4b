"""Where the project is, and the names that its settings share with the rest of the code."""

from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[2]
EMBEDDED_DATA = PROJECT / "data"
SCHEME = "s3://"
SQLITE = "sqlite:///"  # before the path of the file, in the address of an MLflow store
PLAIN = "mnist"  # the data set whose asset keys have no prefix


class SettingsError(ValueError):
    """A setting is not valid; the message names the variable, the problem and a remedy."""


class DataSetPlace(NamedTuple):
    """A data set besides MNIST, and the directory of its files."""

    name: str
    directory: Path

    @property
    def prefix(self) -> str:
        """The prefix of its asset keys, groups and jobs, and the name of its directory in the storage."""
        return self.name.replace("-", "_")


def fetched(name: str) -> Path:
    """The directory into which `mnist-pipeline fetch` downloads a data set."""
    return EMBEDDED_DATA / name
