"""What storage asks of where its files lie: a directory, or the objects under a prefix of a bucket.

Files have names, paths relative to the root with `/`, the same in a directory and in a bucket: what is copied from one
to the other is a storage again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from mnist_pipeline.runtime.storage.contents import Content, Entry

if TYPE_CHECKING:
    from upath import UPath

MANIFESTS = "manifests"
LOCK_NAME = ".lock"  # of who has the place to himself


class FileStore(Protocol):
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

    def lock(self, on_wait: Callable[[str], object]) -> contextlib.AbstractContextManager[bool]:
        """Have the place to oneself; `on_wait` is told once who has it, if another process does.

        The context is whether it was taken here, False within a process that has it already.
        """

    def lock_holder(self) -> str | None:
        """Which process has the place to itself, None if none has."""
