"""Publish all files of an asset at once, each with its checksum, so that readers see a complete and unchanged value.

Each asset has one manifest, `manifests/KEY.json`. It records the data version, and the size and SHA-256 of each file
(the value and its figures). The manifest alone decides what the stored value is. Publishing takes three steps:

1. Write each new file next to its final place under a temporary name, `.NAME.CHECKSUM.staged`, and flush it to disk.
2. Replace the old manifest by the new one with a single rename. This is the commit.
3. Rename each staged file to its final name, and remove the files that only the old value had.

A process that is killed before the commit leaves the complete old value: none of its files was touched. A process that
is killed after the commit leaves the complete new value: a reader looks for each file under its final and its staged
name, and takes the one with the checksum in the manifest. Nothing is damaged in either case. The next run renames the
staged files that belong to a manifest, and removes those that were never committed. A file is damaged, and is not read,
if neither name has the right checksum. Damage to a manifest is detected as well: it contains its own checksum and the
key of its asset.

A bucket has no rename. One PUT request writes a whole object there, so the PUT of the manifest is the commit; a staged
object is moved by a copy and a delete.

Dagster records the data version of an asset after the asset is stored. A process that is killed in between leaves a
manifest whose data version Dagster does not know. The value is complete, but nothing records what it was computed from.
It counts as out of sync, and no step reads it until the asset is materialized again.

`records/KEY.json` is a copy of what Dagster recorded, with its checksum, to restore the Dagster instance from. It is
not flushed to disk: after a power loss it may be damaged, and is not used.

A checksum is computed once before writing, and once per process while reading: a file that this process has written or
verified is not read again as long as its inode, size and modification time stay the same.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from mnist_pipeline.runtime.storage import files
from mnist_pipeline.runtime.storage.contents import (
    ASSETS,
    FIGURES,
    MANIFESTS,
    RECORDS,
    REPORT,
    VERSIONS,
    Content,
    DamageError,
    Entry,
    UnavailableError,
    VersionError,
)

if TYPE_CHECKING:
    from mnist_pipeline.runtime.storage.bucket import Bucket
    from mnist_pipeline.runtime.storage.directory import Directory

FORMAT = 1  # of manifests, and of the names of files; manifests without a number are of the same format
STAGED = ".staged"
UNFINISHED = re.compile(rf"\.(.+\.)?([0-9a-f]{{32}}{re.escape(files.TEMPORARY)}|[0-9a-f]{{16}}{re.escape(STAGED)})")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
SHA256 = re.compile(r"[0-9a-f]{64}")
# Where the files of assets are: one file per value, the files of a report, and the figures of an asset.
PUBLISHED = (ASSETS, REPORT, f"{FIGURES}/*")

T = TypeVar("T")


@dataclass(frozen=True)
class Manifest:
    """What is stored of an asset: the data version of its value, and its files by name."""

    asset: str
    data_version: str
    files: dict[str, Entry]
    origin: Mapping[str, Any] = field(default_factory=dict)  # of a former value; see `former`


class PublishedFiles:
    """The published files of all assets in one file store."""

    def __init__(self, store: Directory | Bucket) -> None:
        self.store = store

    def publish(self, key: str, data_version: str, contents: Mapping[str, Content]) -> None:
        """Replace everything that is stored of an asset at once; a failure leaves the old value."""
        manifest = Manifest(key, data_version, {name: content.entry for name, content in contents.items()})
        old = self.readable_manifest(key)
        staged = {_staged_name(name, content.entry): content for name, content in contents.items()}
        committing = False
        try:
            for name, content in staged.items():
                self.store.write(name, content)
            committing = True
            self.store.write(_manifest_name(key), Content.of_bytes(encode(manifest)))
        except BaseException as error:
            # If the answer to a commit is lost, the store may have carried it out, or may still do so.
            if not (committing and isinstance(error, UnavailableError)):
                self._discard_staged(contents, key)
            raise
        self.store.flush(MANIFESTS)
        self._move_into_place(manifest, staged)
        for name in old.files.keys() - manifest.files.keys() if old else ():
            self.store.remove(name)

    def _discard_staged(self, contents: Mapping[str, Content], key: str) -> None:
        """Remove the staged files of a failed publication, except those that the valid manifest names."""
        with contextlib.suppress(UnavailableError):  # the next run removes what is left
            valid = self.readable_manifest(key)
            for name, content in contents.items():
                if valid is None or valid.files.get(name) != content.entry:
                    self.store.remove(_staged_name(name, content.entry))

    def manifest(self, key: str) -> Manifest | None:
        """The manifest of an asset, None if nothing is stored of it; raises DamageError if it can't be read."""
        name = _manifest_name(key)
        try:
            return decode(key, self.store.read(name))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamageError(
                f"its record {self.store.path(name)} can't be read ({getattr(error, 'strerror', None) or error})"
            ) from error
        except VersionError as error:
            raise VersionError(f"its record {self.store.path(name)} {error}") from error

    def read_consistently(self, key: str, action: Callable[[Manifest], T]) -> T | None:
        """Call `action` with the manifest of an asset to read files of it; None if nothing is stored.

        If a writer replaces the manifest or the files in the meantime, `action` is called again. Any other damage of
        the manifest or a file raises DamageError.
        """
        previous: Manifest | None = None
        manifest = self.manifest(key)
        while manifest is not None:
            try:
                return action(manifest)
            except DamageError:
                current = self.manifest(key)
                if previous == manifest == current:  # it failed twice with the same manifest
                    raise
                previous, manifest = manifest, current
        return None

    def open(self, manifest: Manifest, name: str) -> BinaryIO:
        """Open a file under its final or its staged name; raises DamageError if neither has the right checksum."""
        return _try_both_names(self.store.open, manifest, name)

    def verify(self, manifest: Manifest, *, thorough: bool = True) -> None:
        """Raise DamageError if a file is damaged; unless `thorough`, trust the checksums that a bucket keeps."""
        for name in manifest.files:
            _try_both_names(functools.partial(self.store.verify, thorough=thorough), manifest, name)

    def recover(self) -> None:
        """Complete the publications that a killed process had committed, and remove the others' staged files.

        Only the holder of the lock may call this.
        """
        unfinished = self.unfinished_files()
        for key in self.keys() if unfinished else ():
            if manifest := self.readable_manifest(key):
                self._move_into_place(manifest, unfinished)
        for name in self.unfinished_files() if unfinished else ():
            self.store.remove(name)

    def keys(self) -> list[str]:
        """The keys of the assets that have a manifest."""
        names = (name.removeprefix(f"{MANIFESTS}/") for name in self.store.list_names((MANIFESTS,)))
        stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
        return sorted(stem for stem in stems if NAME.fullmatch(stem))

    def unfinished_files(self) -> list[str]:
        """Names of the temporary files of killed processes, and of processes that are writing now."""
        return sorted(filter(is_unfinished, self.store.list_names((MANIFESTS, RECORDS, *PUBLISHED, f"{VERSIONS}/*"))))

    def unknown_files(self) -> list[str]:
        """Names of everything in the directories of assets that no manifest names; it is never read."""
        known = set(self.unfinished_files())
        for key in self.keys():
            if manifest := self.readable_manifest(key):
                known |= manifest.files.keys()
        return sorted(name for name in self.store.list_names(PUBLISHED) if name not in known)

    def write_record(self, key: str, text: str) -> None:
        """Store a copy of what Dagster has recorded about an asset."""
        content = Content.of_bytes(_with_checksum({"recorded": text}))
        self.store.write(f"{RECORDS}/{key}.json", content, flush=False)

    def read_record(self, key: str) -> str | None:
        """The copy of what Dagster has recorded about an asset; None if there is none, or it is damaged."""
        try:
            content = self.store.read(f"{RECORDS}/{key}.json")
            text = str(json.loads(content)["recorded"])
            return text if _with_checksum({"recorded": text}) == content else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def _move_into_place(self, manifest: Manifest, staged: Collection[str]) -> None:
        """Rename the staged files of a manifest to their final names."""
        for name, entry in manifest.files.items():
            if _staged_name(name, entry) in staged:
                self.store.move(_staged_name(name, entry), name)

    def readable_manifest(self, key: str) -> Manifest | None:
        """The manifest of an asset, None if it is missing or damaged."""
        with contextlib.suppress(DamageError):
            return self.manifest(key)
        return None


