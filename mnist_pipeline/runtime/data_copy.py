"""A copy on this machine of images under an address such as `s3://BUCKET/PREFIX`.

Only files that are new or have changed are copied again. They replace the former files when all are
complete, so a step that reads a file of the copy meanwhile reads its former content or the new one.
"""

import contextlib
import hashlib
import os
import shutil
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
    so it shows whether the copy is current; 28 bits fit every file system.
    """
    wanted = {
        (_name_below(path, parent), int(_digest(details)[:7], 16)): path
        for path, details in listing.items()
    }
    present = {
        (path.relative_to(copy).as_posix(), path.stat().st_mtime)
        for path in copy.rglob("*")
        if path.is_file()
    }
    missing = sorted(wanted.keys() - present)
    arriving = copy.with_name(f"{copy.name}.arriving")  # a killed copy leaves it
    shutil.rmtree(arriving, ignore_errors=True)
    targets = [arriving / str(number) for number in range(len(missing))]
    if missing:
        arriving.mkdir()
        system.get([wanted[file] for file in missing], [str(target) for target in targets])
    names = {name for name, _ in wanted}
    for path in [copy / name for name, _ in present if name not in names]:
        path.unlink()
        with contextlib.suppress(OSError):  # another file is in the directory
            os.removedirs(path.parent)
    for (name, time), target in zip(missing, targets, strict=True):
        os.utime(target, (time, time))
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        target.replace(copy / name)
    shutil.rmtree(arriving, ignore_errors=True)


def _name_below(path: str, parent: str) -> str:
    """The path of a file from the parent; a ValueError if its name leads out of the copy."""
    name = path.removeprefix(parent).lstrip("/")
    if ".." in name.split("/"):
        raise ValueError(f"the name {name!r} leads out of it; rename the file")
    return name


def _digest(value: object) -> str:
    return hashlib.sha256(str(value).encode()).hexdigest()[:16]
