"""The inbox: a directory that people put pictures into. The files stay where they are, and nothing
is written there.

A file has a key, `NAME-CHECKSUM`: the letters and digits of its name, and a checksum of its
content. All results of a picture are stored under its key, so a file that changes becomes another
picture.
"""

import functools
import hashlib
import re
import time
import unicodedata
from pathlib import Path

QUIET_SECONDS = 5.0  # after the last change of a file, because somebody may still be writing it
UNFINISHED = (
    ".part",
    ".partial",
    ".crdownload",
    ".tmp",
    ".swp",
)  # suffixes of files that a program is writing
MAX_STEM = 40  # characters of a name that become part of the key


def list_pictures(directory: Path) -> dict[str, Path]:
    """The files by key, in the order of their last change.

    Hidden files, and files that somebody may still be writing, are left out.
    """
    now, found = time.time(), []
    for path in directory.iterdir():
        if (
            path.is_file()
            and not path.name.startswith(".")
            and not path.name.lower().endswith(UNFINISHED)
        ):
            state = path.stat()
            is_quiet = (
                not 0 <= now - state.st_mtime < QUIET_SECONDS
            )  # a clock elsewhere may be ahead
            if is_quiet:
                found.append((state.st_mtime, path))
    return {make_key(path): path for _, path in sorted(found)}


def make_key(path: Path) -> str:
    """The key of a file, such as `seven-ed7002b439e9ac84`."""
    state = path.stat()
    plain = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9]+", "-", plain)[:MAX_STEM].strip("-")
    return f"{stem or 'picture'}-{_checksum(path, state.st_size, state.st_mtime_ns)}"


@functools.lru_cache(maxsize=100_000)  # a sensor looks every half minute, in one process
def _checksum(path: Path, size: int, modified: int) -> str:
    """The first digits of a file's SHA-256; size and time of its last change are the key of the
    cache.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
