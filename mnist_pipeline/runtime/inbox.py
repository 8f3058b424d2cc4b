"""The inbox, a directory that people put pictures into: each picture is accepted once, and other files are rejected.

A picture that is no longer changing is renamed to `accepted/KEY.SUFFIX`. The key consists of its name and the checksum
of its content, and all results of the picture are stored under this key. Any other file is renamed to `rejected/NAME`,
with the reason in `rejected/NAME.txt`. Both are single renames, so a killed process leaves each file in one place, and
the next look continues from there.

Only regular files are opened: links are not followed, and pipes are not waited for.
"""

import contextlib
import hashlib
import itertools
import json
import os
import re
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mnist_pipeline.recognition import reading
from mnist_pipeline.recognition.pictures import ImageError, Page
from mnist_pipeline.runtime.storage import files

ACCEPTED, REJECTED = "accepted", "rejected"
KEY = re.compile(r"[A-Za-z0-9-]+-([0-9a-f]{16})")
SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
MAX_STEM = 40  # characters of a name that become part of the key
MAX_NAME_BYTES = 200  # of a rejected file, so that the file with the reason can have a longer name
MAX_BYTES = 100_000_000
MAX_FILES = 20  # accepted or rejected per look
MAX_SECONDS = 20.0  # per look; Dagster stops a sensor after 60
MAX_WAITING = 500  # files remembered until the next look, the oldest first
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
    waiting: int = 0  # number of files left for later looks


@dataclass(frozen=True)
class Inbox:
    """A directory that people put pictures into. It is created if missing, with `accepted` and `rejected` in it."""

    directory: Path

    def look(self, cursor: str | None, known: Iterable[str]) -> Look:
        """Accept the pictures that have not changed since the previous look, oldest first, and reject other files.

        `cursor` is that of the previous look; without it, all files wait for the next look. `known` are the keys that
        were accepted earlier, whether the pictures are still there or not.
        """
        for name in (ACCEPTED, REJECTED):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        seen, stuck = _parse_cursor(cursor)
        known, accepted = _by_checksum(known), _by_checksum(self.accepted())
        look, later, still_stuck = Look(), [], []
        end, processed = time.monotonic() + MAX_SECONDS, 0
        for path, fingerprint in self._find_files():
            if fingerprint in stuck:
                still_stuck.append(fingerprint)
            elif fingerprint not in seen or processed >= MAX_FILES or (processed and time.monotonic() > end):
                later.append(fingerprint)
            else:
                processed += 1
                if not self._process(path, fingerprint, known, accepted, look):
                    still_stuck.append(fingerprint)
        look.waiting = len(later)
        look.cursor = json.dumps({"seen": later[:MAX_WAITING], "stuck": still_stuck[:MAX_WAITING]})
        return look

    def accepted(self) -> dict[str, Path]:
        """Return the accepted pictures by key, oldest first."""
        found = []
        for path in (self.directory / ACCEPTED).glob("*"):
            key = path.name.partition(".")[0]
            if KEY.fullmatch(key):
                with contextlib.suppress(FileNotFoundError):  # it has just been removed
                    found.append((path.lstat().st_mtime_ns, key, path))
        return {key: path for _, key, path in sorted(found)}

    def read(self, key: str) -> Page:
        """Read an accepted picture as `recognition.reading.read` does, or raise `InboxError`."""
        path = self.accepted().get(key)
        if path is None:
            raise InboxError(f"{key} is not in {self.directory / ACCEPTED}; put the picture into the inbox again")
        try:
            content = _read(path)
        except _RejectedError as error:
            raise InboxError(f"{path}: {error}") from error
        if not key.endswith(_checksum(content)):
            raise InboxError(f"{path} has changed since it was accepted; delete it, and put in the original again")
        return reading.read(content)

    def _find_files(self) -> list[tuple[Path, str]]:
        """Find the files that were put in, oldest first, each with its fingerprint."""
        found = []
        for entry in os.scandir(self.directory):
            is_unfinished = entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED)
            if entry.name not in (ACCEPTED, REJECTED) and not is_unfinished:
                with contextlib.suppress(OSError):  # it has just been removed
                    state = entry.stat(follow_symlinks=False)
                    found.append((state.st_mtime_ns, os.fsencode(entry.path), _fingerprint(state)))
        return [(Path(os.fsdecode(path)), fingerprint) for _, path, fingerprint in sorted(found)]

    def _process(
        self, path: Path, fingerprint: str, known: dict[str, str], accepted: dict[str, str], look: Look
    ) -> bool:
        """Accept or reject a file; return False if it can't be moved."""
        try:
            try:
                content = _read(path, fingerprint)
                reading.read(content)
                checksum = _checksum(content)
                if checksum in accepted:
                    raise _RejectedError(f"it has the same content as {accepted[checksum]}, which was accepted before")
                key = known.get(checksum) or make_key(path.name, checksum)
                suffix = path.suffix.lower()
                path.rename(self.directory / ACCEPTED / f"{key}{suffix if SUFFIX.fullmatch(suffix) else ''}")
                accepted[checksum] = key
                look.accepted.append(key)
            except (_RejectedError, ImageError) as error:
                look.rejected.append(self._reject(path, str(error)))
        except FileNotFoundError:
            pass  # it was removed or is changing: the next look sees what is there
        except OSError as error:
            look.rejected.append(f"{path.name!a} can't be moved ({error.strerror}); it stays until it changes")
            return False
        return True

    def _reject(self, path: Path, reason: str) -> str:
        target = _free_path(self.directory / REJECTED, path.name)
        explanation = target.with_name(f"{target.name}.txt")
        files.write(explanation, lambda file: file.write(f"{reason}\n".encode()))
        try:
            path.rename(target)
        except OSError:
            explanation.unlink()
            raise
        return f"{path.name!a} was rejected: {reason}"


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


def _read(path: Path, fingerprint: str | None = None) -> bytes:
    """Read a regular file; raise `FileNotFoundError` if it is gone, or no longer has the fingerprint."""
    try:
        with files.open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
            found = _fingerprint(os.fstat(file.fileno()))
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise _RejectedError(f"it can't be read ({error.strerror}); put in a regular file") from error
    if fingerprint not in (None, found):
        raise FileNotFoundError(path)
    if len(content) > MAX_BYTES:
        raise _RejectedError(f"it has more than {MAX_BYTES:,} bytes; put in a smaller picture")
    return content


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _free_path(directory: Path, name: str) -> Path:
    """Find a path for a rejected file, whose name may be too long or taken."""
    free = short = os.fsdecode(os.fsencode(name)[:MAX_NAME_BYTES])
    for number in itertools.count(2):
        if not any(os.path.lexists(directory / file) for file in (free, f"{free}.txt")):
            break
        free = f"{short}~{number}"
    return directory / free


def _parse_cursor(cursor: str | None) -> tuple[set[str], set[str]]:
    """Return the fingerprints that the previous look saw, and those that it could not move; none if unreadable."""
    try:
        document = json.loads(cursor or "{}")
        return set(document.get("seen", ())), set(document.get("stuck", ()))
    except (ValueError, TypeError, AttributeError):
        return set(), set()
