"""Former values of an asset, kept when another value replaces them, with a record of where they came from.

A former value is in `versions/KEY/`. Its files are named by the beginning of its data version. They are second names
(hard links) of the published files, or copies in a bucket. Its manifest, `TIME-VERSION.json`, is written last:
a former value without it does not exist. If several runs compute the same value, several manifests name the same files.
Figures are not kept.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from typing import Any, BinaryIO

from mnist_pipeline.runtime.storage.contents import ASSETS, FIGURES, VERSIONS, Content, DamageError, VersionError
from mnist_pipeline.runtime.storage.files import Writer
from mnist_pipeline.runtime.storage.publication import Manifest, PublishedFiles, decode, encode

DIGITS = 16  # of the data version, in the names of files
# The fields of the record of a former value, with their types in JSON.
ORIGIN: dict[str, tuple[type, ...]] = {
    "time": (int, float),
    "run": (str,),
    "code_version": (str, type(None)),
    "inputs": (dict,),
    "metadata": (dict,),
}
END_OF_TIME = datetime(9999, 1, 1, tzinfo=timezone.utc).timestamp()
MANIFEST = re.compile(rf"[0-9]{{13}}-[0-9a-f]{{{DIGITS}}}\.json")


class FormerValues:
    """The former values of the assets in one file store. They are identified by the name of their manifest's file."""

    def __init__(self, published: PublishedFiles) -> None:
        self._published = published
        self._store = published.store

    def keep(self, manifest: Manifest, time: float, origin: Mapping[str, Any]) -> str:
        """Keep a published value; return its name. `time` is when it was computed, in seconds since 1970."""
        version = manifest.data_version[:DIGITS]
        directory = f"{VERSIONS}/{manifest.asset}"
        published = [name for name in manifest.files if not name.startswith(f"{FIGURES}/")]
        kept = {name: f"{directory}/{version}.{_suffix(name)}" for name in published}
        for source, target in kept.items():
            self._store.link(source, target)
        entries = {target: manifest.files[source] for source, target in kept.items()}
        former = Manifest(manifest.asset, manifest.data_version, entries, origin)
        name = f"{directory}/{round(time * 1000):013}-{version}.json"
        self._store.write(name, Content.of_bytes(encode(former)))
        return name

    def of(self, key: str) -> dict[str, Manifest]:
        """The former values of an asset, the oldest first, without those whose manifest can't be read."""
        found = {}
        for name in self._manifests(key):
            with contextlib.suppress(DamageError):
                found[name] = self.manifest(key, name)
        return found

    def manifest(self, key: str, name: str) -> Manifest:
        """The manifest of a former value; raises DamageError if it can't be read."""
        try:
            manifest = decode(key, self._store.read(name))
            _check_origin(manifest.origin)
            return manifest
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamageError(f"{self._store.path(name)} can't be read ({error})") from error

    def faults(self, key: str) -> dict[str, str]:
        """What is damaged of former values of an asset; all their files are read."""
        faults = {}
        for name in self._manifests(key):
            try:
                self._published.verify(self.manifest(key, name))
            except VersionError:  # a later version of this package can read it
                continue
            except DamageError as damage:
                faults[name] = str(damage)
        return faults

    def contents(self, manifest: Manifest) -> dict[str, Content]:
        """The files of a former value, to be published again; writing one raises DamageError if it is damaged."""

        def copy(name: str) -> Writer:
            def write(target: BinaryIO) -> None:
                with self._published.open(manifest, name) as source:
                    shutil.copyfileobj(source, target)

            return write

        return {
            f"{ASSETS}/{manifest.asset}.{_suffix(name)}": Content(copy(name), entry)
            for name, entry in manifest.files.items()
        }

    def remove(self, key: str, names: Collection[str]) -> None:
        """Remove former values, and the files that no other former value has."""
        for name in names:
            self._store.remove(name)
        needed = {_version_in(name) for name in self._manifests(key)}
        for name in self._list(key):
            if _version_in(name) not in needed:
                self._store.remove(name)

    def _manifests(self, key: str) -> list[str]:
        return sorted(filter(_is_manifest, self._list(key)))

    def _list(self, key: str) -> list[str]:
        directory = f"{VERSIONS}/{key}"
        return [name for name in self._store.list_names((directory,)) if name.startswith(f"{directory}/")]


def _check_origin(origin: Mapping[str, Any]) -> None:
    """Raise ValueError if the record of a former value has other fields, or fields of other types."""
    if origin.keys() != ORIGIN.keys():
        raise ValueError(f"its record has other fields than {', '.join(ORIGIN)}")
    wrong = [name for name, kinds in ORIGIN.items() if not isinstance(origin[name], kinds)]
    if wrong or not all(isinstance(version, str) for version in origin["inputs"].values()):
        raise ValueError(f"its record has a wrong type of {wrong[0] if wrong else 'inputs'}")
    if not 0 <= origin["time"] < END_OF_TIME:
        raise ValueError(f"the time in its record is {origin['time']}")


def _is_manifest(name: str) -> bool:
    return MANIFEST.fullmatch(name.rpartition("/")[2]) is not None


def _version_in(name: str) -> str:
    """The beginning of the data version, in the name of a manifest or of another file."""
    return name.rpartition("/")[2].partition(".")[0].rpartition("-")[2]


def _suffix(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[2]
