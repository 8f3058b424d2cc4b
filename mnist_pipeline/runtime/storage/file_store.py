"""Where a storage keeps its files: in a local directory, or as objects under a prefix of a bucket.

The name of a file is its path relative to the root, with `/`. Names are the same in a directory and in a bucket, so a
storage stays valid when it is copied from one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from mnist_pipeline.runtime.storage.contents import Content, Entry

MANIFESTS = "manifests"
LOCK_NAME = ".lock"


class FileStore(Protocol):
    """A set of files by name; a bucket that can't be used raises UnavailableError in every method."""

    def path(self, name: str) -> str:
        """The path, or the `s3://` address, of a file."""

    def probe(self) -> None:
        """Check that files can be written; raises OSError if a directory can't be written."""

    def write(self, name: str, content: Content) -> None:
        """Write a file completely or not at all; it replaces an existing one."""

    def flush(self, directory: str) -> None:
        """Make the names of the files in a directory survive a power loss."""

    def move(self, source: str, target: str) -> None:
        """Rename a file; it replaces an existing one."""

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""

    def read(self, name: str) -> bytes:
        """The content of a small file; raises OSError if it does not exist, or is not a regular file."""

    def open(self, name: str, entry: Entry) -> BinaryIO:
        """Open a file for reading after a comparison with its entry; the file object has a local path.

        Raises DamageError if the file is missing, or differs from its entry.
        """

    def verify(self, name: str, entry: Entry, *, thorough: bool) -> None:
        """Raise DamageError if a file is missing or differs from its entry.

        If `thorough`, all of the file is read where it is stored.
        """

    def list_names(self, directories: Iterable[str]) -> Iterator[str]:
        """The names of everything in the directories; the last part of a directory may be `*`."""

    def is_file(self, name: str) -> bool:
        """Whether something that was listed can be removed as a file."""

    def lock(self, on_wait: Callable[[str], object]) -> AbstractContextManager[bool]:
        """Lock the store for this process; the value is False if this process had the lock already.

        If another process holds the lock, `on_wait` is called once with a description of that process.
        """

    def lock_holder(self) -> str | None:
        """A description of the process that holds the lock, None if no process does."""
