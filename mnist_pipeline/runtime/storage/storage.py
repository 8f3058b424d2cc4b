"""Values by asset key, in a directory or in a bucket (`s3://BUCKET/PREFIX`); nothing is read without verification.

The value of an asset is stored as `assets/KEY.SUFFIX`, or in `report/` if it consists of several files, its figures as
`figures/KEY/NAME.png`, and the checksums of all its files in `manifests/KEY.json` (see `publication`). `formats` lists
the types of values and their suffixes.

A partition is stored like an asset with the key `ASSET-PARTITION`: asset names are names of Python functions, and have
no hyphen. Each data set besides MNIST has the same layout in a directory of its own, `PREFIX/`, for the assets whose
keys are `PREFIX/KEY`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.storage import formats
from mnist_pipeline.runtime.storage.contents import ASSETS, FIGURES, REPORT, Content, DamageError, VersionError
from mnist_pipeline.runtime.storage.directory import Directory
from mnist_pipeline.runtime.storage.former import FormerValues
from mnist_pipeline.runtime.storage.publication import NAME, Manifest, PublishedFiles, is_unfinished
from mnist_pipeline.utils.reported import ReportedError

if TYPE_CHECKING:
    from mnist_pipeline.runtime.storage.bucket import Bucket

UPDATE = "mnist-pipeline run --changed"
PARTITION = "-"  # between the name of an asset and the name of its partition

T = TypeVar("T")


class StorageError(ReportedError, RuntimeError):
    """A stored value is missing or can't be read; the message names the asset, the problem and a remedy."""


@dataclass(frozen=True)
class Prepared:
    """An encoded value with its figures, ready to be published; `data_version` is the SHA-256 of the value."""

    key: str
    data_version: str
    contents: dict[str, Content]

    @property
    def size(self) -> int:
        """Size in bytes of the file that people open."""
        return self.contents[_main_file(self.contents)].entry.size

    @property
    def figures(self) -> list[str]:
        """The names of the figures."""
        return [PurePosixPath(name).stem for name in self.contents if name.startswith(f"{FIGURES}/")]


