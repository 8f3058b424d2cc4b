"""The inbox: a directory that people put pictures into. The project only reads it.

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
# Suffixes of files that a program is still writing.
UNFINISHED = (".part", ".partial", ".crdownload", ".tmp", ".swp")
MAX_STEM = 40  # characters of a name that become part of the key


def list_pictures(directory: Path) -> dict[str, Path]:
    """The files by key, in the order of their last change.

    Hidden files, and files that somebody may still be writing, are left out.
    """
    now = time.time()
    pictures = []
    for path in directory.iterdir():
        name = path.name.lower()
        if name.startswith(".") or name.endswith(UNFINISHED) or not path.is_file():
            continue
        changed = path.stat().st_mtime
        # A time in the future is from the clock of another machine.
        if not 0 <= now - changed < QUIET_SECONDS:
            pictures.append((changed, path))
    return {make_key(path): path for _, path in sorted(pictures)}


def make_key(path: Path) -> str:
    """The key of a file, such as `seven-ed7002b439e9ac84`."""
    state = path.stat()
    plain = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9]+", "-", plain)[:MAX_STEM].strip("-")
    return f"{stem or 'picture'}-{_checksum(path, state.st_size, state.st_mtime_ns)}"


@functools.lru_cache(maxsize=100_000)  # a sensor calls this twice per minute, in one process
def _checksum(path: Path, size: int, modified: int) -> str:
    """The first digits of a file's SHA-256; the cache needs its size and the time of its change."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
