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

A bucket has no rename: there one request puts a whole object, the manifest's is the commit, and a staged file gets its
place by a copy (see `places`).

Dagster records the data version of an asset after it is stored. A process killed in between leaves a manifest with
another data version than Dagster's: the value is whole, yet nobody says what it was made from. It counts as out of
sync, and no step reads it, until the asset is materialized again.

A checksum is computed once before writing, and once a process while reading: as long as a file that the process has
written or verified has the same inode, size and time of change, it isn't read to be verified.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from mnist_pipeline.runtime.storage import files
from mnist_pipeline.runtime.storage.contents import Content, DamageError, Entry, UnavailableError
from mnist_pipeline.runtime.storage.file_store import MANIFESTS, FileStore

if TYPE_CHECKING:
    from upath import UPath

STAGED = ".staged"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
LISTED = ("assets", "report", "figures/*")

T = TypeVar("T")


@dataclass(frozen=True)
class Manifest:
    """What is stored of an asset: the data version of its value (None without one), and its files by path."""

    asset: str
    data_version: str | None
    files: dict[str, Entry]


class PublishedFiles:
    """Published files in one place.

    Parameters
    ----------
    place : FileStore
    """

    def __init__(self, store: FileStore) -> None:
        self.store = store

    @property
    def root(self) -> Path | UPath:
        """Where the files lie."""
        return self.store.root

    def publish(self, key: str, data_version: str | None, contents: Mapping[str, Content]) -> None:
        """Replace all that is stored of an asset, at once; a failure leaves what was."""
        manifest = Manifest(key, data_version, {name: content.entry for name, content in contents.items()})
        self._commit(manifest, contents)

    def add_file(self, key: str, name: str, content: Content) -> None:
        """Add or replace one file of an asset."""
        before = self.manifest(key) or Manifest(key, None, {})
        self._commit(Manifest(key, before.data_version, {**before.files, name: content.entry}), {name: content})

    def _commit(self, manifest: Manifest, contents: Mapping[str, Content]) -> None:
        before = self._manifest_or_none(manifest.asset)
        staged = {_staged_name(name, content.entry): content for name, content in contents.items()}
        committing = False
        try:
            for name, content in staged.items():
                self.store.write(name, content)
            text = encode(manifest)
            committing = True
            self.store.write(_manifest_name(manifest.asset), Content.of(lambda file: files.write_bytes(file, text)))
        except BaseException as error:
            # A commit whose answer is lost may have been carried out, or be carried out yet.
            if not (committing and isinstance(error, UnavailableError)):
                self._discard_staged(contents, manifest.asset)
            raise
        self.store.flush(MANIFESTS)
        self._move_into_place(manifest, staged)
        for name in before.files.keys() - manifest.files.keys() if before else ():
            with contextlib.suppress(OSError):  # a directory in its place: it is not ours to remove
                self.store.remove(name)

    def _discard_staged(self, contents: Mapping[str, Content], key: str) -> None:
        """Remove what was staged for a publication that failed, except what the valid manifest names too."""
        with contextlib.suppress(UnavailableError):  # what is left is removed by the next run
            valid = self._manifest_or_none(key)
            for name, content in contents.items():
                if valid is None or valid.files.get(name) != content.entry:
                    self.store.remove(_staged_name(name, content.entry))

    def manifest(self, key: str) -> Manifest | None:
        """What is stored of an asset, None if nothing is.

        Raises
        ------
        DamageError
            If its manifest can't be read.
        """
        name = _manifest_name(key)
        try:
            return _decode(key, self.store.read(name))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamageError(
                f"its record {self.root / name} can't be read ({getattr(error, 'strerror', None) or error})"
            ) from error

    def read_consistently(self, key: str, action: Callable[[Manifest], T]) -> T | None:
        """What `action` makes of the manifest of an asset and its files; None if nothing is stored.

        It is done again where a writer has replaced the manifest, or the files, in between.

        Raises
        ------
        DamageError
            If a manifest or a file is damaged, and no writer is the reason.
        """
        before: Manifest | None = None
        manifest = self.manifest(key)
        while manifest is not None:
            try:
                return action(manifest)
            except DamageError:
                after = self.manifest(key)
                if before == manifest == after:  # it was tried twice, and is valid still
                    raise
                before, manifest = manifest, after
        return None

    def open(self, manifest: Manifest, name: str) -> BinaryIO:
        """Open a file, verified, from its place or from beside it.

        Raises
        ------
        DamageError
            If neither has the recorded checksum.
        """
        return _try_both_names(self.store.open, manifest, name)

    def verify(self, manifest: Manifest, *, thorough: bool = True) -> None:
        """Verify every file; `thorough`, by its content alone, else by what the place vouches for.

        Raises
        ------
        DamageError
            If one is damaged.
        """
        for name in manifest.files:
            _try_both_names(functools.partial(self.store.verify, thorough=thorough), manifest, name)

    def recover(self) -> None:
        """Finish what a killed process had committed, and remove what it had not; for the holder of the lock."""
        leftovers = self.unfinished_files()
        for key in self.keys() if leftovers else ():
            if manifest := self._manifest_or_none(key):
                self._move_into_place(manifest, leftovers)
        for name in self.unfinished_files() if leftovers else ():
            self.store.remove(name)

    def keys(self) -> list[str]:
        """The assets of which something is stored."""
        names = (name.removeprefix(f"{MANIFESTS}/") for name in self.store.listed((MANIFESTS,)))
        stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
        return sorted(stem for stem in stems if NAME.fullmatch(stem))

    def unfinished_files(self) -> list[str]:
        """Names of files that a killed process, or one that is writing, has not finished."""
        return sorted(
            name
            for name in self.store.listed((MANIFESTS, *LISTED))
            if _is_unfinished(name) and self.store.is_file(name)
        )

    def unknown_files(self) -> list[str]:
        """Names of what lies where values lie and no manifest names; it is never read."""
        known = set(self.unfinished_files())
        for key in self.keys():
            if manifest := self._manifest_or_none(key):
                known |= manifest.files.keys()
        return sorted(name for name in self.store.listed(LISTED) if name not in known)

    def _move_into_place(self, manifest: Manifest, staged: Collection[str]) -> None:
        """Put in place what is staged."""
        for name, entry in manifest.files.items():
            if _staged_name(name, entry) in staged:
                self.store.move(_staged_name(name, entry), name)

    def _manifest_or_none(self, key: str) -> Manifest | None:
        """The manifest of an asset where there is one that can be read."""
        with contextlib.suppress(DamageError):
            return self.manifest(key)
        return None


def _try_both_names(action: Callable[[str, Entry], T], manifest: Manifest, name: str) -> T:
    """What an action makes of a file in its place, or else of the one beside it; if of neither, the first reason."""
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


def _is_unfinished(name: str) -> bool:
    file = name.rpartition("/")[2]
    return file.startswith(".") and file.endswith((files.TEMPORARY, STAGED))


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