class Storage:
    """Values by asset key, in a directory or under a prefix of a bucket.

    Error messages name commands; `prefix` is what Dagster writes before the keys of this storage.
    """

    def __init__(self, root: object, prefix: str = "") -> None:
        self.root = str(root)
        self.prefix = prefix
        self.published = PublishedFiles(file_store(self.root))
        self.former = FormerValues(self.published)

    def lock(self, on_wait: Callable[[str], object]) -> contextlib.AbstractContextManager[bool]:
        """Lock the storage for this process, as a run does; see `Directory.lock`."""
        return self.published.store.lock(on_wait)

    def lock_holder(self) -> str | None:
        """A description of the process that holds the lock, None if no process does."""
        return self.published.store.lock_holder()

    def path(self, key: str) -> str:
        """The path, or the `s3://` address, of an asset's value; raises StorageError if none is stored."""
        return self._path(_main_file(self._manifest(key).files))

    def data_version(self, key: str) -> str:
        """The data version of an asset's value, which is not read; raises StorageError if none is stored."""
        return self._manifest(key).data_version

    def write(self, key: str, value: object, figures: Mapping[str, bytes] | None = None) -> str:
        """Store a value and its figures (PNG by name); an interruption leaves the previous ones."""
        return self.publish(prepare(key, value, figures))

    def publish(self, prepared: Prepared) -> str:
        """Replace everything that is stored of an asset by a prepared value; return the path of the value."""
        self.published.publish(prepared.key, prepared.data_version, prepared.contents)
        return self._path(_main_file(prepared.contents))

    def read(self, key: str, data_version: str | None = None) -> Any:
        """The value of an asset, of the type that was stored.

        Raises StorageError if no value is stored, it is damaged, or it has another data version than the given one.
        """

        def load(manifest: Manifest) -> Any:
            if data_version not in (None, manifest.data_version):
                raise StorageError(
                    f"{self.prefix + key} was stored by a run that ended before Dagster recorded it: "
                    f"{_recorded(data_version)}; update it with {UPDATE}"
                )
            return self._decode(manifest)

        return self._stored(key, lambda: self.published.read_consistently(key, load))

    def read_former(self, manifest: Manifest) -> Any:
        """A former value; raises StorageError if it is damaged, or has a format that this version does not read."""
        try:
            return self._decode(manifest)
        except DamageError as damage:
            raise StorageError(f"a former value of {self.prefix + manifest.asset} can't be used: {damage}") from damage

    def _decode(self, manifest: Manifest) -> Any:
        """Decode the files of a value; raises DamageError if their content is not valid, or of another version."""
        names = _value_files(manifest.files)
        try:
            return formats.decode(names, lambda name: self.published.open(manifest, name))
        except formats.FormatError as error:
            raise DamageError(f"{self._path(names[-1])} can't be read ({error})") from error
        except VersionError as error:
            raise VersionError(f"{self._path(names[-1])} {error}") from error

    def read_figure(self, key: str, name: str) -> bytes:
        """A figure of an asset, as PNG; raises StorageError if none is stored, or it is damaged."""
        file = _figure_file(key, name)

        def load(manifest: Manifest) -> bytes:
            if file not in manifest.files:
                raise StorageError(f"{self.prefix + key} has no figure {name!r}")
            with self.published.open(manifest, file) as opened:
                return opened.read()

        return self._stored(key, lambda: self.published.read_consistently(key, load))

    def figure_path(self, key: str, name: str) -> str:
        """The path, or the `s3://` address, of a figure of an asset."""
        return self._path(_figure_file(key, name))

    def fault(self, key: str, data_version: str | None, *, thorough: bool = False) -> str | None:
        """What is wrong with a stored value: "missing", "damaged: …", "unusable: …", "not recorded: …", or None.

        `data_version` is the one that Dagster has recorded. If `thorough`, all files and the value are read. Otherwise,
        a bucket is trusted, and a value of several files is not decoded.
        """
        try:
            manifest = self.published.manifest(_checked(key))
            if manifest is None:
                return "damaged: it has no record of its checksum" if self._file_without_manifest(key) else "missing"
            self.published.read_consistently(key, lambda manifest: self.published.verify(manifest, thorough=thorough))
        except VersionError as error:
            return f"unusable: {error}"
        except DamageError as damage:
            return f"damaged: {damage}"
        is_cheap = self.published.store.is_local and len(_value_files(manifest.files)) == 1
        if thorough or is_cheap:
            try:
                self.read_usable(key)
            except StorageError as error:
                return f"unusable: {error}"
        if data_version != manifest.data_version:
            return f"not recorded: {_recorded(data_version)}"
        return None

    def read_usable(self, key: str, data_version: str | None = None) -> Any:
        """Read a value that this version can compute with, as its class checks; raise StorageError otherwise."""
        value = self.read(key, data_version)
        if hasattr(value, "check_usable"):
            try:
                value.check_usable()
            except Exception as error:  # of many classes, because any array can have another shape
                raise StorageError(f"{self.prefix + key} can't be used: {error}; rebuild it with {UPDATE}") from error
        return value

    def recover(self) -> None:
        """Clean up after killed runs; only the holder of the lock may call this."""
        self.published.recover()

    def _path(self, name: str) -> str:
        return self.published.store.path(name)

    def _manifest(self, key: str) -> Manifest:
        """The manifest of an asset that has a value."""
        return self._stored(key, lambda: self.published.manifest(key))

    def _stored(self, key: str, find: Callable[[], T | None]) -> T:
        """What `find` returns of an asset; raises StorageError if that is damaged, or if nothing is stored."""
        asset = self.prefix + _checked(key)
        try:
            found = find()
            if found is None and (file := self._file_without_manifest(key)):
                raise DamageError(f"{file} has no record of its checksum")
        except VersionError as error:
            remedy = f"install the version that stored it, or rebuild it with {UPDATE}"
            raise StorageError(f"{asset} can't be used: {error}; {remedy}") from error
        except DamageError as damage:
            raise StorageError(f"{asset} is damaged: {damage}; rebuild it with {_command(asset)}") from damage
        if found is None:
            command = _command(asset, with_upstream=True)
            raise StorageError(f"{asset} is not stored in {self.root}; materialize it with {command}")
        return found

    def _file_without_manifest(self, key: str) -> str | None:
        """The path of a file with the name of an asset's value, None if there is none."""
        possible = {f"{ASSETS}/{key}{suffix}" for suffix in formats.SUFFIXES}
        directory = REPORT if key.endswith(REPORT) else ASSETS
        names = [name for name in self.published.store.list_names((directory,)) if not is_unfinished(name)]
        found = [name for name in names if directory == REPORT or name in possible]
        return self._path(min(found)) if found else None