def _try_both_names(action: Callable[[str, Entry], T], manifest: Manifest, name: str) -> T:
    """Call `action` with the final name of a file, then with its staged name; if both fail, raise the first error."""
    entry = manifest.files[name]
    try:
        return action(name, entry)
    except DamageError as damage:
        try:
            return action(_staged_name(name, entry), entry)
        except DamageError:
            raise damage from damage.__cause__


def _manifest_name(key: str) -> str:
    return f"{MANIFESTS}/{key}.json"


def _staged_name(name: str, entry: Entry) -> str:
    directory, _, file = name.rpartition("/")
    return f"{directory}/.{file}.{entry.sha256[:16]}{STAGED}"


def is_unfinished(name: str) -> bool:
    """Whether a file has a temporary name, as this package gives it."""
    return UNFINISHED.fullmatch(name.rpartition("/")[2]) is not None


def encode(manifest: Manifest) -> bytes:
    """The content of a manifest's file, with its own checksum."""
    return _with_checksum(
        {
            "format": FORMAT,
            "asset": manifest.asset,
            "data_version": manifest.data_version,
            "files": {name: {"bytes": entry.size, "sha256": entry.sha256} for name, entry in manifest.files.items()},
            **({"origin": manifest.origin} if manifest.origin else {}),
        }
    )


