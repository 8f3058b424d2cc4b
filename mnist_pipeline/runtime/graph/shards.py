"""The partitions of the expanded set (its folds), and the sequence in which an asset of the whole set reads them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from mnist_pipeline.runtime import settings

GROUP = "expanded"
MADE_FROM = "shards"  # metadata of an asset of the whole set: the digest of the shards that it was computed from


def fold_names(count: int) -> list[str]:
    """The names of a number of folds."""
    return [f"fold-{number:04d}" for number in range(count)]


def number_of(fold: str) -> int:
    """The number in the name of a fold."""
    return int(fold.rpartition("-")[2])


FOLDS = dg.StaticPartitionsDefinition(fold_names(settings.of_definitions().folds))


class Shards(Sequence[Any]):
    """The shards of an asset, in the order of the folds. Each access reads a shard; none stays in memory."""

    def __init__(self, versions: Mapping[str, str | None], read: Callable[[str], Any]) -> None:
        self._folds, self._read = list(versions), read
        self.digest = digest(versions)

    def __len__(self) -> int:
        return len(self._folds)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise TypeError("shards are read one at a time; use the number of a shard instead of a slice")
        return self._read(self._folds[index])


def digest(versions: Mapping[str, str | None]) -> str:
    """A digest of the versions of all shards. It changes if a shard changes, is added or is removed."""
    listed = "\n".join(f"{fold}\t{version}" for fold, version in sorted(versions.items()))
    return hashlib.sha256(listed.encode()).hexdigest()
