"""Values by asset key, in a directory or under an address such as `s3://BUCKET/PREFIX`.

A value never changes once it is written:

    KEY/VERSION/manifest.json    the KEY, the type of the value, and its files with size and SHA-256
    KEY/VERSION/value.npy …      the files
    KEY/VERSION/runs/RUN.json    a record of each run that computed it: the KEY, the time, the code
                                 version, the input versions, and its figures with size and SHA-256;
                                 not part of the version
    KEY/VERSION/figures/*.png    its figures; not part of the version
    KEY/current                  the VERSION that readers outside Dagster get

VERSION is the SHA-256 of the manifest. A writer writes each file completely or not at all, the
manifest after the files that it names, and `current` last. So a killed writer leaves the former
value, and two writers leave two versions. A writer does not wait for the disk, which would take
some seconds per run: what a power loss damages, a reader finds.

A reader checks the manifest by its name, and each file by its entry in the manifest. The second
line of a record is the SHA-256 of its other lines. A missing file, or a directory or pipe in its
place, counts as damage.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast
from urllib.parse import quote

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.storage import formats
from mnist_pipeline.runtime.storage.formats import Blocks, DamageError, to_json
from mnist_pipeline.utils import directories
from mnist_pipeline.utils.printable import unknown
from mnist_pipeline.utils.reported import ReportedError

MANIFEST, RUNS, CURRENT, FIGURES = "manifest.json", "runs", "current", "figures"
VERSION = "[0-9a-f]" * 64  # a pattern for `re` and for `glob`
MAX_NAME = 250  # characters; file systems allow 255 bytes, and ".png" follows
NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.%-]{{,{MAX_NAME - 1}}}")
READABLE = 60  # first characters of a long partition that stay in the key
CHECKSUM = "sha256"  # the first entry of a record
SHOWN = ("seconds", "config", "seed", "recipe", "losses", "reason")  # of the metadata of a record
TEMPORARY = ".unfinished"
ASIDE = ".aside"  # what lay where a file or a folder belongs
DAY_SECONDS = 86_400
BLOCK = 1 << 20  # bytes
SMALL = 100 << 20  # bytes; a manifest, a record or a figure has fewer
# Root, key and version of the values that this process has read or written.
_verified: set[tuple[str, str, str]] = set()


class StorageError(ReportedError, RuntimeError):
    """A stored value is missing or can't be used; the message names the asset, the problem and a
    remedy.
    """


class UnreachableError(StorageError):
    """A bucket does not answer. It may answer later, and whether a value is damaged is unknown."""


class Described(NamedTuple):
    """A value as it is stored; the arrays are not copied."""

    version: str
    manifest: bytes
    files: dict[str, Blocks]  # the content of each file by name


class Storage:
    """Values by key. Local directories and object stores differ only in how one file is written."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.path = _path(root)
        self.is_remote = _is_remote(self.path)
        self.skipped: set[Path] = set()  # damaged records

    def write(self, key: str, value: object, origin: Mapping[str, Any] = {}) -> str:
        """Store a value, and make it the current one; return its version.

        The value may also be described already, see `describe`. `origin` is the record of the run
        that computed the value. The record also lists the figures that `write_figures` has stored
        for this version.
        """
        described = value if isinstance(value, Described) else describe(key, value)
        version, manifest, files = described
        directory = self._directory(key) / version
        with self._reported(key):
            figures = filter(Path.is_file, (directory / FIGURES).glob("*.png"))
            listed = {path.stem: _entry([_content(path)]) for path in sorted(figures)}
            record = {"key": key, "run": "none", "time": time.time(), **origin, "figures": listed}
            protected = {CHECKSUM: _sha256(to_json(record)), **record}
            # First, because no other run deletes a version with a record of the last day.
            self._write(directory / RUNS / f"{record['run']}.json", to_json(protected))
            for name, blocks in files.items():
                self._write(directory / name, *blocks)
            self._write(directory / MANIFEST, manifest)
        _verified.add((self.root, key, version))
        self.set_current(key, version)
        return version

    def write_figures(self, key: str, version: str, figures: Mapping[str, bytes]) -> None:
        """Store figures (PNG by name) for a version that `write` stores next.

        If the writer dies in between, they are deleted after a day, like an old version.
        """
        with self._reported(key):
            for name, picture in figures.items():
                path = self._directory(key) / version / FIGURES / f"{_checked(name)}.png"
                self._write(path, picture)

    def read(self, key: str, version: str | None = None) -> Any:
        """The value of a key, by default the current one, of the type that was stored.

        Raises StorageError if it is not stored, is damaged, or can't be used by this version of the
        code.
        """
        version = version or self.current_version(key)
        with self._reported(key):
            manifest = self._verified_manifest(key, version)
            paths = {
                name: _local(self._directory(key) / version / name) for name in manifest["files"]
            }
            return formats.decode(manifest, paths)

    def current_version(self, key: str) -> str:
        """The version that readers get; raises StorageError if there is none."""
        path = self._directory(key) / CURRENT
        with self._reported(key):
            if not path.exists():
                keys, problem = self.keys(), f"nothing is stored in {self.root};"
                if keys:
                    problem = f"{unknown(key, f'stored in {self.root}', keys)} If not,"
                raise StorageError(
                    f"{problem} name another storage by MNIST_PIPELINE_STORAGE, or compute it with "
                    f"{_command(key)}"
                )
            version = _content(path).decode("ascii", "replace").strip()
            if not re.fullmatch(VERSION, version):
                raise DamageError(f"{path} names no version")
            return version

    def set_current(self, key: str, version: str) -> None:
        """Let readers get this version; a value with an address is also copied there, for
        people.
        """
        directory = self._directory(key)
        with self._reported(key):
            self._write(directory / CURRENT, f"{version}\n".encode())
            manifest = self._manifest(key, version)
            for name in manifest["files"] if "address" in manifest else ():
                content = (directory / version / name).read_bytes()
                self._write(self.path / manifest["address"] / name, content)

    def keys(self) -> list[str]:
        """The keys of all values."""
        with self._reported("the storage"):
            # Folders of other programs, even unreadable ones, contain no version.
            folders = {version.parent for version in self.path.glob(f"*/{VERSION}")}
            return sorted(folder.name for folder in folders if (folder / CURRENT).exists())

    def records(self, key: str) -> dict[str, list[dict[str, Any]]]:
        """The versions of a key that are stored completely, each with a record of every run that
        computed it.

        The latest run comes last, and so does the version that it computed. A record has `run`,
        `time` in seconds since 1970, `code_version`, `inputs`, `metadata` and `figures`. Damaged
        records are left out, see `skipped`.
        """
        with self._reported(key):
            manifests = self._directory(key).glob(f"{VERSION}/{MANIFEST}")
            records = {path.parent.name: self._read_records(path.parent) for path in manifests}
        # Versions without an intact record come first.
        return dict(sorted(records.items(), key=lambda item: [run["time"] for run in item[1][-1:]]))

    def origin(self, key: str, version: str | None = None) -> dict[str, Any]:
        """The record of the latest run that computed a value; empty if there is none."""
        records = self._read_records(self._directory(key) / (version or self.current_version(key)))
        return records[-1] if records else {}

    def origins(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Where the current values come from.

        All entries of a value that is not stored are None.
        """
        stored, found = set(self.keys()), dict[str, dict[str, Any]]()
        for key in keys:
            record = self.origin(key) if key in stored else {}
            metadata = record.get("metadata", {})
            found[key] = {
                "run_id": record.get("run"),
                "data_version": self.current_version(key) if key in stored else None,
                "code_version": record.get("code_version"),
                **{name: metadata.get(name) for name in SHOWN},
            }
        return found

    def figure(self, key: str, name: str) -> bytes:
        """A figure, as PNG; raises StorageError if there is none of that name."""
        path = self._directory(key) / self.current_version(key) / FIGURES / f"{_checked(name)}.png"
        with self._reported(key):
            return _content(path)

    def size(self, key: str, version: str) -> int:
        """The size of the files of a value in bytes."""
        return sum(entry["bytes"] for entry in self._manifest(key, version)["files"].values())

    def main_file(self, key: str, version: str | None = None) -> Path:
        """The file of a value that people open."""
        version = version or self.current_version(key)
        return self._directory(key) / version / list(self._manifest(key, version)["files"])[-1]

    def verify(self, key: str, version: str | None = None) -> None:
        """Read all files of a version; raise StorageError if one is missing or damaged.

        By default the current version, which is read once per process, with its copy for people,
        its figures, and the record of its latest run; and whether this version of the code can read
        it.
        """
        with self._reported(key):
            if version:
                _verified.discard((self.root, key, version))
                self._verified_manifest(key, version)
                return
            version = self.current_version(key)
            manifest, directory = (
                self._verified_manifest(key, version),
                self._directory(key) / version,
            )
            formats.check(manifest)
            for name, entry in manifest["files"].items() if "address" in manifest else ():
                _verify(self.path / manifest["address"] / name, entry)
            if not (records := self._read_records(directory)):
                raise DamageError(f"{directory / RUNS} has no intact record of a run")
            for name, entry in records[-1].get("figures", {}).items():
                _verify(directory / FIGURES / f"{name}.png", entry)

    def fault(self, key: str, version: str | None = None) -> str | None:
        """What is wrong with a version, see `verify`; None if nothing is.

        Raises UnreachableError if its bucket does not answer.
        """
        try:
            self.verify(key, version)
        except UnreachableError:
            raise
        except StorageError as problem:
            return str(problem.__cause__ or problem)
        return None

    def mend(self, key: str, version: str) -> str | None:
        """What is wrong with a version that must be there; None if nothing is.

        If only `current` or the copy for people is missing or damaged, this version becomes the
        current one.
        """
        fault = self.fault(key, version)
        if fault is None and self.fault(key):
            self.set_current(key, version)
            fault = self.fault(key)
        return fault

    def prune(self, key: str, keep: Mapping[str, int | None]) -> None:
        """Delete old versions of a key, old records of its current version, and the files that
        killed writers left.

        `keep` has the number of latest versions to keep by key, by default 1, and None for all of
        them. It limits the records of the current version as well. The current version and what was
        written during the last day always stay, because another run may be using them.
        """
        directory, current, records = (
            self._directory(key),
            self.current_version(key),
            self.records(key),
        )
        number = keep.get(key, 1) or 0  # 0 for all: [-0:] is everything, and [:-0] nothing
        kept = {current, *list(records)[-number:]}
        entries = [entry for entry in directory.glob(VERSION) if entry.name not in kept]
        entries += directory.rglob(f"*{TEMPORARY}")
        runs = [record["run"] for record in records[current][:-number]]
        entries += [directory / current / RUNS / f"{run}.json" for run in runs]
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # another run may delete the same files
                if self._is_old(entry):
                    _remove(entry)

    def _directory(self, key: str) -> Path:
        return self.path / _checked(key)

    def _manifest(self, key: str, version: str) -> dict[str, Any]:
        path = self._directory(key) / version / MANIFEST
        content = _content(path)
        if _sha256(content) != version:
            raise DamageError(f"the SHA-256 of {path} does not match its directory's name")
        manifest: dict[str, Any] = json.loads(content)
        if (stored := manifest.get("key", key)) != key:  # an older manifest names none
            raise DamageError(f"{path.parent} is a version of {stored}")
        return manifest

    def _verified_manifest(self, key: str, version: str) -> dict[str, Any]:
        """The manifest of a value, whose files are compared with it once per process."""
        manifest = self._manifest(key, version)
        if (self.root, key, version) not in _verified:
            for name, entry in manifest["files"].items():
                _verify(self._directory(key) / version / name, entry)
            _verified.add((self.root, key, version))
        return manifest

    def _read_records(self, directory: Path) -> list[dict[str, Any]]:
        """The intact records of the runs that computed a version, the latest last."""
        records = []
        for path in (directory / RUNS).glob("*.json"):
            try:
                records.append(_record(path))
            except DamageError:
                self.skipped.add(path)
        return sorted(records, key=itemgetter("time"))

    def _is_old(self, path: Path) -> bool:
        """Whether a version was computed, or a file written, more than a day ago."""
        times = [record["time"] for record in self._read_records(path)] or [path.stat().st_mtime]
        return time.time() - times[-1] > DAY_SECONDS

    def _write(self, path: Path, *blocks: bytes | memoryview) -> None:
        """Write a file completely or not at all; it replaces an existing one.

        A directory in its place is moved aside, and so is anything in place of its folder.
        """
        if _is_remote(path):
            remote: Any = path
            remote.fs.pipe_file(remote.path, b"".join(blocks))
            return
        self._clear(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}{TEMPORARY}")
        try:
            with temporary.open("wb") as file:
                file.writelines(blocks)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _clear(self, file: Path) -> None:
        """Move aside what is in the way of a local file: a directory of its name, or anything but a
        directory in place of a folder of this storage.
        """
        for path in (file, *file.parents):
            if self.path not in path.parents:
                return
            if path == file:
                is_in_the_way = path.is_dir() and not path.is_symlink()
            else:
                is_in_the_way = os.path.lexists(path) and not path.is_dir()
            if is_in_the_way:
                path.rename(path.with_name(f"{path.name}.{uuid.uuid4().hex}{ASIDE}"))

    @contextlib.contextmanager
    def _reported(self, key: str) -> Iterator[None]:
        """Report in one line that a value is damaged, or that the storage can't be read or
        written.
        """
        try:
            yield
        except DamageError as problem:
            raise StorageError(
                f"{key} can't be used: {problem}; compute it again with {_command(key)}"
            ) from problem
        except Exception as error:
            # The libraries behind an address have errors of their own.
            library = type(error).__module__.partition(".")[0]
            if not isinstance(error, OSError) and library not in ("aiohttp", "botocore"):
                raise
            is_final = isinstance(error, FileNotFoundError | PermissionError)
            kind = UnreachableError if self.is_remote and not is_final else StorageError
            raise kind(
                f"{key} can't be read or written in {self.root}: {error}; check this storage, and "
                "the permissions and the space there"
            ) from error


def version_of(key: str, value: object) -> str:
    """The version that a value gets when it is stored under a key.

    Raises TypeError if it has no format.
    """
    return describe(key, value).version


def default_storage() -> Storage:
    """The storage that the settings name."""
    return Storage(settings.load().storage)


def stored_key(asset: str, partition: str | None = None) -> str:
    """The key under which an asset, or a partition of it, is stored.

    It is a name for a directory on every disk and in every bucket: a character of the partition
    that is not a letter, a digit or one of `_.-` is escaped, as in a URL. A key that would be too
    long ends with `%-`, which is not an escape, and a checksum of the partition.
    """
    if partition is None:
        return asset
    name = quote(partition, safe="").replace("~", "%7E")
    if len(asset) + len(name) >= MAX_NAME:
        name = f"{name[:READABLE]}%-{_sha256(partition.encode())[:32]}"
    return f"{asset}-{name}"


def describe(key: str, value: object) -> Described:
    """What is stored of a value under a key.

    Raises TypeError if it has no format.
    """
    entries, files = formats.type_entries(value), formats.encode(value)
    listed = {name: _entry(blocks) for name, blocks in files.items()}
    manifest = to_json({"key": key, **entries, "files": listed})
    return Described(_sha256(manifest), manifest, files)


def _entry(blocks: Iterable[bytes | memoryview]) -> dict[str, Any]:
    """The entry of a file in the manifest: its size in bytes and its SHA-256."""
    size, sha256 = 0, hashlib.sha256()
    for block in blocks:
        size += len(block)
        sha256.update(block)
    return {"bytes": size, "sha256": sha256.hexdigest()}


def _open(path: Path) -> BinaryIO:
    """Open a file to read it; raises DamageError if there is none."""
    if not path.is_file():  # opening a pipe would wait forever
        raise DamageError(f"{path} is missing, or is not a file")
    return path.open("rb")


def _content(path: Path) -> bytes:
    """The content of a small file; raises DamageError if there is none."""
    with _open(path) as file:
        return file.read(SMALL)


def _verify(path: Path, entry: Mapping[str, Any]) -> None:
    """Compare a file with its entry in a manifest or record; raises DamageError if it differs."""
    with _open(path) as file:
        stored = _entry(iter(partial(file.read, BLOCK), b""))
    if stored != entry:
        raise DamageError(f"{path} is not as it was stored")


def _record(path: Path) -> dict[str, Any]:
    """The record of a run; raises DamageError if it is not as it was written."""
    with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError, RecursionError):
        record: dict[str, Any] = json.loads(_content(path))
        checksum = record.pop(CHECKSUM)
        key = path.parents[2].name
        is_at_home = record["run"] == path.stem and record.get("key", key) == key
        if is_at_home and checksum == _sha256(to_json(record)):
            return record
    raise DamageError(f"{path} is not as a run wrote it")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise StorageError(f"{name!a} is not the name of anything stored")
    return name


def _command(key: str) -> str:
    """The command that computes a value again, with whatever upstream is missing or damaged."""
    asset, _, partition = key.partition("-")
    return f"mnist-pipeline run --changed --select {asset if partition else f'+key:{asset}'}"


def _path(root: str) -> Path:
    """A local directory, or the path in universal_pathlib of an address with `://`."""
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

    cache = {"cache_storage": str(directories.user_cache() / "files"), "expiry_time": None}
    return Path(fsspec.open_local(f"filecache::{path}", filecache=cache))


def _remove(path: Path) -> None:
    """Delete a version or a file.

    The manifest goes first, so that no reader finds half a version. A link is deleted, and not what
    it leads to.
    """
    if path.is_dir() and not path.is_symlink():
        for entry in [path / MANIFEST, *path.iterdir()]:
            _remove(entry)
        if not _is_remote(path):
            path.rmdir()
    else:
        path.unlink(missing_ok=True)