def _with_checksum(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, indent=1)
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return (json.dumps({**document, "sha256": checksum}, indent=1) + "\n").encode()


def decode(key: str, text: bytes) -> Manifest:
    """The manifest of an asset from the content of its file; raises an error of any class if it is not valid."""
    document: dict[str, Any] = json.loads(text)
    del document["sha256"]
    if _with_checksum(document) != text:
        raise ValueError("its checksum does not match")
    if document.get("format", FORMAT) != FORMAT:
        raise VersionError(f"has format {document['format']!r}; this version of mnist-pipeline reads {FORMAT}")
    if document["asset"] != key:
        raise ValueError(f"it is the record of {document['asset']!r}")
    if not NAME.fullmatch(document["data_version"]):
        raise ValueError(f"its data version is {document['data_version']!r}")
    for name in document["files"]:
        if not _belongs(name, key):
            raise ValueError(f"it names {name!r}, which is not a file of {key}")
    entries = {name: _entry(name, entry) for name, entry in document["files"].items()}
    if all(name.startswith(f"{FIGURES}/") for name in entries):
        raise ValueError("it names no file of a value")
    return Manifest(key, document["data_version"], entries, document.get("origin", {}))


def _entry(name: str, document: Mapping[str, Any]) -> Entry:
    """The size and the checksum of a file in a manifest."""
    size, sha256 = document["bytes"], document["sha256"]
    if type(size) is not int or not SHA256.fullmatch(sha256):
        raise ValueError(f"it has no size and SHA-256 of {name}")
    return Entry(size, sha256)


def _belongs(name: str, key: str) -> bool:
    """Whether a file of an asset may have this name."""
    directory, _, file = name.rpartition("/")
    stem, _, suffix = file.partition(".")
    if not (NAME.fullmatch(stem) and NAME.fullmatch(suffix)):
        return False
    return directory in (REPORT, f"{FIGURES}/{key}", f"{VERSIONS}/{key}") or (directory == ASSETS and stem == key)
