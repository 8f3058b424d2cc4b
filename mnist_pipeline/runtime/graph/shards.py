"""Assets that come in shards: the partitions of the expanded set, and how an asset of the whole set reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import dagster as dg

from mnist_pipeline.runtime import settings

GROUP = "expanded"
MADE_FROM = "shards"  # metadata of an asset of the whole set: the digest of the versions that it was made from
FOLD_NAME = "fold-{:04d}"


def fold_names(count: int) -> list[str]:
    """The names of so many folds."""
    return [FOLD_NAME.format(number) for number in range(count)]


def number_of(fold: str) -> int:
    """The number that a fold's name says."""
    return int(fold.rpartition("-")[2])


FOLDS = dg.StaticPartitionsDefinition(fold_names(settings.of_definitions().folds))


class Shards(Sequence[Any]):
    """The shards of an asset in the order of the folds, each read as it is asked for, and not kept.

    Parameters
    ----------
    versions : mapping from fold to str
        The data version of each.
    read : callable
        Reads the shard of a fold.
    """

    def __init__(self, versions: Mapping[str, str | None], read: Callable[[str], Any]) -> None:
        self._folds, self._read = list(versions), read
        self.digest = digest(versions)

    def __len__(self) -> int:
        return len(self._folds)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            raise TypeError("shards are read one at a time; ask for one by its number")
        return self._read(self._folds[index])

    @classmethod
    def at_hand(cls, values: Sequence[Any]) -> Shards:
        """Shards of values in memory."""
        by_fold = dict(zip(fold_names(len(values)), values, strict=True))
        return cls(dict.fromkeys(by_fold, ""), by_fold.__getitem__)


def digest(versions: Mapping[str, str | None]) -> str:
    """One version for those of all shards: another where a shard has another, is added or is taken away."""
    listed = "\n".join(f"{fold}\t{version}" for fold, version in sorted(versions.items()))
    return hashlib.sha256(listed.encode()).hexdigest()
