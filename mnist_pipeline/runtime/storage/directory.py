"""A local directory as the place of files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from mnist_pipeline.runtime.storage import files
from mnist_pipeline.runtime.storage.contents import Content, DamageError, Entry
from mnist_pipeline.runtime.storage.file_store import LOCK_NAME

BLOCK = 1 << 20
# A file changed twice within a tick of the file system's clock has one time of change.
CLOCK_TICK_NS = 50_000_000

# Of files written or verified by this process: device, inode, size, time of change; and the checksum found.
verified: dict[tuple[int, int, int, int], str] = {}


class Directory:
    """Files under a local directory; see `file_store.FileStore`.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def probe(self) -> None:
        """Make the directory, and a file in it."""
        self.root.mkdir(parents=True, exist_ok=True)
        probe = self.root / f".{uuid.uuid4().hex}{files.TEMPORARY}"
        probe.touch()
        probe.unlink()

    def write(self, name: str, content: Content) -> None:
        """Write a file to the disk under a name of its own, and rename it; to this process it is verified."""
        path = self.root / name
        self._clear_way(path)
        files.write(path, content.writer)
        verified[_identity(path.stat())] = content.sha256

    def flush(self, directory: str) -> None:
        """Bring the names in a directory to the disk."""
        files.flush_directory(self.root / directory)

    def move(self, source: str, target: str) -> None:
        """Rename a file; a directory in the way is removed first."""
        files.move(self.root / source, self.root / target)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.root / name).unlink(missing_ok=True)

    def read(self, name: str) -> bytes:
        """A small file; no link is followed."""
        with files.open_plain(self.root / name) as file:
            return file.read()

    def open(self, name: str, entry: Entry) -> BinaryIO:
        """Open a file that is as recorded; one that this process has verified is not read again for it."""
        path = self.root / name
        if self._is_below_first_level(path.parent) and path.parent.is_symlink():
            raise DamageError(f"{path.parent} is a link")
        try:
            file = files.open_plain(path)
        except OSError as error:
            raise DamageError(f"{path} can't be read ({error.strerror})") from error
        reason = difference(file, entry)
        if reason is not None:
            file.close()
            raise DamageError(f"{path} {reason}")
        return file

    def verify(self, name: str, entry: Entry, *, thorough: bool) -> None:
        """Require a file to be as recorded; what this process has verified, until it forgets, is not read again."""
        self.open(name, entry).close()

    def listed(self, directories: Iterable[str]) -> Iterator[str]:
        """What lies in directories; not through a link below the first level."""
        for directory in (found for pattern in directories for found in self.root.glob(pattern)):
            if directory.is_dir() and not (directory.is_symlink() and self._is_below_first_level(directory)):
                yield from (str(path.relative_to(self.root)) for path in directory.iterdir())

    def is_file(self, name: str) -> bool:
        """Whether it is no directory."""
        return not (self.root / name).is_dir()

    def lock(self, on_wait: Callable[[str], object]) -> contextlib.AbstractContextManager[bool]:
        """Hold the lock file, which the kernel releases when the process ends."""
        return files.lock(self.root / LOCK_NAME, on_wait)

    def lock_holder(self) -> str | None:
        """Who holds the lock file."""
        return files.lock_holder(self.root / LOCK_NAME)

    def _clear_way(self, path: Path) -> None:
        """Remove a link, or a file, in the place of the directory of figures of an asset."""
        directory = path.parent
        if self._is_below_first_level(directory) and (directory.is_symlink() or directory.is_file()):
            directory.unlink()

    def _is_below_first_level(self, directory: Path) -> bool:
        return directory.parent != self.root


def forget_verified() -> None:
    """Verify every file again that this process has verified before."""
    verified.clear()


def difference(file: BinaryIO, entry: Entry) -> str | None:
    """How an open file differs from its entry, None if it doesn't."""
    state = os.fstat(file.fileno())
    if state.st_size != entry.size:
        return another_size(state.st_size, entry)
    identity = _identity(state)
    found = verified.get(identity)
    if found is None:
        found = _checksum(file)
        if time.time_ns() - state.st_mtime_ns > CLOCK_TICK_NS:
            verified[identity] = found
    return None if found == entry.sha256 else another_checksum(found, entry)


def _identity(state: os.stat_result) -> tuple[int, int, int, int]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def another_size(size: int, entry: Entry) -> str:
    """What is said of a file of the wrong size."""
    return f"has {size:,} bytes instead of {entry.size:,}"


def another_checksum(sha256: str, entry: Entry) -> str:
    """What is said of a file of the wrong content."""
    return f"has the SHA-256 {sha256[:16]}… instead of {entry.sha256[:16]}…"


def _checksum(file: BinaryIO) -> str:
    sha256 = hashlib.sha256()
    block = memoryview(bytearray(BLOCK))
    while count := file.readinto(block):  # type: ignore[attr-defined]
        sha256.update(block[:count])
    file.seek(0)
    return sha256.hexdigest()
