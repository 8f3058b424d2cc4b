"""The content of a stored file with its size and SHA-256, and the errors of reading and writing files."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from mnist_pipeline.runtime.storage.files import Writer
from mnist_pipeline.utils.reported import ReportedError

LOCK_NAME = ".lock"
# At the top of a storage.
DIRECTORIES = ("manifests", "records", "assets", "report", "figures", "versions")
MANIFESTS, RECORDS, ASSETS, REPORT, FIGURES, VERSIONS = DIRECTORIES


class DamageError(Exception):
    """A stored file differs from what was stored; the message names the file and the difference."""


class VersionError(DamageError):
    """A stored file has a format that this version of the package does not read; the message names both formats."""


class UnavailableError(ReportedError, RuntimeError):
    """The storage does not answer, or refuses; the message names the storage, the problem and a remedy."""


@dataclass(frozen=True)
class Entry:
    """What a manifest records of a file: its size in bytes and its SHA-256."""

    size: int
    sha256: str

    def difference(self, found: Entry) -> str | None:
        """How a file that was found differs from the recorded one, None if it does not."""
        if found.size != self.size:
            return f"has {found.size:,} bytes instead of {self.size:,}"
        if found.sha256 != self.sha256:
            return f"has the SHA-256 {found.sha256[:16]}… instead of {self.sha256[:16]}…"
        return None


@dataclass(frozen=True)
class Content:
    """The content of a file that is about to be written, and its entry in the manifest."""

    writer: Writer
    entry: Entry

    @classmethod
    def of(cls, writer: Writer) -> Content:
        """The content that a writer produces; the writer runs once to compute size and checksum."""
        sink = HashingFile()
        writer(cast(BinaryIO, sink))
        return cls(writer, sink.entry)

    @classmethod
    def of_bytes(cls, data: bytes) -> Content:
        """The content that consists of these bytes."""
        return cls.of(lambda file: file.write(data))


class HashingFile(io.RawIOBase):
    """Computes size and SHA-256 of everything written to it."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._size = 0

    def write(self, data: Any) -> int:
        """Add a piece."""
        self._sha256.update(data)
        self._size += len(data)
        return len(data)

    @property
    def entry(self) -> Entry:
        """The size and checksum of what was written."""
        return Entry(self._size, self._sha256.hexdigest())
