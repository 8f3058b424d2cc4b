"""A copy on this machine of images under an address such as `s3://BUCKET/PREFIX`."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.utils import places
from mnist_pipeline.utils.printable import one_line


def local_copy(data: str | Path) -> Path:
    """The directory or file of a data set; an address is copied into the user's cache, and again
    after a change of its files.

    Raises DatasetError if the address can't be read.
    """
    address = str(data)
    if "://" not in address:
        return Path(data)
    import fsspec

    copies = places.user_cache() / "data" / hashlib.sha256(address.encode()).hexdigest()[:16]
    try:
        system, root = fsspec.url_to_fs(address, use_listings_cache=False)
        # The details of each file contain its time or its checksum.
        listing = sorted(system.find(root, detail=True).items())
        if not listing:
            raise FileNotFoundError("it has no files; put the images there, or change `data`")
        copy = copies / hashlib.sha256(repr(listing).encode()).hexdigest()[:16]
        place = copy / Path(root).name
        if not place.exists():
            shutil.rmtree(copies, ignore_errors=True)  # of earlier files
            copies.mkdir(parents=True)
            with tempfile.TemporaryDirectory(dir=copies) as scratch:
                system.get(root, str(Path(scratch, "files", place.name)), recursive=True)
                Path(scratch, "files").rename(copy)
    except Exception as error:  # each library behind an address has errors of its own
        raise DatasetError(f"{address} can't be read: {one_line(error)}") from error
    return place
