"""Local copies of files from a bucket, named by the SHA-256 of their content, so that arrays can be memory-mapped.

A copy is written under a temporary name and renamed when it is complete; several processes may do so at once. When the
copies exceed the size limit, those that were opened longest ago are removed. Copies of the last minute always stay: the
process that asked for one may not have opened it yet. A copy that is open or mapped stays readable after its removal.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mnist_pipeline.runtime.storage import files
from mnist_pipeline.runtime.storage.contents import Entry, UnavailableError
from mnist_pipeline.runtime.storage.directory import difference

RECENT_SECONDS = 60.0
ABANDONED_SECONDS = 86_400  # after which an unfinished copy must belong to a killed process


class Cache:
    """Copies in one directory, of `limit` bytes in total without those of the last minute."""

    def __init__(self, directory: Path, limit: int) -> None:
        self.directory = directory
        self.limit = limit

    def open(self, entry: Entry) -> BinaryIO | None:
        """Open the verified copy of a content, None if there is none."""
        path = self._path(entry)
        try:
            file = files.open_regular(path)
        except OSError:
            return None
        if difference(file, entry) is not None:
            file.close()
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):  # the modification time stays: it shows that the copy has been verified
            os.utime(path, ns=(time.time_ns(), os.fstat(file.fileno()).st_mtime_ns))
        return file

    @contextlib.contextmanager
    def add(self, entry: Entry) -> Iterator[BinaryIO]:
        """A file to write a content into; it becomes the copy when the context ends without an exception.

        Raises UnavailableError if the cache can't be written.
        """
        temporary = self.directory / f".{uuid.uuid4().hex}{files.TEMPORARY}"
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with temporary.open("w+b") as file:
                yield file
            temporary.replace(self._path(entry))
            self._remove_oldest()
        except OSError as error:
            raise UnavailableError(
                f"the cache {self.directory} can't be written ({error.strerror}); set MNIST_PIPELINE_CACHE to a "
                "directory that can be written, with room for the largest value"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _remove_oldest(self) -> None:
        """Remove the copies that were opened longest ago until the others fit, and the files of killed processes."""
        copies = []
        for path in self.directory.iterdir():
            with contextlib.suppress(OSError):
                state = path.stat()
                if path.suffix != files.TEMPORARY:
                    copies.append((state.st_atime_ns, state.st_size, path))
                elif time.time() - state.st_mtime > ABANDONED_SECONDS:
                    path.unlink()
        total = sum(size for _, size, _ in copies)
        recent = time.time_ns() - int(RECENT_SECONDS * 1e9)
        for opened, size, path in sorted(copies):
            if total <= self.limit or opened > recent:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _path(self, entry: Entry) -> Path:
        return self.directory / entry.sha256
