"""Local files: durable writes, reading of regular files only, and a lock that ends with its process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from mnist_pipeline.utils.printable import printable
from mnist_pipeline.utils.reported import ReportedError

TEMPORARY = ".tmp"

Writer = Callable[[BinaryIO], object]

# The locks of this process, as pairs of process id and path: a forked process holds none of its parent's.
_locked: set[tuple[int, Path]] = set()


def write(path: Path, writer: Writer, *, flush: bool = True) -> None:
    """Write a file under a temporary name in the same directory, flush it to disk, and rename it.

    If not `flush`, a power loss can leave the file incomplete.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}{TEMPORARY}"
    try:
        with temporary.open("wb") as file:
            writer(file)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        move(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def move(source: Path, target: Path) -> None:
    """Rename a file in one step; it replaces an existing file, and a directory is removed first."""
    try:
        source.replace(target)
    except IsADirectoryError:
        shutil.rmtree(target)
        source.replace(target)


def flush_directory(directory: Path) -> None:
    """Flush the names of the files in a directory to disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_regular(path: Path | str, directory: int | None = None) -> BinaryIO:
    """Open a file for reading; raises OSError if it is a link, a pipe or anything else that is not a regular file.

    A relative path starts at an open directory, if one is given.
    """
    try:
        opener = functools.partial(_open_without_following, dir_fd=directory)
        file = open(path, "rb", opener=opener)  # noqa: SIM115  # Path.open takes no opener
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    return file


def _open_without_following(path: str, flags: int, dir_fd: int | None) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=dir_fd)


def open_directory(path: str | Path, directory: int | None = None) -> int:
    """Open a directory, below an open one if that is given; a link at its end is an OSError."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)


class LockFileError(ReportedError, RuntimeError):
    """A path is not a usable lock file. The message names the path, the problem and the remedy."""


def _open_lock(path: Path, flags: int) -> int:
    """Open a lock file; only this user gets permission to open it, because opening it is enough to lock it."""
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        problem = "it is a link" if error.errno == errno.ELOOP else error.strerror
        remedy = "run the command as its owner" if isinstance(error, PermissionError) else "remove it"
        raise LockFileError(f"{path} can't be opened as a lock file ({problem}); {remedy}") from error
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:  # the name of the holder would replace another file
        os.close(descriptor)
        raise LockFileError(f"{path} is not a file of its own; remove it")
    if state.st_mode & 0o077 and state.st_uid == os.geteuid():
        with contextlib.suppress(OSError):  # on a read-only medium
            os.fchmod(descriptor, 0o600)
    return descriptor


@contextlib.contextmanager
def lock(path: Path, on_wait: Callable[[str], object]) -> Iterator[bool]:
    """Lock a file for this process; the kernel releases the lock when the process ends, for whatever reason.

    The file is created if it is missing, and never removed; see `Directory.lock` for `on_wait` and the value.
    """
    key = (os.getpid(), path)
    if key in _locked:
        yield False
        return
    path.parent.mkdir(parents=True, exist_ok=True)  # in a new storage, `dg launch` comes here first
    descriptor = _open_lock(path, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait(_describe_holder(descriptor))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        _locked.add(key)
        _replace_content(descriptor, f"process {os.getpid()}, since {time.strftime('%H:%M:%S')}")
        yield True
    finally:
        if key in _locked:
            _locked.remove(key)
            _replace_content(descriptor, "")
        os.close(descriptor)


def lock_holder(path: Path) -> str | None:
    """A description of the process that holds the lock of a file, None if no process does."""
    try:
        descriptor = _open_lock(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except LockFileError as error:
        if isinstance(error.__cause__, PermissionError):
            return f"perhaps one of the user who owns {path.name}"
        raise
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _describe_holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _replace_content(descriptor: int, text: str) -> None:
    """Describe the holder in a lock file; on a full disk the file stays empty, and the lock is valid anyway."""
    with contextlib.suppress(OSError):
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def _describe_holder(descriptor: int) -> str:
    return printable(os.pread(descriptor, 200, 0).decode(errors="replace")) or "another process"
