"""From the root of a storage, a directory or an `s3://` address, to its file store."""

from __future__ import annotations

from pathlib import Path

from mnist_pipeline.runtime.project import SCHEME
from mnist_pipeline.runtime.storage.file_store import FileStore


def file_store(root: str) -> FileStore:
    """The file store at a directory or an address."""
    if root.startswith(SCHEME):
        from mnist_pipeline.runtime.storage.bucket import Bucket

        return Bucket(root)
    from mnist_pipeline.runtime.storage.directory import Directory

    return Directory(Path(root))
