"""Objects under a prefix of a bucket, with the methods of `Directory`.

Each file is one object. One request writes it; the store carries out the request completely or not at all, after it has
verified the SHA-256 that the request contains. A file that is read is downloaded once, into the local cache.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.storage import files, lease
from mnist_pipeline.runtime.storage.cache import Cache
from mnist_pipeline.runtime.storage.contents import Content, DamageError, Entry, HashingFile, UnavailableError
from mnist_pipeline.runtime.storage.objects import ABSENT, ConflictError, ObjectStore


class Bucket:
    """Files in a bucket, at `s3://BUCKET/PREFIX` or `s3://BUCKET`; every method may raise UnavailableError."""

    is_local = False

    def __init__(self, address: str) -> None:
        configured = settings.load()
        self.address = address
        self._objects = ObjectStore(address)
        self._cache = Cache(configured.cache, int(configured.cache_gb * 1e9))

    def path(self, name: str) -> str:
        return f"{self.address}/{name}"

    def probe(self, *, writes: bool = True) -> None:
        name = f".{uuid.uuid4().hex}{files.TEMPORARY}"
        next(self._objects.list_names("manifests"), None)
        if not writes:
            return
        tag = self._objects.put(name, b"probe", condition=ABSENT)
        try:
            for condition in (ABSENT, f'"{"0" * 32}"'):
                with contextlib.suppress(ConflictError):
                    self._objects.put(name, b"another", condition=condition)
                    raise UnavailableError(
                        f"{self.address} can't be used: its store ignores If-None-Match and If-Match, without which "
                        "two runs could write at once; use a store that supports conditional writes"
                    )
            self._objects.put(name, b"again", condition=tag)
        finally:
            self._objects.remove(name)

    def write(self, name: str, content: Content, *, flush: bool = True) -> None:
        lease.require_not_lost(self.address)
        with self._cache.add(content.entry) as file:  # what this machine wrote is not downloaded again
            content.writer(file)
            file.seek(0)
            self._objects.put(name, file, sha256=content.entry.sha256)

    def flush(self, directory: str) -> None:
        pass  # what the store has acknowledged survives

    def move(self, source: str, target: str) -> None:
        lease.require_not_lost(self.address)
        self._objects.copy(source, target)
        self._objects.remove(source)

    def link(self, source: str, target: str) -> None:
        lease.require_not_lost(self.address)
        if self._objects.head(target) is None:
            self._objects.copy(source, target)

    def remove(self, name: str) -> None:
        lease.require_not_lost(self.address)
        self._objects.remove(name)

    def read(self, name: str) -> bytes:
        found = self._objects.get(name)
        if found is None:
            raise FileNotFoundError(self.path(name))
        return found.data

    def open(self, name: str, entry: Entry) -> BinaryIO:
        file = self._cache.open(entry)
        if file is not None:
            return file
        with self._cache.add(entry) as copy:
            self._download(name, entry, copy)
        file = self._cache.open(entry)
        if file is None:
            raise DamageError(f"{self.path(name)} was removed from the cache while it was read")
        return file

    def verify(self, name: str, entry: Entry, *, thorough: bool) -> None:
        # Unless `thorough`, the checksum that the store keeps is trusted.
        if thorough or self._objects.head(name) != entry:
            self._download(name, entry)

    def list_names(self, directories: Iterable[str]) -> Iterator[str]:
        for directory in dict.fromkeys(pattern.partition("/")[0] for pattern in directories):
            yield from self._objects.list_names(directory)

    def lock(self, on_wait: Callable[[str], object]) -> contextlib.AbstractContextManager[bool]:
        return lease.lock(self._objects, on_wait)

    def lock_holder(self) -> str | None:
        return lease.lock_holder(self._objects)

    def _download(self, name: str, entry: Entry, copy: BinaryIO | None = None) -> None:
        """Download and verify an object, into a file or only to compute its checksum."""
        sink = HashingFile()
        try:
            for block in self._objects.download(name):
                sink.write(block)
                if copy is not None:
                    copy.write(block)
        except FileNotFoundError:
            raise DamageError(f"{self.path(name)} can't be read (there is no such object)") from None
        if reason := entry.difference(sink.entry):
            raise DamageError(f"{self.path(name)} {reason}")
