"""Values by asset key, in a directory or under an address such as `s3://BUCKET/PREFIX`.

A value never changes once it is written:

    KEY/VERSION/manifest.json    the type of the value, and its files with size and SHA-256
    KEY/VERSION/value.npy …      the files
    KEY/VERSION/origin.json      the run, the time, and the code and input versions that made it
    KEY/VERSION/figures/*.png    its figures
    KEY/current                  the VERSION that readers outside Dagster get

VERSION is the SHA-256 of the manifest. A writer writes each file completely or not at all, the
manifest after the files that it names, and `current` last. So a killed writer leaves the former
value, and two writers leave two versions. A reader checks the manifest by its name, and each file
by its entry in the manifest.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import quote

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.storage import formats
from mnist_pipeline.runtime.storage.formats import FormatError, Writer, to_json, writer_of
from mnist_pipeline.utils import places
from mnist_pipeline.utils.reported import ReportedError

MANIFEST, ORIGIN, CURRENT, FIGURES = "manifest.json", "origin.json", "current", "figures"
VERSION = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.%-]*")
TEMPORARY = ".unfinished"
DAY_SECONDS = 86_400
BLOCK = 1 << 20  # bytes
MAX_NAME = 160  # characters of a partition; file systems allow 255 in the name of a directory
UPDATE = "mnist-pipeline run --changed"
_described: list[
    tuple[object, tuple[bytes, dict[str, Writer]]]
] = []  # the latest value that is not stored yet
_verified: set[tuple[str, str, str]] = (
    set()
)  # root, key and version of values that this process has read or written


class StorageError(ReportedError, RuntimeError):
    """A stored value is missing or can't be used; the message names the asset, the problem and a
    remedy.
    """


class DamageError(Exception):
    """A stored file differs from what was stored; the message names the file and the difference."""


class Storage:
    """Values by key. Local directories and object stores differ only in how one file is written."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.path = _path(root)

    def write(
        self,
        key: str,
        value: object,
        origin: Mapping[str, Any] | None = None,
        figures: Mapping[str, bytes] | None = None,
    ) -> str:
        """Store a value with its figures (PNG by name), and make it the current one; return its
        version.
        """
        manifest, files = describe(value)
        _described.clear()
        version = _sha256(manifest)
        place = self._place(key) / version
        with self._reported(key):
            for name, writer in files.items():
                if not self._is_whole(place / name, json.loads(manifest)["files"][name]):
                    self._write(place / name, writer)
            for name, picture in (figures or {}).items():
                self._write(place / FIGURES / f"{_checked(name)}.png", writer_of(picture))
            if not (place / ORIGIN).exists():
                self._write(
                    place / ORIGIN,
                    writer_of(to_json({"time": round(time.time(), 3), **(origin or {})})),
                )
            self._write(place / MANIFEST, writer_of(manifest))
            _verified.add((self.root, key, version))
            self.set_current(key, version)
            if address := getattr(value, "address", None):  # for people it stays the same
                for name, writer in files.items():
                    self._write(self.path / address / name, writer)
        return version

    def read(self, key: str, version: str | None = None) -> Any:
        """The value of a key, by default the current one, of the type that was stored.

        Raises StorageError if it is not stored, is damaged, or can't be used by this version of the
        code.
        """
        found = version or self.current(key)
        try:
            manifest = self._verified_manifest(key, found)
            paths = {name: _local(self._place(key) / found / name) for name in manifest["files"]}
            return formats.decode(manifest, paths)
        except (DamageError, FormatError) as problem:
            raise StorageError(
                f"{key} can't be used: {problem}; compute it again with {_command(key)}"
            ) from problem

    def current(self, key: str) -> str:
        """The version that readers get; raises StorageError if there is none."""
        try:
            version = (self._place(key) / CURRENT).read_bytes().decode("ascii", "replace").strip()
        except FileNotFoundError:
            raise StorageError(
                f"{key} is not stored in {self.root}; compute it with {_command(key, '+')}"
            ) from None
        except OSError as error:
            raise StorageError(f"{key} can't be read ({error.strerror or error})") from error
        if not VERSION.fullmatch(version):
            raise StorageError(
                f"{key} is damaged: {CURRENT} names no version; compute it again with "
                f"{_command(key)}"
            )
        return version

    def has(self, key: str, version: str) -> bool:
        """Whether a version of a key is stored completely."""
        return (self._place(key) / version / MANIFEST).exists()

    def set_current(self, key: str, version: str) -> None:
        """Let readers get this version."""
        with self._reported(key):
            self._write(self._place(key) / CURRENT, writer_of(f"{version}\n".encode()))

    def keys(self) -> list[str]:
        """The keys of all values."""
        with self._reported("the storage"):
            places = self.path.iterdir() if self.path.exists() else []
            return sorted(place.name for place in places if (place / CURRENT).exists())

    def require_this_version(self) -> None:
        """Raise StorageError if an earlier version of this package wrote into the storage."""
        with self._reported("the storage"):
            if (self.path / "manifests").exists():
                raise StorageError(
                    f"an earlier version stored {self.root}; move it away, and run mnist-pipeline "
                    "run"
                )

    def versions(self, key: str) -> list[str]:
        """The versions of a key that are stored completely, the oldest first."""
        place = self._place(key)
        with self._reported(key):
            names = [each.name for each in place.iterdir()] if place.exists() else []
            complete = [
                name
                for name in names
                if VERSION.fullmatch(name) and (place / name / MANIFEST).exists()
            ]
        return sorted(complete, key=lambda name: self.origin(key, name).get("time", 0))

    def origin(self, key: str, version: str | None = None) -> dict[str, Any]:
        """What made a value:

        `run`, `time` in seconds since 1970, `code_version`, `inputs`, and `metadata`.
        """
        try:
            document = json.loads(
                (self._place(key) / (version or self.current(key)) / ORIGIN).read_bytes()
            )
        except (
            FileNotFoundError,
            ValueError,
        ):  # it is not part of the value, which can be used without it
            return {}
        return document if isinstance(document, dict) else {}

    def figure(self, key: str, name: str, version: str | None = None) -> bytes:
        """A figure, as PNG; raises StorageError if there is none of that name."""
        path = self._place(key) / (version or self.current(key)) / FIGURES / f"{_checked(name)}.png"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise StorageError(f"{key} has no figure {name!r}") from None

    def main_file(self, key: str, version: str | None = None) -> Path:
        """The file of a value that people open."""
        found = version or self.current(key)
        try:
            manifest = self._manifest(key, found)
        except DamageError as damage:
            raise StorageError(
                f"{key} is damaged: {damage}; compute it again with {_command(key)}"
            ) from damage
        return self._place(key) / found / list(manifest["files"])[-1]

    def fault(self, key: str, version: str | None = None) -> str | None:
        """What is wrong with a stored value, whose files are all read; None if nothing is."""
        try:
            found = version or self.current(key)
            _verified.discard((self.root, key, found))
            self._verified_manifest(key, found)
        except (StorageError, DamageError) as problem:
            return str(problem)
        return None

    def prune(self, keep: Mapping[str, int | None]) -> None:
        """Delete old versions, and the files that killed writers left.

        `keep` has the number of latest versions to keep by key, None for all of them; of other keys
        only the current version is kept. The inputs of a version of which all are kept are kept as
        well. Versions and unfinished files of the last day always stay, because another run may be
        using them.
        """
        inputs = {
            (name, version)
            for key, number in keep.items()
            if number is None
            for kept in self.versions(key)
            for name, version in self.origin(key, kept).get("inputs", {}).items()
        }
        for key in self.keys():
            found = self.versions(key)
            count = keep.get(key, 0)
            latest = found if count is None else found[max(0, len(found) - count) :]
            kept = {
                self.current(key),
                *latest,
                *(version for name, version in inputs if name == key),
            }
            for place in self._place(key).iterdir():
                if place.name not in kept and place.name != CURRENT and self._is_old(place):
                    _remove(place)

    def _place(self, key: str) -> Path:
        return self.path / _checked(key)

    def _manifest(self, key: str, version: str) -> dict[str, Any]:
        place = self._place(key) / version / MANIFEST
        try:
            content = place.read_bytes()
        except FileNotFoundError:
            raise DamageError(f"{place} does not exist") from None
        if _sha256(content) != version:
            raise DamageError(f"{place} has another SHA-256 than its directory is named by")
        return cast("dict[str, Any]", json.loads(content))

    def _verified_manifest(self, key: str, version: str) -> dict[str, Any]:
        """The manifest of a value, whose files are compared with it once per process."""
        with self._reported(key):
            manifest = self._manifest(key, version)
            if (self.root, key, version) not in _verified:
                for name, entry in manifest["files"].items():
                    _verify(self._place(key) / version / name, entry)
                _verified.add((self.root, key, version))
        return manifest

    def _is_whole(self, path: Path, entry: Mapping[str, Any]) -> bool:
        try:
            _verify(path, entry)
        except DamageError:
            return False
        return True

    def _write(self, path: Path, writer: Writer) -> None:
        """Write a file completely or not at all; it replaces an existing one."""
        if _is_remote(path):
            buffer = io.BytesIO()
            writer(buffer)
            cast("Any", path).fs.pipe_file(cast("Any", path).path, buffer.getvalue())
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}{TEMPORARY}")
        try:
            with temporary.open("wb") as file:
                writer(file)
            temporary.replace(path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _is_old(self, place: Path) -> bool:
        """Whether a version, or an unfinished file, is older than a day."""
        path = place / ORIGIN if (place / ORIGIN).exists() else place
        with contextlib.suppress(OSError):
            return time.time() - path.stat().st_mtime > DAY_SECONDS
        return False

    @contextlib.contextmanager
    def _reported(self, key: str) -> Iterator[None]:
        """Report in one line that the storage can't be read or written."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, OSError):  # of the network, from the library behind an address
                if type(error).__module__.partition(".")[0] not in ("aiohttp", "botocore"):
                    raise
                raise StorageError(f"{key}: {self.root} does not answer ({error})") from error
            remedy = (
                "free space on its disk"
                if error.errno == errno.ENOSPC
                else "check MNIST_PIPELINE_STORAGE"
            )
            raise StorageError(
                f"{key} can't be read or written in {self.root} ({error.strerror or error}); "
                f"{remedy}"
            ) from error


def describe(value: object) -> tuple[bytes, dict[str, Writer]]:
    """The manifest of a value, and a writer for each of its files.

    An asset asks for the version of its value before the value is stored, so the latest one is
    remembered until then.
    """
    if _described and _described[0][0] is value:
        return _described[0][1]
    entries, files = formats.type_entries(value), formats.encode(value)
    manifest = {**entries, "files": {name: _entry_of(writer) for name, writer in files.items()}}
    _described[:] = [(value, (to_json(manifest), files))]
    return _described[0][1]


def version_of(value: object) -> str:
    """The version that a value gets when it is stored; raises TypeError if there is no format for
    it.
    """
    return _sha256(describe(value)[0])


def current() -> Storage:
    """The storage that the settings name."""
    return Storage(settings.load().storage)


def read(key: str, partition: str | None = None) -> Any:
    """The stored value of an asset, or of one partition; see `mnist_pipeline.read`."""
    return current().read(stored_key(key, partition))


def stored_key(asset: str, partition: str | None = None) -> str:
    """The key under which an asset, or a partition of it, is stored."""
    if partition is None:
        return asset
    name = quote(partition, safe="")
    if len(name) > MAX_NAME:
        name = f"{name[:MAX_NAME]}-{_sha256(partition.encode())[:16]}"
    return f"{asset}-{name}"


class _HashingFile(io.RawIOBase):
    """Computes the size and the SHA-256 of what is written to it, and stores nothing."""

    def __init__(self) -> None:
        self.size, self._sha256 = 0, hashlib.sha256()

    def write(self, data: Any) -> int:
        self.size += (size := memoryview(data).nbytes)
        self._sha256.update(data)
        return size

    @property
    def entry(self) -> dict[str, Any]:
        return {"bytes": self.size, "sha256": self._sha256.hexdigest()}


def _entry_of(writer: Writer) -> dict[str, Any]:
    """What a manifest records of a file: its size in bytes and its SHA-256."""
    file = _HashingFile()
    writer(cast("BinaryIO", file))
    return file.entry


def _verify(path: Path, entry: Mapping[str, Any]) -> None:
    """Compare a file with its entry in the manifest; raises DamageError if it differs."""
    found = _HashingFile()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                found.write(block)
    except FileNotFoundError:
        raise DamageError(f"{path} does not exist") from None
    if found.size != entry["bytes"]:
        raise DamageError(f"{path} has {found.size:,} bytes instead of {entry['bytes']:,}")
    if found.entry != entry:
        raise DamageError(f"{path} has another SHA-256 than its manifest records")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise StorageError(f"{name!a} is not the name of anything stored")
    return name


def _command(key: str, upstream: str = "") -> str:
    """The command that computes an asset again; `+` includes everything upstream."""
    asset = f"{upstream}key:{key}" if upstream else key
    return UPDATE if "-" in key else f"mnist-pipeline run --select {asset}"


def _path(root: str) -> Path:
    """A local directory, or the place of an address with `://` as a path of universal_pathlib."""
    if "://" not in root:
        return Path(root)
    from upath import UPath

    return cast(
        "Path", UPath(root, use_listings_cache=False)
    )  # other processes write there as well


def _is_remote(path: Path) -> bool:
    return hasattr(path, "fs")


def _local(path: Path) -> Path:
    """The same file on this machine; a file of an object store is copied into fsspec's cache,
    once.
    """
    if not _is_remote(path):
        return path
    import fsspec

    cache = {
        "cache_storage": str(places.user_cache() / "files"),
        "check_files": False,
        "expiry_time": None,
    }
    return Path(fsspec.open_local(f"filecache::{path}", filecache=cache))


def _remove(place: Path) -> None:
    """Delete a version or a file.

    The manifest goes first, so that no reader finds half a version.
    """
    if place.is_dir():
        (place / MANIFEST).unlink(missing_ok=True)
        for each in list(place.iterdir()):
            _remove(each)
        if not _is_remote(place):
            place.rmdir()
    else:
        place.unlink(missing_ok=True)
