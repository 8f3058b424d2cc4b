"""Objects under a prefix of a bucket as the place of files.

Each file is one object, put by one request, which the store carries out whole or not at all, after it has verified the
SHA-256 that goes with it. What is read is downloaded once, into the local cache of contents.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, cast

from upath import UPath

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.storage import files, lease
from mnist_pipeline.runtime.storage.cache import Cache
from mnist_pipeline.runtime.storage.contents import Content, DamageError, Entry, HashingFile, UnavailableError
from mnist_pipeline.runtime.storage.directory import another_checksum, another_size
from mnist_pipeline.runtime.storage.file_store import MANIFESTS
from mnist_pipeline.runtime.storage.objects import ABSENT, ConflictError, ObjectStore


class Bucket:
    """Files in a bucket; see `file_store.FileStore`.

    Parameters
    ----------
    address : str
        `s3://BUCKET/PREFIX`, or `s3://BUCKET`.
    """

    def __init__(self, address: str) -> None:
        configured = settings.load()
        self.root = UPath(address)
        self._objects = ObjectStore(address)
        self._cache = Cache(configured.cache, configured.cache_bytes)

    def probe(self) -> None:
        """List, put and remove; a store without conditions could not keep two runs apart."""
        name = f".{uuid.uuid4().hex}{files.TEMPORARY}"
        next(self._objects.listed(MANIFESTS), None)
        tag = self._objects.put(name, b"probe", condition=ABSENT)
        try:
            for condition in (ABSENT, f'"{"0" * 32}"'):
                with contextlib.suppress(ConflictError):
                    self._objects.put(name, b"another", condition=condition)
                    raise UnavailableError(
                        f"{self.root} can't be used: its store ignores If-None-Match and If-Match, which keep two runs "
                        "apart; use one that knows them"
                    )
            self._objects.put(name, b"again", condition=tag)
        finally:
            self._objects.remove(name)

    def write(self, name: str, content: Content) -> None:
        """Put an object from a local file, which stays in the cache."""
        lease.require(self._objects.address)
        with self._cache.filling(content.entry) as file:
            content.writer(file)
            file.seek(0)
            self._objects.put(name, file, sha256=content.sha256)

    def flush(self, directory: str) -> None:
        """Nothing is left to do: the store has what it said that it has."""

    def move(self, source: str, target: str) -> None:
        """Copy an object within the store, and remove it."""
        lease.require(self._objects.address)
        self._objects.copy(source, target)
        self._objects.remove(source)

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        lease.require(self._objects.address)
        self._objects.remove(name)

    def read(self, name: str) -> bytes:
        """A small object."""
        found = self._objects.get(name)
        if found is None:
            raise FileNotFoundError(str(self.root / name))
        return found.data

    def open(self, name: str, entry: Entry) -> BinaryIO:
        """Open the local copy of a content; where there is none, the object is downloaded."""
        file = self._cache.open(entry)
        if file is not None:
            return file
        with self._cache.filling(entry) as copy:
            self._download(name, entry, copy)
        file = self._cache.open(entry)
        if file is None:
            raise DamageError(f"{self.root / name} was removed from the cache as it was read")
        return file

    def verify(self, name: str, entry: Entry, *, thorough: bool) -> None:
        """Require an object to be as recorded: `thorough`, by downloading it, else by the checksum of the store."""
        head = None if thorough else self._objects.head(name)
        if head is not None and head.size == entry.size and head.sha256 == entry.sha256:
            return
        self._download(name, entry, None)

    def listed(self, directories: Iterable[str]) -> Iterator[str]:
        """The names of the objects under directories, in whatever depth."""
        for directory in dict.fromkeys(pattern.partition("/")[0] for pattern in directories):
            yield from self._objects.listed(directory)

    def is_file(self, name: str) -> bool:
        """Every object is."""
        return True

    def lock(self, on_wait: Callable[[str], object]) -> contextlib.AbstractContextManager[bool]:
        """Hold the lease of the storage."""
        return lease.lock(self._objects, on_wait)

    def lock_holder(self) -> str | None:
        """Who holds the lease."""
        return lease.lock_holder(self._objects)

    def _download(self, name: str, entry: Entry, copy: BinaryIO | None) -> None:
        """Download an object that is as recorded, into a file or for its checksum only."""
        sink = HashingFile(copy)
        try:
            size = self._objects.download(name, entry.size, cast(BinaryIO, sink))
        except FileNotFoundError:
            raise DamageError(f"{self.root / name} can't be read (there is no such object)") from None
        if size != entry.size:
            raise DamageError(f"{self.root / name} {another_size(size, entry)}")
        found = sink.sha256.hexdigest()
        if found != entry.sha256:
            raise DamageError(f"{self.root / name} {another_checksum(found, entry)}")
