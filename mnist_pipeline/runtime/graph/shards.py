"""Shards: the static partitions of an asset, and the sequence in which an asset without partitions reads them.

A group of assets with shards is computed on request. Its shards are distributed over workers, one run per shard.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

MADE_FROM = "shards"  # metadata of an asset that reads shards: the digest of the shards that it was computed from


def shard_names(partitions: dg.PartitionsDefinition | None) -> Sequence[str]:
    """The names of an asset's shards, none if it has no static partitions."""
    return partitions.get_partition_keys() if isinstance(partitions, dg.StaticPartitionsDefinition) else []


class Shards(Sequence[Any]):
    """The shards of an asset, in the order of their names. Each access reads a shard; none stays in memory."""

    def __init__(self, versions: Mapping[str, str | None], read: Callable[[str], Any]) -> None:
        self.names, self._read = list(versions), read
        self.digest = digest(versions)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise TypeError("shards are read one at a time; use the number of a shard instead of a slice")
        return self._read(self.names[index])


def digest(versions: Mapping[str, str | None]) -> str:
    """A digest of the versions of all shards. It changes if a shard changes, is added or is removed."""
    listed = "\n".join(f"{shard}\t{version}" for shard, version in sorted(versions.items()))
    return hashlib.sha256(listed.encode()).hexdigest()
