"""The directory that people put pictures into: each is taken once, and what can't be read is set aside.

A picture that has come to rest is renamed to `accepted/KEY.SUFFIX`, where KEY is made of its name and the checksum of
its content; from then on it is known by that key, and everything that is ever made of it is made from there. What is
no picture is renamed to `rejected/NAME`, with the reason beside it as `rejected/NAME.txt`. Both are single renames: a
process killed between any two steps leaves a file in one place, and the next look goes on from what lies where.

Nothing is opened but plain files: no link is followed, no pipe waited for.
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

import numpy as np

from mnist_pipeline.recognition import pictures as images
from mnist_pipeline.recognition.pictures import ImageError
from mnist_pipeline.runtime.storage import files
from mnist_pipeline.utils.printable import printable

ACCEPTED, REJECTED = "accepted", "rejected"
KEY = re.compile(r"[A-Za-z0-9-]+-([0-9a-f]{16})")
SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
MAX_STEM = 40  # characters of a name that go into its key
MAX_NAME_BYTES = 200  # of what is set aside, so that what is written beside it can have a longer name
MAX_BYTES = 100_000_000
MAX_FILES = 20  # judged in one look
MAX_SECONDS = 20.0  # of one look, of the 60 that Dagster gives it
MAX_WAITING = 500  # files remembered from one look to the next, the oldest first
# Names that programs give to what they have not finished.
UNFINISHED = (".part", ".partial", ".crdownload", ".tmp", ".swp")


class InboxError(RuntimeError):
    """An accepted picture can't be had; the message says which, what is wrong and what to do."""


class _RefusedError(Exception):
    """The reason why a file is set aside."""


class _ChangedError(Exception):
    """A file changed while it was looked at."""


@dataclass(frozen=True)
class _Candidate:
    """A file in the inbox: where it is, when it was last changed, and what changes as soon as it does."""

    path: Path
    modified: int
    fingerprint: str


class _Taken:
    """What was accepted before: keys by checksum; and by key where the picture is, None if it was taken away."""

    def __init__(self, places: dict[str, Path | None]) -> None:
        self.places = places
        self.keys = {_checksum_of(key): key for key in places}


@dataclass
class Look:
    """What came of a look into the inbox.

    Attributes
    ----------
    cursor : str
        To be given to the next look: what has been seen, and is taken if it has not changed until then.
    accepted : list of str
        Keys of the pictures that were accepted.
    set_aside : list of str
        A line for each file that was not, with the reason.
    waiting : int
        How many files may be taken by a later look.
    """

    cursor: str = ""
    accepted: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    waiting: int = 0


