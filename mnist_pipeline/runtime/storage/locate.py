"""From the address of a storage to the place behind it."""

from __future__ import annotations

from pathlib import Path

from mnist_pipeline.runtime.settings import SCHEME
from mnist_pipeline.runtime.storage.place import Place


def at(root: str) -> Place:
    """The place that a directory or an address names."""
    if root.startswith(SCHEME):
        from mnist_pipeline.runtime.storage.bucket import Bucket

        return Bucket(root)
    from mnist_pipeline.runtime.storage.directory import Directory

    return Directory(Path(root))


def forget() -> None:
    """Verify again what this process has verified."""
    from mnist_pipeline.runtime.storage import directory

    directory.verified.clear()
