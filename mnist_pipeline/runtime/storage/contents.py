"""The content of a stored file with its size and SHA-256, and the errors of reading and writing files."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from mnist_pipeline.runtime.storage.files import Writer


class DamageError(Exception):
    """A stored file differs from what was stored; the message names the file and the difference."""


class UnavailableError(RuntimeError):
    """The storage does not answer, or refuses; the message names the storage, the problem and a remedy."""


@dataclass(frozen=True)
class Entry:
    """What a manifest records of a file: its size in bytes and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Content:
    """The content of a file that is about to be written, with its size in bytes and its SHA-256."""

    writer: Writer
    size: int
    sha256: str

    @classmethod
    def of(cls, writer: Writer) -> Content:
        """The content that a writer produces; the writer runs once to compute size and checksum."""
        sink = HashingFile()
        writer(cast(BinaryIO, sink))
        return cls(writer, sink.size, sink.sha256.hexdigest())

    @classmethod
    def of_bytes(cls, data: bytes) -> Content:
        """The content that consists of these bytes."""
        return cls(lambda file: file.write(data), len(data), hashlib.sha256(data).hexdigest())

    @property
    def entry(self) -> Entry:
        """What the manifest records."""
        return Entry(self.size, self.sha256)


class HashingFile(io.RawIOBase):
    """Computes size and SHA-256 of everything written to it, and passes it on to another file, if there is one."""

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        """Add a piece."""
        self.sha256.update(data)
        self.size += len(data)
        if self._file is not None:
            self._file.write(data)
        return len(data)
