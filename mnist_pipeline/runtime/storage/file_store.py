"""Where a storage keeps its files: in a local directory, or as objects under a prefix of a bucket.

The name of a file is its path relative to the root, with `/`. Names are the same in a directory and in a bucket, so a
storage stays valid when it is copied from one to the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Protocol

from mnist_pipeline.runtime.storage.contents import Content, Entry

MANIFESTS = "manifests"
LOCK_NAME = ".lock"


class FileStore(Protocol):
    """A set of files by name."""

    @property
    def address(self) -> str:
        """The directory, or the `s3://` address of the prefix."""

    def path(self, name: str) -> str:
        """The path, or the `s3://` address, of a file."""

    def probe(self) -> None:
        """Check that files can be written.

        Raises
        ------
        OSError
            If a directory can't be written.
        UnavailableError
            If a bucket can't be used.
        """

    def write(self, name: str, content: Content) -> None:
        """Write a file completely or not at all; it replaces an existing one."""

    def flush(self, directory: str) -> None:
        """Make the names of the files in a directory survive a power loss."""

    def move(self, source: str, target: str) -> None:
        """Rename a file; it replaces an existing one."""

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""

    def read(self, name: str) -> bytes:
        """The content of a small file.

        Raises
        ------
        OSError
            If it does not exist, or is not a regular file.
        """

    def open(self, name: str, entry: Entry) -> BinaryIO:
        """Open a file for reading, after its size and checksum were verified; the file object has a local path.

        Raises
        ------
        DamageError
            If the file is missing, or differs from its entry.
        """

    def verify(self, name: str, entry: Entry, *, thorough: bool) -> None:
        """Compare a file with its entry; if `thorough`, read all of it where it is stored.

        Raises
        ------
        DamageError
            If the file is missing, or differs from its entry.
        """

    def list_names(self, directories: Iterable[str]) -> Iterator[str]:
        """The names of everything in the directories; the last part of a directory may be `*`."""

    def is_file(self, name: str) -> bool:
        """Whether something that was listed can be removed as a file."""

    def lock(self, on_wait: Callable[[str], object]) -> contextlib.AbstractContextManager[bool]:
        """Lock the store for this process.

        Parameters
        ----------
        on_wait : callable
            Called once with a description of the lock's holder, if that is another process.

        Returns
        -------
        context manager
            Its value is False if this process held the lock already, and True otherwise.
        """

    def lock_holder(self) -> str | None:
        """A description of the process that holds the lock, None if no process does."""