class Inbox:
    """A directory that people put pictures into.

    Parameters
    ----------
    directory : Path
        Made where missing, with `accepted` and `rejected` in it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def look(self, cursor: str | None, known: Iterable[str]) -> Look:
        """Accept the pictures that have come to rest, oldest first, and set aside what is none.

        A file is at rest if it is what it was at the look before. One look judges a bounded number of files.

        Parameters
        ----------
        cursor : str or None
            What the look before returned. Without it, every file is waited for anew.
        known : iterable of str
            Keys that were accepted before, whether the pictures are still there or not.

        Raises
        ------
        OSError
            If the directory can't be made or read.
        """
        for name in (ACCEPTED, REJECTED):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        seen, stuck = _decoded(cursor)
        taken = _Taken(dict.fromkeys(known) | self.accepted())
        look, later, still_stuck = Look(), [], []
        end = time.monotonic() + MAX_SECONDS
        judged = 0
        for candidate in self._candidates():
            if candidate.fingerprint in stuck:
                still_stuck.append(candidate.fingerprint)
            elif candidate.fingerprint not in seen or judged >= MAX_FILES or (judged and time.monotonic() > end):
                later.append(candidate.fingerprint)
            else:
                judged += 1
                if not self._judge(candidate, taken, look):
                    still_stuck.append(candidate.fingerprint)
        look.waiting = len(later)
        look.cursor = json.dumps({"seen": later[:MAX_WAITING], "stuck": still_stuck[:MAX_WAITING]})
        return look

    def accepted(self) -> dict[str, Path]:
        """The accepted pictures by key, oldest first."""
        pictures = []
        for path in (self.directory / ACCEPTED).glob("*"):
            key = path.name.partition(".")[0]
            if KEY.fullmatch(key):
                with contextlib.suppress(FileNotFoundError):  # it has just been taken away
                    pictures.append((path.lstat().st_mtime_ns, key, path))
        return {key: path for _, key, path in sorted(pictures)}

    def read(self, key: str) -> np.ndarray:
        """An accepted picture, as `images.read` gives it.

        Raises
        ------
        InboxError
            If it is no longer there, or not as it was when it was accepted.
        ImageError
            If it can't be decoded.
        """
        path = self.accepted().get(key)
        if path is None:
            raise InboxError(
                f"{key} is no longer in {self.directory / ACCEPTED}; put the picture into {self.directory} again"
            )
        try:
            content = _content(path)
        except (_RefusedError, _ChangedError) as error:
            raise InboxError(f"{path}: {error}") from error
        if _checksum(content) != _checksum_of(key):
            raise InboxError(
                f"{path} is not what was accepted: it has changed; delete it, and put the picture as it was into "
                f"{self.directory} again"
            )
        return images.read(content)

    def _candidates(self) -> list[_Candidate]:
        """What was put in, the oldest first."""
        candidates = []
        for entry in _entries(self.directory):
            try:
                state = entry.stat(follow_symlinks=False)
            except OSError:  # it has just been taken away
                continue
            candidates.append(_Candidate(Path(entry.path), state.st_mtime_ns, _fingerprint(state)))
        return sorted(candidates, key=lambda each: (each.modified, os.fsencode(each.path)))

    def _judge(self, candidate: _Candidate, taken: _Taken, look: Look) -> bool:
        """Accept a file or set it aside; whether it could be moved."""
        try:
            try:
                content = _content(candidate.path, candidate.fingerprint)
                images.read(content)
                self._accept(candidate.path, _checksum(content), taken, look)
            except (_RefusedError, ImageError) as refused:
                look.set_aside.append(self._set_aside(candidate.path, printable(str(refused))))
        except (_ChangedError, FileNotFoundError):
            pass  # the next look sees what it has become
        except OSError as error:
            look.set_aside.append(
                f"{candidate.path.name!a} can't be moved ({error.strerror}); it is left until it changes"
            )
            return False
        return True

    def _accept(self, path: Path, checksum: str, taken: _Taken, look: Look) -> None:
        key = taken.keys.get(checksum) or key_of(path.name, checksum)
        if taken.places.get(key):
            raise _RefusedError(f"it has the same content as {key}, which was accepted before; delete it")
        suffix = path.suffix.lower()
        place = self.directory / ACCEPTED / f"{key}{suffix if SUFFIX.fullmatch(suffix) else ''}"
        path.rename(place)
        taken.keys[checksum] = key
        taken.places[key] = place
        look.accepted.append(key)

    def _set_aside(self, path: Path, reason: str) -> str:
        target = _free(self.directory / REJECTED, path.name)
        told = target.with_name(f"{target.name}.txt")
        text = f"{reason}\n".encode()
        files.write(told, lambda file: file.write(text))
        try:
            path.rename(target)
        except OSError:
            told.unlink()
            raise
        return f"{path.name!a} was set aside: {reason}"


def key_of(name: str, checksum: str) -> str:
    """The key of a picture: letters, digits and hyphens of its name, and what tells its content from any other."""
    plain = unicodedata.normalize("NFKD", Path(name).stem).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9]+", "-", plain)[:MAX_STEM].strip("-")
    return f"{stem or 'picture'}-{checksum}"


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            unfinished = entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED)
            if entry.name not in (ACCEPTED, REJECTED) and not unfinished:
                yield entry


def _fingerprint(state: os.stat_result) -> str:
    """What changes with every write, and with every other file."""
    told = f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _content(path: Path, fingerprint: str | None = None) -> bytes:
    """The bytes of a plain file, with that fingerprint before and after."""
    try:
        with files.open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
            found = _fingerprint(os.fstat(file.fileno()))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _RefusedError(f"it can't be read ({error.strerror}); put in a plain file") from error
    if fingerprint not in (None, found):
        raise _ChangedError("it changed while it was read")
    if len(content) > MAX_BYTES:
        raise _RefusedError(f"it has more than {MAX_BYTES:,} bytes; put in a smaller picture")
    return content


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _checksum_of(key: str) -> str:
    """The checksum in a key; another partition's name stands for itself."""
    matched = KEY.fullmatch(key)
    return matched[1] if matched else key


def _free(directory: Path, name: str) -> Path:
    """A place for a file of that name, which may be too long, or taken."""
    short = os.fsdecode(os.fsencode(name)[:MAX_NAME_BYTES])
    number = 1
    while True:
        path = directory / (short if number == 1 else f"{short}~{number}")
        if not os.path.lexists(path) and not os.path.lexists(path.with_name(f"{path.name}.txt")):
            return path
        number += 1


def _decoded(cursor: str | None) -> tuple[set[str], set[str]]:
    """What the look before has seen, and what it could not move; nothing, from a cursor that is none of ours."""
    try:
        document = json.loads(cursor or "{}")
        return set(document.get("seen", ())), set(document.get("stuck", ()))
    except (ValueError, TypeError, AttributeError):
        return set(), set()
