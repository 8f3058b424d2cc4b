"""What is asked of a local file system: durable writes, plain files only, and a lock that dies with its process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

TEMPORARY = ".tmp"

Writer = Callable[[BinaryIO], None]

# Locks held by this process: a run takes that of its storage once, in whatever depth it is asked for.
_held: set[tuple[int, Path]] = set()


def write(path: Path, writer: Writer) -> None:
    """Write a file under a temporary name beside it, to the disk, and rename it when complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}{TEMPORARY}"
    try:
        with temporary.open("wb") as file:
            writer(file)
            file.flush()
            os.fsync(file.fileno())
        move(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(file: BinaryIO, data: bytes) -> None:
    """The writer of bytes at hand."""
    file.write(data)


def move(source: Path, target: Path) -> None:
    """Rename a file, in one step over an existing one; a directory in the way is removed first."""
    try:
        source.replace(target)
    except IsADirectoryError:
        shutil.rmtree(target)
        source.replace(target)


def flush_directory(directory: Path) -> None:
    """Bring the names in a directory to the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_plain(path: Path) -> BinaryIO:
    """Open a file to read, and nothing else: no link is followed, no pipe waited for.

    Raises
    ------
    OSError
        If there is none, or it is a link, a directory, or another special file.
    """
    try:
        file = open(path, "rb", opener=_open_plain)  # noqa: SIM115  # Path.open takes no opener
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    return file


def _open_plain(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


@contextlib.contextmanager
def lock(path: Path, on_wait: Callable[[str], object]) -> Iterator[bool]:
    """Hold a lock file; the kernel releases it when the process ends, however it ends.

    Parameters
    ----------
    path : Path
        Made where missing, never removed.
    on_wait : callable
        Told once who holds it, if another process does.

    Yields
    ------
    bool
        Whether it was taken here; False within a process that holds it already.
    """
    key = (os.getpid(), path)
    if holds_lock(path):
        yield False
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait(_holder(descriptor))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        _held.add(key)
        _sign(descriptor, json.dumps({"process": os.getpid(), "since": time.time()}))
        yield True
    finally:
        if key in _held:
            _held.remove(key)
            _sign(descriptor, "")
        os.close(descriptor)


def holds_lock(path: Path) -> bool:
    """Whether this process holds a lock file."""
    return (os.getpid(), path) in _held


def lock_holder(path: Path) -> str | None:
    """Who holds a lock file, None if nobody does."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(file.fileno())
    return None


def _sign(descriptor: int, signature: str) -> None:
    """Say in a lock file who holds it, for whoever waits; on a full disk it goes unsaid."""
    with contextlib.suppress(OSError):
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, signature.encode(), 0)


def _holder(descriptor: int) -> str:
    """The process that wrote into a lock file, and since when; it may be about to write."""
    try:
        holder: dict[str, Any] = json.loads(os.pread(descriptor, 200, 0))
        since = time.strftime("%H:%M:%S", time.localtime(holder["since"]))
        return f"process {holder['process']}, since {since}"
    except (ValueError, KeyError, TypeError):
        return "another process"
