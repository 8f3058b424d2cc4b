"""From the address of a storage to the place behind it."""

from __future__ import annotations

from pathlib import Path

from mnist_pipeline.runtime.settings import SCHEME
from mnist_pipeline.runtime.storage.file_store import FileStore


def file_store(root: str) -> FileStore:
    """The place that a directory or an address names."""
    if root.startswith(SCHEME):
        from mnist_pipeline.runtime.storage.bucket import Bucket

        return Bucket(root)
    from mnist_pipeline.runtime.storage.directory import Directory

    return Directory(Path(root))
