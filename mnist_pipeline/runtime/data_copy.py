"""A copy on this machine of images under an address such as `s3://BUCKET/PREFIX`."""

import hashlib
import shutil
from pathlib import Path

from filelock import FileLock

from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.utils import directories
from mnist_pipeline.utils.printable import one_line


def local_copy(data: str | Path) -> Path:
    """The directory or file of a data set; an address is copied into the user's cache, again
    whenever a file there is new or has changed.

    Raises DatasetError if the address can't be read.
    """
    address = str(data)
    if "://" not in address:
        return Path(data)
    import fsspec

    copies = directories.user_cache() / "data" / _digest(address)
    try:
        system, root = fsspec.url_to_fs(address, use_listings_cache=False)
        found = system.find(root, detail=True)
        # A name with a slash at its end stands for a folder. The details of a file contain its time
        # or its checksum.
        listing = {path: found[path] for path in found if not path.endswith("/")}
        if not listing:
            raise FileNotFoundError("it has no files")
        copies.parent.mkdir(parents=True, exist_ok=True)
        copy, unfinished = copies / _digest(listing), copies / "unfinished"
        with FileLock(f"{copies}.lock"):
            if not copy.exists():
                shutil.rmtree(copies, ignore_errors=True)
                parent = root.rpartition("/")[0]
                names = [path.removeprefix(parent).lstrip("/") for path in listing]
                system.get([*listing], [str(unfinished / name) for name in names])
                unfinished.rename(copy)
    except Exception as error:  # each library behind an address has errors of its own
        raise DatasetError(
            f"{address} can't be read: {one_line(error)}; check the address and your access to it"
        ) from error
    return copy / Path(root).name


def _digest(value: object) -> str:
    return hashlib.sha256(str(value).encode()).hexdigest()[:16]
