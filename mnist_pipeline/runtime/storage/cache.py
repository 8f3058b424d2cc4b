"""Local copies of what lies elsewhere, by the SHA-256 of their content, so that an array can be mapped into memory.

A copy is written under a name of its own and renamed when whole; several processes may do so at once. Beyond a size,
the copies that were opened longest ago are removed, none of the last minute: who has just asked for one may not have
opened it yet. Who has one open or mapped keeps it until he lets go of it.
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
ABANDONED_SECONDS = 86_400  # after which an unfinished copy is that of a killed process


class Cache:
    """Copies in one directory.

    Parameters
    ----------
    directory : Path
        Made where missing.
    limit : int
        Bytes that the copies may take together, those of the last minute aside.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        self.directory = directory
        self.limit = limit

    def open(self, entry: Entry) -> BinaryIO | None:
        """Open the copy of a content, verified; None if there is none."""
        path = self._path(entry)
        try:
            file = files.open_plain(path)
        except OSError:
            return None
        if difference(file, entry) is not None:
            file.close()
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):  # the time of change stays: it tells that the copy has been verified
            os.utime(path, ns=(time.time_ns(), os.fstat(file.fileno()).st_mtime_ns))
        return file

    @contextlib.contextmanager
    def filling(self, entry: Entry) -> Iterator[BinaryIO]:
        """A file to write a content into, which is kept as its copy if nothing is raised.

        Raises
        ------
        UnavailableError
            If it can't be written.
        """
        temporary = self.directory / f".{uuid.uuid4().hex}{files.TEMPORARY}"
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with temporary.open("w+b") as file:
                yield file
            temporary.replace(self._path(entry))
            self._shrink()
        except OSError as error:
            raise UnavailableError(
                f"the cache {self.directory} can't be written ({error.strerror}); point MNIST_PIPELINE_CACHE at a "
                "directory that can, with room for the largest value"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _shrink(self) -> None:
        """Remove the copies that were opened longest ago until the others fit, and what killed processes left."""
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