def file_store(root: str) -> Directory | Bucket:
    """Where the files are: a directory, or a bucket for an `s3://` address."""
    if root.startswith(settings.SCHEME):
        from mnist_pipeline.runtime.storage.bucket import Bucket

        return Bucket(root)
    return Directory(Path(root))


def current(prefix: str | None = None, root: str | None = None) -> Storage:
    """The storage at `root`, by default the one that the settings name, or its part for a data set's prefix."""
    root = root or settings.load().storage
    return Storage(root) if prefix is None else Storage(f"{root}/{_checked(prefix)}", f"{prefix}/")


def all_storages() -> list[Storage]:
    """The storage that the settings name, and its parts for the other data sets."""
    return [current(), *(current(placed.prefix) for placed in settings.load().data_sets)]


def of_asset(asset: str, root: str | None = None) -> tuple[Storage, str]:
    """The storage of an asset, by its key as Dagster writes it, and the key within this storage."""
    prefix, separator, key = asset.rpartition("/")
    return current(prefix if separator else None, root), key


def read(key: str, partition: str | None = None) -> Any:
    """The stored value of an asset, or of one partition; see `mnist_pipeline.read`."""
    stored, name = of_asset(key)
    return stored.read(stored_key(name, partition))


def stored_key(asset: str, partition: str | None) -> str:
    """The key under which an asset, or a partition of it, is stored."""
    return asset if partition is None else f"{asset}{PARTITION}{partition}"


def prepare(key: str, value: object, figures: Mapping[str, bytes] | None = None) -> Prepared:
    """Encode a value and its figures (PNG by name); raises TypeError if there is no format for such a value."""
    _checked(key)
    try:
        writers = formats.encode(value)
    except TypeError as error:
        raise TypeError(f"{key}: {error}") from error
    contents = {
        f"{ASSETS}/{key}{name}" if name.startswith(".") else f"{REPORT}/{name}": Content.of(writer)
        for name, writer in writers.items()
    }
    if len(contents) == 1:
        (version,) = (content.entry.sha256 for content in contents.values())
    else:
        version = Content.of(lambda file: [writer(file) for writer in writers.values()]).entry.sha256
    pictures = {_figure_file(key, name): Content.of_bytes(picture) for name, picture in (figures or {}).items()}
    return Prepared(key, version, {**pictures, **contents})


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise StorageError(f"{name!r} is not the name of anything stored; names have letters, digits, '_' and '-' only")
    return name


def _figure_file(key: str, name: str) -> str:
    return f"{FIGURES}/{_checked(key)}/{_checked(name)}.png"


def _main_file(names: Iterable[str]) -> str:
    """The file of an asset that people open."""
    return _value_files(names)[-1]


def _value_files(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith(f"{FIGURES}/")]


def _command(key: str, *, with_upstream: bool = False) -> str:
    """The command that makes an asset again, with or without everything upstream of it."""
    if PARTITION in key:
        return UPDATE
    return "mnist-pipeline run --select " + (f"'+{key}'" if with_upstream else key)


def _recorded(data_version: str | None) -> str:
    if data_version is None:
        return "Dagster has recorded no data version"
    return f"the data version that Dagster has recorded, {data_version[:16]}…, is that of another value"
