"""What storage asks of where its files lie: a directory, or the objects under a prefix of a bucket.

Files have names, paths relative to the root with `/`, the same in a directory and in a bucket: what is copied from one
to the other is a storage again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from assets.files import Writer
from assets.settings import SCHEME

if TYPE_CHECKING:
    from upath import UPath

MANIFESTS = "manifests"
LOCK_NAME = ".lock"  # of who has the place to himself


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


class Place(Protocol):
    """Where files lie."""

    @property
    def root(self) -> Path | UPath:
        """The whole of it; a file's own path is `root / name`."""

    def probe(self) -> None:
        """Try to write there.

        Raises
        ------
        OSError
            If a directory can't be written.
        UnavailableError
            If a bucket can't be used.
        """

    def write(self, name: str, content: Content) -> None:
        """Write a file, whole or not at all, in the place of another one."""

    def flush(self, directory: str) -> None:
        """Make sure that a power loss does not take back the names that were written in a directory."""

    def move(self, source: str, target: str) -> None:
        """Give a file another name, in the place of another one."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def read(self, name: str) -> bytes:
        """A small file.

        Raises
        ------
        OSError
            If there is none, or it is not a file.
        """

    def open(self, name: str, entry: Entry) -> BinaryIO:
        """Open a file to read, a local one that has a path, and only one that is as recorded.

        Raises
        ------
        DamageError
            If it is missing, or another one.
        """

    def verify(self, name: str, entry: Entry, *, thorough: bool) -> None:
        """Require a file to be as recorded; `thorough`, read it whole where it lies.

        Raises
        ------
        DamageError
            If it is missing, or another one.
        """

    def listed(self, directories: Iterable[str]) -> Iterator[str]:
        """The names of what lies in directories; the last part of one may be `*`."""

    def is_file(self, name: str) -> bool:
        """Whether something listed can be removed as a file."""

    def turn(self, on_wait: Callable[[str], object]) -> contextlib.AbstractContextManager[bool]:
        """Have the place to oneself; `on_wait` is told once who has it, if another process does.

        The context is whether it was taken here, False within a process that has it already.
        """

    def holder(self) -> str | None:
        """Which process has the place to itself, None if none has."""


def at(root: str) -> Place:
    """The place that a directory or an address names."""
    if root.startswith(SCHEME):
        from assets.bucket import Bucket

        return Bucket(root)
    from assets.directory import Directory

    return Directory(Path(root))


def forget() -> None:
    """Verify again what this process has verified."""
    from assets import directory

    directory.verified.clear()


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
