"""Where a storage keeps its files: here in a local directory, in `bucket` as objects, with the same methods.

The name of a file is its path relative to the root, with `/`. Names are the same in a directory and in a bucket, so a
storage stays valid when it is copied from one to the other.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from mnist_pipeline.runtime.storage import files
from mnist_pipeline.runtime.storage.contents import (
    DIRECTORIES,
    LOCK_NAME,
    Content,
    DamageError,
    Entry,
    HashingFile,
    UnavailableError,
)

BLOCK = 1 << 20
MAX_SMALL = 1 << 20  # bytes of a manifest; it has some hundreds
# A file that is changed twice within a tick of the file system's clock keeps its modification time.
CLOCK_TICK_NS = 50_000_000

# The entries of files that this process has written or verified, by device, inode, size and modification time.
_verified: dict[tuple[int, int, int, int], Entry] = {}


class Directory:
    """Files under a local directory."""

    is_local = True  # whether reading costs no transfer

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> str:
        """The path, or the `s3://` address, of a file."""
        return str(self.root / name)

    def probe(self, *, writes: bool = True) -> None:
        """Check that files can be read, and written if the command `writes`.

        Raises OSError if a directory can't be written, UnavailableError if the store can't be used.
        """
        if writes:
            self.root.mkdir(parents=True, exist_ok=True)
        for path in (self.root, *(self.root / name for name in DIRECTORIES)):
            if os.path.lexists(path) and not path.is_dir():
                raise UnavailableError(f"{path} is not a directory; remove or rename it")
        if not writes:
            return
        probe = self.root / f".{uuid.uuid4().hex}{files.TEMPORARY}"
        probe.touch()
        probe.unlink()

    def write(self, name: str, content: Content, *, flush: bool = True) -> None:
        """Write a file completely or not at all; it replaces an existing one. See `files.write` for `flush`."""
        path = self.root / name
        is_directory = path.parent.is_dir() and not path.parent.is_symlink()
        if self._is_below_first_level(path.parent) and not is_directory:
            path.parent.unlink(missing_ok=True)  # it is in the way of the directory for an asset's figures
        files.write(path, content.writer, flush=flush)
        _verified[_identity(path.stat())] = content.entry  # no need to read it again

    def flush(self, directory: str) -> None:
        """Make the names of the files in a directory survive a power loss."""
        files.flush_directory(self.root / directory)

    def move(self, source: str, target: str) -> None:
        """Rename a file; it replaces an existing one."""
        files.move(self.root / source, self.root / target)

    def link(self, source: str, target: str) -> None:
        """Give a file a second name, or copy it where the file system has no links; it replaces an existing file."""
        path = self.root / target
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}{files.TEMPORARY}"
        try:
            temporary.hardlink_to(self.root / source)
        except OSError:
            with files.open_regular(self.root / source) as file:
                files.write(path, lambda copy: shutil.copyfileobj(file, copy, BLOCK))
            return
        files.move(temporary, path)
        temporary.unlink(missing_ok=True)  # nothing is moved if both names are of the same file

    def remove(self, name: str) -> None:
        """Remove a file, if it exists; no writer of ours creates a directory with such a name."""
        with contextlib.suppress(IsADirectoryError):
            (self.root / name).unlink(missing_ok=True)

    def read(self, name: str) -> bytes:
        """The content of a small file; raises OSError if it does not exist, or is not a regular file."""
        with files.open_regular(self.root / name) as file:
            content = file.read(MAX_SMALL + 1)
        if len(content) > MAX_SMALL:
            raise OSError(errno.EFBIG, f"it has more than {MAX_SMALL:,} bytes", name)
        return content

    def open(self, name: str, entry: Entry) -> BinaryIO:
        """Open a file for reading after a comparison with its entry; the file object has a local path.

        Raises DamageError if the file is missing, or differs from its entry.
        """
        path = self.root / name
        try:
            if self._is_below_first_level(path.parent) and path.parent.is_symlink():
                raise DamageError(f"{path.parent} is a link")
            file = files.open_regular(path)
        except OSError as error:
            raise DamageError(f"{path} can't be read ({error.strerror})") from error
        if reason := difference(file, entry):
            file.close()
            raise DamageError(f"{path} {reason}")
        return file

    def verify(self, name: str, entry: Entry, *, thorough: bool) -> None:
        """Raise DamageError if a file is missing or differs; a bucket reads all of it only if `thorough`."""
        self.open(name, entry).close()

    def list_names(self, directories: Iterable[str]) -> Iterator[str]:
        """The names of everything in the directories; the last part of a directory may be `*`."""
        try:
            for directory in (found for pattern in directories for found in self.root.glob(pattern)):
                if directory.is_dir() and not (directory.is_symlink() and self._is_below_first_level(directory)):
                    yield from (str(path.relative_to(self.root)) for path in directory.iterdir())
        except PermissionError as error:
            raise UnavailableError(
                f"{error.filename} can't be read ({error.strerror}); change its permissions, or remove it"
            ) from error

    def lock(self, on_wait: Callable[[str], object]) -> contextlib.AbstractContextManager[bool]:
        """Lock the store for this process; the value is False if this process had the lock already.

        If another process holds the lock, `on_wait` is called once with a description of that process.
        """
        return files.lock(self.root / LOCK_NAME, on_wait)

    def lock_holder(self) -> str | None:
        """A description of the process that holds the lock, None if no process does."""
        return files.lock_holder(self.root / LOCK_NAME)

    def _is_below_first_level(self, directory: Path) -> bool:
        return directory.parent != self.root


def forget_verified() -> None:
    """Verify every file again, even if this process has verified it before."""
    _verified.clear()


def difference(file: BinaryIO, entry: Entry) -> str | None:
    """How an open file differs from its entry, None if it doesn't."""
    state = os.fstat(file.fileno())
    found = _verified.get(_identity(state))
    if found is None:
        if state.st_size != entry.size:
            return entry.difference(Entry(state.st_size, ""))
        sink = HashingFile()
        shutil.copyfileobj(file, cast(BinaryIO, sink), BLOCK)
        file.seek(0)
        found = sink.entry
        if time.time_ns() - state.st_mtime_ns > CLOCK_TICK_NS:
            _verified[_identity(state)] = found
    return entry.difference(found)


def _identity(state: os.stat_result) -> tuple[int, int, int, int]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
