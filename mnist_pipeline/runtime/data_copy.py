"""A copy on this machine of images under an address such as `s3://BUCKET/PREFIX`."""

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.utils import directories
from mnist_pipeline.utils.printable import one_line


def local_copy(data: str | Path) -> Path:
    """The directory or file of a data set; an address is copied into the user's cache, and later
    only its files that are new or have changed.

    Raises DatasetError if the address can't be read.
    """
    address = str(data)
    if "://" not in address:
        return Path(data)
    import fsspec

    copy = directories.user_cache() / "data" / _digest(address)
    try:
        system, root = fsspec.url_to_fs(address, use_listings_cache=False)
        found = system.find(root, detail=True)
        # A name with a slash at its end stands for a folder.
        listing = {path: found[path] for path in found if not path.endswith("/")}
        if not listing:
            raise FileNotFoundError("it has no files")
        copy.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{copy}.lock"):
            _update(copy, system, root.rpartition("/")[0], listing)
    except Exception as error:  # each library behind an address has errors of its own
        raise DatasetError(
            f"{address} can't be read: {one_line(error)}; check the address and your access to it"
        ) from error
    return copy / Path(root).name


def _update(copy: Path, system: Any, parent: str, listing: Mapping[str, Any]) -> None:
    """Make a copy equal to the listing of files below a parent.

    The details of a file contain its time or its checksum. The time of its copy is a hash of them,
    so it shows whether the copy is complete and current; 28 bits fit every file system.
    """
    wanted = {
        (copy / path.removeprefix(parent).lstrip("/"), int(_digest(details)[:7], 16)): path
        for path, details in listing.items()
    }
    present = {(path, path.stat().st_mtime) for path in copy.rglob("*") if path.is_file()}
    for path, _ in present - wanted.keys():
        path.unlink()
        with contextlib.suppress(OSError):  # another file is in the directory
            os.removedirs(path.parent)
    missing = list(wanted.keys() - present)
    system.get([wanted[file] for file in missing], [str(path) for path, _ in missing])
    for path, time in missing:
        os.utime(path, (time, time))


def _digest(value: object) -> str:
    return hashlib.sha256(str(value).encode()).hexdigest()[:16]
