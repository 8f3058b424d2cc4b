"""The inbox, a directory that people put pictures into: each picture is accepted once, and other files are rejected.

A picture that is no longer changing is renamed to `accepted/KEY.SUFFIX`. The key consists of its name and the checksum
of its content, and all results of the picture are stored under this key. Any other file is renamed to
`rejected/KEY.SUFFIX`, with the reason in `rejected/KEY.txt`. Both are single renames, so a killed process leaves each
file in one place, and the next look continues from there.

Whoever can put files into the inbox is not trusted. Only regular files are opened: links are not followed, and pipes
are not waited for. The directories are opened once, and files are moved from one open directory to another, so nobody
can redirect a file by replacing `rejected` with a link. A new name consists of letters, digits and hyphens, followed
by the suffix of a picture or by none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from mnist_pipeline.recognition import pictures
from mnist_pipeline.recognition.pictures import ImageError, Page
from mnist_pipeline.runtime.storage import files

ACCEPTED, REJECTED = "accepted", "rejected"
KEY = re.compile(r"[A-Za-z0-9-]+-([0-9a-f]{16})")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")
MAX_STEM = 40  # characters of a name that become part of the key
MAX_BYTES = 100_000_000
MAX_FILES = 100  # accepted or rejected per look
MAX_SECONDS = 30.0  # per look; Dagster stops a sensor after 60
MAX_WAITING = 500  # files remembered until the next look, those that have not changed for the longest time
MAX_STUCK = 20_000  # files remembered that can't be moved
UNFINISHED = (".part", ".partial", ".crdownload", ".tmp", ".swp")  # suffixes of files that a program is writing


class InboxError(RuntimeError):
    """An accepted picture is missing or has changed."""


class _RejectedError(Exception):
    """The reason to reject a file."""


@dataclass
class Look:
    """The result of one look into the inbox."""

    cursor: str = ""  # of the next look: the files that were seen, as JSON
    accepted: list[str] = field(default_factory=list)  # keys of the accepted pictures
    rejected: list[str] = field(default_factory=list)  # one line per rejected file, with the reason
    blank: list[str] = field(default_factory=list)  # keys of accepted pictures without digits; nobody waits for them
    waiting: int = 0  # number of files left for later looks

    @property
    def reason(self) -> str:
        """Why there is no picture to read: rejected files, and files that may still be written."""
        parts = [f"{self.waiting} files may still be written"] if self.waiting else []
        return "; ".join([*self.rejected, *parts]) or "nothing new in the inbox"


@dataclass(frozen=True)
class Inbox:
    """A directory that people put pictures into. It is created if missing, with `accepted` and `rejected` in it."""

    directory: Path

    def look(self, cursor: str | None, known: Iterable[str]) -> Look:
        """Accept the pictures that have not changed since the previous look, and reject other files.

        Those that have not changed for the longest time come first. So no picture waits for files that keep changing,
        or for files that can't be moved.

        `cursor` is that of the previous look; without it, all files wait for the next look. `known` are the keys that
        were accepted earlier, whether the pictures are still there or not.
        """
        seen, stuck, blank = _parse_cursor(cursor)
        look, later, still_stuck = Look(blank=blank), [], []
        end, tried, moved = time.monotonic() + MAX_SECONDS, 0, 0
        with self._open() as directories:
            known, accepted = _by_checksum(known), _by_checksum(_names_by_key(directories.accepted))
            for name, fingerprint in _find_files(directories.inbox):
                if fingerprint in stuck:
                    still_stuck.append(fingerprint)
                elif fingerprint not in seen or moved >= MAX_FILES or (tried and time.monotonic() > end):
                    later.append(fingerprint)
                else:
                    tried += 1
                    if _process(directories, name, fingerprint, known, accepted, look):
                        moved += 1
                    else:
                        still_stuck.append(fingerprint)
        look.waiting = len(later)
        look.blank = [key for key in look.blank if key in accepted.values()]
        look.cursor = json.dumps({"seen": later[:MAX_WAITING], "stuck": still_stuck[:MAX_STUCK], "blank": look.blank})
        return look

    def accepted(self) -> dict[str, Path]:
        """Return the accepted pictures by key, oldest first."""
        with self._open() as directories:
            names = _names_by_key(directories.accepted)
        return {key: self.directory / ACCEPTED / name for key, name in names.items()}

    def read(self, key: str) -> Page:
        """Read an accepted picture as `pictures.page` does, or raise `InboxError`."""
        with self._open() as directories:
            name = _names_by_key(directories.accepted).get(key)
            if name is None:
                raise InboxError(f"{key} is not in {self.directory / ACCEPTED}; put the picture into the inbox again")
            path = self.directory / ACCEPTED / name
            try:
                content = _read(directories.accepted, name)
            except _RejectedError as error:
                raise InboxError(f"{path}: {error}") from error
        if not key.endswith(_checksum(content)):
            raise InboxError(f"{path} has changed since it was accepted; delete it, and put in the original again")
        return pictures.page(content)

    @contextlib.contextmanager
    def _open(self) -> Iterator[_Directories]:
        """Open the directories, which are created if they are missing; raise `InboxError` for a link or a file."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:

            def open_directory(name: str | Path, directory: int | None = None) -> int:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=directory)
                try:
                    descriptor = files.open_directory(name, directory)
                except OSError as error:
                    path = self.directory / name
                    raise InboxError(f"{path} is not a directory ({error.strerror}); remove or rename it") from error
                stack.callback(os.close, descriptor)
                return descriptor

            inbox = open_directory(self.directory.resolve())
            yield _Directories(inbox, open_directory(ACCEPTED, inbox), open_directory(REJECTED, inbox))


