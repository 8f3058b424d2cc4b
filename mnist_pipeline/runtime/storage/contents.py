"""The files of a storage as they are recorded: content, size, SHA-256; and the errors of reading them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from mnist_pipeline.runtime.storage.files import Writer


class DamageError(Exception):
    """A stored file is not what was stored; the message says which and how."""


class UnavailableError(RuntimeError):
    """Where the results lie does not answer, or refuses; the message says where, what is wrong and what to do."""


@dataclass(frozen=True)
class Entry:
    """A file as recorded: size in bytes and SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Content:
    """What a file is to hold, with size in bytes and SHA-256."""

    writer: Writer
    size: int
    sha256: str

    @classmethod
    def of(cls, writer: Writer) -> Content:
        """The content that a writer writes, which is run once for its checksum."""
        sink = HashingFile()
        writer(cast(BinaryIO, sink))
        return cls(writer, sink.size, sink.sha256.hexdigest())

    @property
    def entry(self) -> Entry:
        """What is recorded of it."""
        return Entry(self.size, self.sha256)


class HashingFile(io.RawIOBase):
    """Takes what is written, keeps its size and checksum, and passes it on to another file, if there is one."""

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        """Take a piece."""
        self.sha256.update(data)
        self.size += len(data)
        if self._file is not None:
            self._file.write(data)
        return len(data)
