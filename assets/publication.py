"""The files of an asset published as one, each with its checksum, so that what is read is whole and what it should be.

Beside the files lies one manifest an asset, `manifests/KEY.json`: the data version, and size and SHA-256 of each
file (the value, its figures). It alone says what the stored value is:

1. each new file is written beside its place under a name of its own, to the disk (`.NAME.CHECKSUM.staged`);
2. the new manifest replaces the old one, in one rename: the commit;
3. each staged file is renamed to its place; what the asset had before and has no more is removed.

A process killed before the commit leaves the whole old value: no file of it was touched. Killed after it, the whole
new one: a reader takes each file from its place, or from beside it, whichever has the checksum in the manifest. In
neither case is anything damaged, and the next run puts in place what is staged, and removes what was never committed.
A file that has another checksum in both places is damaged, and is not read. DamageError to a manifest shows too: it
holds its own checksum, and the key of its asset.

Dagster records the data version of an asset after it is stored. A process killed in between leaves a manifest with
another data version than Dagster's: the value is whole, yet nobody says what it was made from. It counts as out of
sync, and no step reads it, until the asset is materialized again.

A checksum is computed once while writing, and once a process while reading: as long as a file has the same inode,
size and time of change, it isn't read again to be verified.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from assets import files
from assets.files import Writer

MANIFESTS = "manifests"
STAGED = ".staged"
BLOCK = 1 << 20
# A file changed twice within a tick of the file system's clock has one time of change.
CLOCK_TICK_NS = 50_000_000
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")

# Of files verified by this process: device, inode, size, time of change; and the checksum found.
_verified: dict[tuple[int, int, int, int], str] = {}

T = TypeVar("T")


class DamageError(Exception):
    """A stored file is not what was stored; the message says which and how."""


@dataclass(frozen=True)
class Content:
    """What a file is to hold, with size in bytes and SHA-256."""

    writer: Writer
    size: int
    sha256: str

    @classmethod
    def of(cls, writer: Writer) -> Content:
        """The content that a writer writes, which is run once for its checksum."""
        sink = _HashingFile()
        writer(cast(BinaryIO, sink))
        return cls(writer, sink.size, sink.sha256.hexdigest())


@dataclass(frozen=True)
class Entry:
    """A file as recorded: size in bytes and SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What is stored of an asset: the data version of its value (None without one), and its files by path."""

    asset: str
    data_version: str | None
    files: dict[str, Entry]


class Shelf:
    """Published files under one directory.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def publish(self, key: str, data_version: str | None, contents: Mapping[str, Content]) -> None:
        """Replace all that is stored of an asset, at once; a failure leaves what was."""
        manifest = Manifest(key, data_version, {n: Entry(c.size, c.sha256) for n, c in contents.items()})
        self._commit(manifest, contents)

    def add(self, key: str, name: str, content: Content) -> None:
        """Add or replace one file of an asset."""
        before = self.manifest(key) or Manifest(key, None, {})
        added = {**before.files, name: Entry(content.size, content.sha256)}
        self._commit(Manifest(key, before.data_version, added), {name: content})

    def _commit(self, manifest: Manifest, contents: Mapping[str, Content]) -> None:
        before = self._manifest_or_none(manifest.asset)
        try:
            for name, content in contents.items():
                self._clear_way(name)
                files.write(self._staged(name, content.sha256), content.writer)
            text = encode(manifest)
            files.write(self._manifest_path(manifest.asset), lambda file: files.write_bytes(file, text))
        except BaseException:
            self._withdraw(contents, self._manifest_or_none(manifest.asset))
            raise
        files.flush_directory(self.root / MANIFESTS)
        self._settle(manifest)
        for name in before.files.keys() - manifest.files.keys() if before else ():
            with contextlib.suppress(OSError):  # a directory in its place: it is not ours to remove
                (self.root / name).unlink(missing_ok=True)

    def _withdraw(self, contents: Mapping[str, Content], valid: Manifest | None) -> None:
        """Remove what was staged for a publication that failed, except what the valid manifest names too."""
        for name, content in contents.items():
            if valid is None or valid.files.get(name) != Entry(content.size, content.sha256):
                self._staged(name, content.sha256).unlink(missing_ok=True)

    def _clear_way(self, name: str) -> None:
        """Remove a link, or a file, in the place of the directory of figures of an asset."""
        directory = (self.root / name).parent
        if directory.parent != self.root and (directory.is_symlink() or directory.is_file()):
            directory.unlink()

    def manifest(self, key: str) -> Manifest | None:
        """What is stored of an asset, None if nothing is.

        Raises
        ------
        DamageError
            If its manifest can't be read.
        """
        path = self._manifest_path(key)
        try:
            with files.open_plain(path) as file:
                return _decode(key, file.read())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamageError(
                f"its record {path} can't be read ({getattr(error, 'strerror', None) or error})"
            ) from error

    def reading(self, key: str, action: Callable[[Manifest], T]) -> T | None:
        """What `action` makes of the manifest of an asset and its files; None if nothing is stored.

        It is done again where a writer has replaced the manifest, or the files, in between.

        Raises
        ------
        DamageError
            If a manifest or a file is damaged, and no writer is the reason.
        """
        before: Manifest | None = None
        while (manifest := self.manifest(key)) is not None:
            try:
                return action(manifest)
            except DamageError:
                if manifest == before:
                    raise
                before = manifest
        return None

    def open(self, manifest: Manifest, name: str) -> BinaryIO:
        """Open a file, verified, from its place or from beside it.

        Raises
        ------
        DamageError
            If neither has the recorded checksum.
        """
        entry = manifest.files[name]
        directory = (self.root / name).parent
        if directory.parent != self.root and directory.is_symlink():
            raise DamageError(f"{directory} is a link")
        reasons = []
        for path in (self.root / name, self._staged(name, entry.sha256)):
            try:
                file = files.open_plain(path)
            except OSError as error:
                reasons.append(f"{path} can't be read ({error.strerror})")
                continue
            reason = _difference(file, entry)
            if reason is None:
                return file
            file.close()
            reasons.append(f"{path} {reason}")
        raise DamageError(reasons[0])

    def verify(self, manifest: Manifest) -> None:
        """Verify every file.

        Raises
        ------
        DamageError
            If one is damaged.
        """
        for name in manifest.files:
            self.open(manifest, name).close()

    def recover(self) -> None:
        """Finish what a killed process had committed, and remove what it had not; for the holder of the lock."""
        for key in self.keys():
            if manifest := self._manifest_or_none(key):
                self._settle(manifest)
        for path in self.leftovers():
            path.unlink(missing_ok=True)

    def keys(self) -> list[str]:
        """The assets of which something is stored."""
        return sorted(p.stem for p in (self.root / MANIFESTS).glob("*.json") if NAME.fullmatch(p.stem))

    def leftovers(self) -> list[Path]:
        """Files that a killed process, or one that is writing, has not finished."""
        return sorted(
            path
            for path in self._listed((MANIFESTS, "assets", "report", "figures/*"))
            if path.name.startswith(".") and path.suffix in (files.TEMPORARY, STAGED) and not path.is_dir()
        )

    def strangers(self) -> list[Path]:
        """Files where values lie that no manifest names; they are never read."""
        known = set(self.leftovers())
        for key in self.keys():
            if manifest := self._manifest_or_none(key):
                known |= {self.root / name for name in manifest.files}
        return sorted(path for path in self._listed(("assets", "report", "figures/*")) if path not in known)

    def _listed(self, directories: Iterable[str]) -> Iterator[Path]:
        """What lies in directories under the root; not through a link below the first level."""
        for directory in (found for pattern in directories for found in self.root.glob(pattern)):
            if directory.is_dir() and not (directory.is_symlink() and directory.parent != self.root):
                yield from directory.iterdir()

    def _settle(self, manifest: Manifest) -> None:
        """Put in place what is staged."""
        for name, entry in manifest.files.items():
            staged = self._staged(name, entry.sha256)
            if staged.exists():
                files.move(staged, self.root / name)

    def _manifest_or_none(self, key: str) -> Manifest | None:
        """The manifest of an asset where there is one that can be read."""
        with contextlib.suppress(DamageError):
            return self.manifest(key)
        return None

    def _manifest_path(self, key: str) -> Path:
        return self.root / MANIFESTS / f"{key}.json"

    def _staged(self, name: str, sha256: str) -> Path:
        path = self.root / name
        return path.with_name(f".{path.name}.{sha256[:16]}{STAGED}")