class _Directories(NamedTuple):
    """Open directories. Whatever takes their names later, the files are those of the directories that were opened."""

    inbox: int
    accepted: int
    rejected: int


def _names_by_key(accepted: int) -> dict[str, str]:
    """The names of the accepted pictures by key, oldest first."""
    found = []
    for entry in os.scandir(accepted):
        key = entry.name.partition(".")[0]
        if KEY.fullmatch(key):
            with contextlib.suppress(FileNotFoundError):  # it has just been removed
                found.append((entry.stat(follow_symlinks=False).st_mtime_ns, key, entry.name))
    return {key: name for _, key, name in sorted(found)}


def _find_files(inbox: int) -> list[tuple[str, str]]:
    """Find the files that were put in, by the time of their last change: the name and the fingerprint of each.

    Whoever writes a file can set its time of modification, but not this one.
    """
    found = []
    for entry in os.scandir(inbox):
        is_unfinished = entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED)
        if entry.name in (ACCEPTED, REJECTED) or is_unfinished:
            continue
        with contextlib.suppress(OSError):  # it has just been removed
            state = entry.stat(follow_symlinks=False)
            found.append((state.st_ctime_ns, os.fsencode(entry.name), _fingerprint(state)))
    return [(os.fsdecode(name), fingerprint) for _, name, fingerprint in sorted(found)]


def _process(
    directories: _Directories,
    name: str,
    fingerprint: str,
    known: dict[str, str],
    accepted: dict[str, str],
    look: Look,
) -> bool:
    """Accept or reject a file; return False if it can't be moved."""
    try:
        try:
            content = _read(directories.inbox, name, fingerprint)
            page = pictures.page(content)
            checksum = _checksum(content)
            if checksum in accepted:
                raise _RejectedError(f"it has the same content as {accepted[checksum]}, which was accepted before")
            key = known.get(checksum) or make_key(name, checksum)
            _move(name, directories.inbox, key + _suffix(name), directories.accepted)
            accepted[checksum] = key
            look.accepted.append(key)
            look.blank += [] if page.digits else [key]
        except (_RejectedError, ImageError) as error:
            target = _reject(directories, name, fingerprint, str(error))
            look.rejected.append(f"{name!a} was rejected, and is now {REJECTED}/{target}: {error}")
    except FileNotFoundError:
        pass  # it was removed or is changing: the next look sees what is there
    except OSError as error:
        look.rejected.append(f"{name!a} can't be moved ({error.strerror}); it stays until it changes")
        return False
    return True


def _reject(directories: _Directories, name: str, fingerprint: str, reason: str) -> str:
    """Move a file to the rejected ones, with the reason next to it; return its new name."""
    key = make_key(name, fingerprint)
    explanation = f"{key}.txt"
    with contextlib.suppress(FileNotFoundError):  # left by a process that was killed
        os.unlink(explanation, dir_fd=directories.rejected)
    created = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(explanation, created, 0o666, dir_fd=directories.rejected), "w", encoding="utf-8") as file:
        file.write(f"{reason}\n")
    try:
        _move(name, directories.inbox, key + _suffix(name), directories.rejected)
    except OSError:
        os.unlink(explanation, dir_fd=directories.rejected)
        raise
    return key + _suffix(name)


def _move(name: str, directory: int, new_name: str, new_directory: int) -> None:
    os.rename(name, new_name, src_dir_fd=directory, dst_dir_fd=new_directory)


def _suffix(name: str) -> str:
    """The suffix of a picture; none for any other file, because a suffix can make a file run, such as `.pth`."""
    suffix = Path(name).suffix.lower()
    return suffix if suffix in SUFFIXES else ""


def make_key(name: str, checksum: str) -> str:
    """Make the key of a picture: the letters and digits of its name, with hyphens between, and its checksum."""
    plain = unicodedata.normalize("NFKD", Path(name).stem).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9]+", "-", plain)[:MAX_STEM].strip("-")
    return f"{stem or 'picture'}-{checksum}"


def _by_checksum(keys: Iterable[str]) -> dict[str, str]:
    """Map the checksums in keys to the keys."""
    return {matched[1]: key for key in keys if (matched := KEY.fullmatch(key))}


def _fingerprint(state: os.stat_result) -> str:
    """Hash what changes with every write to a file, and differs between files."""
    parts = f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def _read(directory: int, name: str, fingerprint: str | None = None) -> bytes:
    """Read a regular file; raise `FileNotFoundError` if it is gone, or no longer has the fingerprint."""
    try:
        with files.open_regular(name, directory) as file:
            content = file.read(MAX_BYTES + 1)
            found = _fingerprint(os.fstat(file.fileno()))
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise _RejectedError(f"it can't be read ({error.strerror}); put in a regular file") from error
    if fingerprint not in (None, found):
        raise FileNotFoundError(name)
    if len(content) > MAX_BYTES:
        raise _RejectedError(f"it has more than {MAX_BYTES:,} bytes; put in a smaller picture")
    return content


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _parse_cursor(cursor: str | None) -> tuple[set[str], set[str], list[str]]:
    """Return the files that the previous look saw, those it could not move, and `Look.blank`; empty if unreadable."""
    try:
        document = json.loads(cursor or "{}")
        seen, stuck, blank = ([str(each) for each in document.get(name, ())] for name in ("seen", "stuck", "blank"))
        return set(seen), set(stuck), blank
    except (ValueError, TypeError, AttributeError, RecursionError):
        return set(), set(), []
