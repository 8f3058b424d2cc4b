"""A local directory as file store."""

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
from mnist_pipeline.runtime.storage.file_store import LOCK_NAME, FileStore

BLOCK = 1 << 20
# A file that is changed twice within a tick of the file system's clock keeps its modification time.
CLOCK_TICK_NS = 50_000_000

# The checksums of files that this process has written or verified, by device, inode, size and modification time.
_verified: dict[tuple[int, int, int, int], str] = {}


class Directory(FileStore):
    """Files under a local directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> str:
        return str(self.root / name)

    def probe(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        probe = self.root / f".{uuid.uuid4().hex}{files.TEMPORARY}"
        probe.touch()
        probe.unlink()

    def write(self, name: str, content: Content) -> None:
        path = self.root / name
        if self._is_below_first_level(path.parent) and (path.parent.is_symlink() or path.parent.is_file()):
            path.parent.unlink()  # it is in the way of the directory for an asset's figures
        files.write(path, content.writer)
        _verified[_identity(path.stat())] = content.sha256  # no need to read it again

    def flush(self, directory: str) -> None:
        files.flush_directory(self.root / directory)

    def move(self, source: str, target: str) -> None:
        files.move(self.root / source, self.root / target)

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    def read(self, name: str) -> bytes:
        with files.open_regular(self.root / name) as file:
            return file.read()

    def open(self, name: str, entry: Entry) -> BinaryIO:
        path = self.root / name
        if self._is_below_first_level(path.parent) and path.parent.is_symlink():
            raise DamageError(f"{path.parent} is a link")
        try:
            file = files.open_regular(path)
        except OSError as error:
            raise DamageError(f"{path} can't be read ({error.strerror})") from error
        reason = difference(file, entry)
        if reason is not None:
            file.close()
            raise DamageError(f"{path} {reason}")
        return file

    def verify(self, name: str, entry: Entry, *, thorough: bool) -> None:
        self.open(name, entry).close()

    def list_names(self, directories: Iterable[str]) -> Iterator[str]:
        for directory in (found for pattern in directories for found in self.root.glob(pattern)):
            if directory.is_dir() and not (directory.is_symlink() and self._is_below_first_level(directory)):
                yield from (str(path.relative_to(self.root)) for path in directory.iterdir())

    def is_file(self, name: str) -> bool:
        return not (self.root / name).is_dir()

    def lock(self, on_wait: Callable[[str], object]) -> contextlib.AbstractContextManager[bool]:
        return files.lock(self.root / LOCK_NAME, on_wait)

    def lock_holder(self) -> str | None:
        return files.lock_holder(self.root / LOCK_NAME)

    def _is_below_first_level(self, directory: Path) -> bool:
        return directory.parent != self.root


def forget_verified() -> None:
    """Verify every file again, even if this process has verified it before."""
    _verified.clear()


def difference(file: BinaryIO, entry: Entry) -> str | None:
    """How an open file differs from its entry, None if it doesn't."""
    state = os.fstat(file.fileno())
    if state.st_size != entry.size:
        return wrong_size(state.st_size, entry)
    identity = _identity(state)
    checksum = _verified.get(identity)
    if checksum is None:
        checksum = _sha256(file)
        if time.time_ns() - state.st_mtime_ns > CLOCK_TICK_NS:
            _verified[identity] = checksum
    return None if checksum == entry.sha256 else wrong_checksum(checksum, entry)


def wrong_size(size: int, entry: Entry) -> str:
    """The message about a file of another size."""
    return f"has {size:,} bytes instead of {entry.size:,}"


def wrong_checksum(sha256: str, entry: Entry) -> str:
    """The message about a file with another checksum."""
    return f"has the SHA-256 {sha256[:16]}… instead of {entry.sha256[:16]}…"


def _identity(state: os.stat_result) -> tuple[int, int, int, int]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _sha256(file: BinaryIO) -> str:
    sha256 = hashlib.sha256()
    while block := file.read(BLOCK):
        sha256.update(block)
    file.seek(0)
    return sha256.hexdigest()