def forget() -> None:
    """Verify again what this process has verified."""
    _verified.clear()


def _difference(file: BinaryIO, entry: Entry) -> str | None:
    """How a file differs from its entry, None if it doesn't."""
    state = os.fstat(file.fileno())
    if state.st_size != entry.size:
        return f"has {state.st_size:,} bytes instead of {entry.size:,}"
    identity = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
    found = _verified.get(identity)
    if found is None:
        found = _checksum(file)
        if time.time_ns() - state.st_mtime_ns > CLOCK_TICK_NS:
            _verified[identity] = found
    return None if found == entry.sha256 else f"has the SHA-256 {found[:16]}… instead of {entry.sha256[:16]}…"


def _checksum(file: BinaryIO) -> str:
    sha256 = hashlib.sha256()
    block = memoryview(bytearray(BLOCK))
    while count := file.readinto(block):  # type: ignore[attr-defined]
        sha256.update(block[:count])
    file.seek(0)
    return sha256.hexdigest()


def encode(manifest: Manifest) -> bytes:
    """A manifest as it lies in its file, with its own checksum."""
    document = {
        "asset": manifest.asset,
        "data_version": manifest.data_version,
        "files": {name: {"bytes": entry.size, "sha256": entry.sha256} for name, entry in manifest.files.items()},
    }
    text = json.dumps(document, indent=1)
    document["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return (json.dumps(document, indent=1) + "\n").encode()


def _decode(key: str, text: bytes) -> Manifest:
    document: dict[str, Any] = json.loads(text)
    entries = {name: Entry(entry["bytes"], entry["sha256"]) for name, entry in document["files"].items()}
    manifest = Manifest(document["asset"], document["data_version"], entries)
    if encode(manifest) != text:
        raise ValueError("its checksum is another")
    if manifest.asset != key:
        raise ValueError(f"it is that of {manifest.asset}")
    for name in manifest.files:
        if not _belongs(name, key):
            raise ValueError(f"it names {name!r}, which is no file of {key}")
    return manifest


def _belongs(name: str, key: str) -> bool:
    """Whether a path is one at which a file of an asset may lie."""
    directory, _, file = name.rpartition("/")
    stem, _, suffix = file.partition(".")
    if not (NAME.fullmatch(stem) and NAME.fullmatch(suffix)):
        return False
    return directory in ("report", f"figures/{key}") or (directory == "assets" and stem == key)


class _HashingFile(io.RawIOBase):
    """Takes what is written, and keeps its size and checksum."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        self.size += len(data)
        return len(data)
