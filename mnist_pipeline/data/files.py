"""Files of data sets: opened without surprises, and described by their checksums."""

import gzip
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from mnist_pipeline.data.errors import DatasetError, UnreadableError

CHUNK_BYTES = 1 << 16


class RawFile(NamedTuple):
    """A file on disk: its name, its size in bytes and its checksum in hexadecimal."""

    name: str
    size: int
    sha256: str


class Hashed(io.RawIOBase):
    """A file that updates hashes with everything that is read from it; the first hash is that of its description."""

    def __init__(self, file: BinaryIO, *hashes: Any) -> None:
        self._file, self._hashes, self._size = file, hashes, 0

    def read(self, size: int = -1) -> bytes:
        """Read at most so many bytes."""
        chunk = self._file.read(size)
        self._size += len(chunk)
        for each in self._hashes:
            each.update(chunk)
        return chunk

    def describe(self, name: str) -> RawFile:
        """Read the file to its end, and describe all that was read."""
        while self.read(CHUNK_BYTES):
            pass
        return RawFile(name, self._size, self._hashes[0].hexdigest())


def describe(path: Path, *hashes: Any, max_bytes: int) -> RawFile:
    """Describe a file by the first of these hashes; all of them are updated."""
    with opened(path, max_bytes) as file:
        return Hashed(file, *hashes).describe(path.name)


@contextmanager
def opened(path: Path, max_bytes: int) -> Iterator[BinaryIO]:
    """Open a data file. Errors of the system, also while it is read, become a DatasetError."""
    try:
        # If the file has become a pipe, do not wait for a writer.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
                raise DatasetError(
                    f"{path} is not a regular file, or has more than {max_bytes:,} bytes; "
                    "put a file of the data set in its place"
                )
            yield file
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise
        raise unreadable(path, error) from error
    except MemoryError as error:
        raise UnreadableError(f"{path} does not fit in memory; free some, or use fewer images") from error


def is_directory(path: Path) -> bool:
    """Whether a path is a directory that can be looked at."""
    try:
        return path.is_dir()
    except OSError:
        return False


def unreadable(path: Path, error: OSError | ValueError) -> UnreadableError:
    """The error for a file or a directory that the system does not read."""
    reason = error.strerror or error if isinstance(error, OSError) else error
    remedy = "check its permissions" if isinstance(error, PermissionError) else "check its name and its disk"
    return UnreadableError(f"{path} can't be read: {reason}; {remedy}")
