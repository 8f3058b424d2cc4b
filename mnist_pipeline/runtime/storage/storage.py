"""Where results lie: values by asset key in one place, formats that can't run code, nothing read unverified.

The place is a directory, or a bucket (`s3://BUCKET/PREFIX`). An asset is stored as `assets/KEY.SUFFIX` in it; the
report as `report/`, figures as `figures/KEY/NAME.png`; checksums of all of an asset's files as `manifests/KEY.json`
(see `publication`). A partition of an asset is stored like an asset of its own, whose key is `ASSET-PARTITION`:
names of assets are names of Python functions, and have no hyphen. A data set beside MNIST has the same in a directory
of its own, `PREFIX/`, for the assets whose keys are `PREFIX/KEY`. The suffix follows from the type of the value:

=================================  ==============  ============================================
value                              suffix          read back as
=================================  ==============  ============================================
ndarray                            `.npy`          memory-mapped ndarray
NamedTuple of arrays, dict         `.safetensors`  the same NamedTuple, or dict, memory-mapped
DataFrame                          `.csv`          DataFrame
Evaluation, Comparison             `.json`         the same dataclass
Report                             `report/`       Report
=================================  ==============  ============================================
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import safetensors
from upath import UPath

from mnist_pipeline import records
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.evaluation import Calibration, Champion, Comparison, Evaluation, PairComparison, Score
from mnist_pipeline.knn.shards import ShardNeighbors
from mnist_pipeline.moments import Moments
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.recognition.recognizer import Recognizer
from mnist_pipeline.report.document import Report
from mnist_pipeline.runtime import settings as settings_module
from mnist_pipeline.runtime.storage import locate
from mnist_pipeline.runtime.storage.contents import Content, DamageError
from mnist_pipeline.runtime.storage.files import Writer, write_bytes
from mnist_pipeline.runtime.storage.publication import NAME, Manifest, PublishedFiles

NAMED_ARRAYS = {
    kind.__name__: kind
    for kind in (
        DigitSet,
        Eigendecomposition,
        Moments,
        Recognizer,
        ShardNeighbors,
        records.Reconstructions,
        records.Corners,
        records.Neighbors,
        records.SoftmaxModel,
        records.Network,
        records.Predictions,
    )
}
# Floats come back to the last digit by default from pandas 3 on, and on demand before.
EXACT_FLOATS: dict[str, Any] = {} if int(pd.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}
SUFFIXES = (".npy", ".safetensors", ".csv", ".json")
# What the safetensors format calls the types of numbers that are stored.
_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    **{f"{kind.upper()}{8 * size}": np.dtype(f"{kind}{size}") for kind in "ui" for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": np.dtype(f"f{size}") for size in (2, 4, 8)},
}
_DTYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
ALIGNMENT = 8
REPORT = "evaluation_report"
PAGE = "report/index.html"
PARTITION = "-"  # between the name of an asset and that of its partition
# The last line of the page names the JSON that belongs to it, for whoever opens the two files himself.
PAGE_END = "\n<!-- report.json: SHA-256 {} -->\n"
PAGE_END_PATTERN = re.compile(r"\n<!-- report\.json: SHA-256 [0-9a-f]{64} -->\n\Z")


class StorageError(RuntimeError):
    """A stored result is missing or can't be read or written; the message says which and what to do."""


@dataclass(frozen=True)
class Prepared:
    """A value with its figures, encoded and ready to be published; `data_version` is the SHA-256 of the value."""

    key: str
    data_version: str
    contents: dict[str, Content]

    @property
    def size(self) -> int:
        """Bytes of the file to open."""
        return self.contents[_main(self.contents)].size

    @property
    def figures(self) -> list[tuple[str, str]]:
        """Name and path of each figure."""
        paths = [path for path in self.contents if path.startswith("figures/")]
        return [(path.rpartition("/")[2].removesuffix(".png"), path) for path in paths]


class Storage:
    """Values by asset key in one place.

    Parameters
    ----------
    root : str or UPath
        A directory, or the address of a prefix in a bucket.
    prefix : str
        What precedes the keys in Dagster, as in commands that errors name.
    """

    def __init__(self, root: str | UPath, prefix: str = "") -> None:
        self.root = UPath(root)
        self.prefix = prefix
        self.published = PublishedFiles(locate.file_store(str(self.root)))

    def lock(self, on_wait: Callable[[str], object]) -> contextlib.AbstractContextManager[bool]:
        """Have the storage to oneself, as whoever runs the graph into it does; see `file_store.FileStore`."""
        return self.published.store.lock(on_wait)

    def lock_holder(self) -> str | None:
        """Which process has the storage to itself, None if none has."""
        return self.published.store.lock_holder()

    def path(self, key: str) -> UPath:
        """Where the value of an asset lies.

        Raises
        ------
        StorageError
            If nothing is stored for it.
        """
        return self.root / _main(self._manifest(key).files)

    def data_version(self, key: str) -> str:
        """The data version of what is stored of an asset, without a look at the value.

        Raises
        ------
        StorageError
            If nothing is stored for it.
        """
        return str(self._manifest(key).data_version)

    def write(self, key: str, value: object, figures: Mapping[str, bytes] | None = None) -> UPath:
        """Store a value and its figures, PNG by name; an interrupted write leaves the previous ones."""
        return self.publish(prepare(key, value, figures))

    def publish(self, prepared: Prepared) -> UPath:
        """Store what was prepared in the place of all that is stored of the asset; return where the value lies."""
        self.published.publish(prepared.key, prepared.data_version, prepared.contents)
        return self.root / _main(prepared.contents)

    def read(self, key: str, data_version: str | None = None) -> Any:
        """The stored value of an asset, of the type that it was written with.

        Parameters
        ----------
        key : str
        data_version : str, optional
            The one that it must have.

        Raises
        ------
        StorageError
            If nothing is stored for it, it is damaged, or has another data version.
        """

        def load(manifest: Manifest) -> Any:
            if manifest.data_version is None:
                raise self._not_stored(key)
            if data_version not in (None, manifest.data_version):
                raise StorageError(_out_of_step(self.prefix + key, data_version))
            return self._load(manifest)

        try:
            found = self.published.read_consistently(_checked(key), load)
        except DamageError as damage:
            raise _damaged(self.prefix + key, damage) from damage
        if found is None:
            raise self._not_stored(key)
        return found

    def figure_path(self, key: str, name: str) -> UPath:
        """Where a figure of an asset lies, as PNG."""
        return self.root / _figure_name(key, name)

    def write_figure(self, key: str, name: str, picture: bytes) -> UPath:
        """Store a PNG beside what is stored of the asset; return its path."""
        self.published.add_file(_checked(key), _figure_name(key, name), _content(picture))
        return self.figure_path(key, name)

    def read_figure(self, key: str, name: str) -> bytes:
        """A stored PNG.

        Raises
        ------
        StorageError
            If the figure has not been drawn, or is damaged.
        """
        path = _figure_name(key, name)

        def load(manifest: Manifest) -> bytes | None:
            if path not in manifest.files:
                return None
            with self.published.open(manifest, path) as file:
                return file.read()

        try:
            picture = self.published.read_consistently(key, load)
        except DamageError as damage:
            raise _damaged(f"figure {name} of {self.prefix + key}", damage, self.prefix + key) from damage
        if picture is None:
            raise StorageError(
                f"figure {name} of {self.prefix + key} is not at {self.root / path}; "
                f"draw it with {_rebuilding(self.prefix + key)}"
            )
        return picture

    def fault(self, key: str, data_version: str | None, *, thorough: bool = False) -> str | None:
        """What is wrong with what is stored of an asset, of which Dagster recorded that data version.

        Parameters
        ----------
        key : str
        data_version : str or None
        thorough : bool
            Read every file whole; else a bucket's own checksums are taken at their word.

        Returns
        -------
        str or None
            "missing", "damaged: " or "not recorded: " and the reason; None if every file is what it should be.
        """
        try:
            manifest = self.published.manifest(_checked(key))
            if manifest is None or manifest.data_version is None:
                return "damaged: it has no record of its checksum" if self._unrecorded(key) else "missing"
            self.published.read_consistently(key, lambda manifest: self.published.verify(manifest, thorough=thorough))
        except DamageError as damage:
            return f"damaged: {damage}"
        if data_version != manifest.data_version:
            return f"not recorded: {_recorded(data_version)}"
        return None

    def recover(self) -> None:
        """Bring what a killed run left to an end; for who holds the lock."""
        self.published.recover()

    def _manifest(self, key: str) -> Manifest:
        """The manifest of an asset that has a value."""
        try:
            manifest = self.published.manifest(_checked(key))
        except DamageError as damage:
            raise _damaged(self.prefix + key, damage) from damage
        if manifest is None or manifest.data_version is None:
            raise self._not_stored(key)
        return manifest

    def _load(self, manifest: Manifest) -> Any:
        name = _main(manifest.files)
        if name.startswith("report/"):
            with (
                self.published.open(manifest, "report/report.json") as document,
                self.published.open(manifest, name) as page,
            ):
                return _load_report(page, document)
        with self.published.open(manifest, name) as file:
            try:
                return _load(file, name)
            except (ValueError, KeyError, TypeError, OSError, EOFError, safetensors.SafetensorError) as error:
                raise DamageError(f"{self.root / name} can't be read ({error})") from error

    def _not_stored(self, key: str) -> StorageError:
        found = self._unrecorded(key)
        if found:
            return _damaged(self.prefix + key, DamageError(f"{found} has no record of its checksum"))
        return StorageError(
            f"{self.prefix + key} is not stored under {self.root}; "
            f"materialize it with {_rebuilding(self.prefix + key, above=True)}"
        )

    def _unrecorded(self, key: str) -> UPath | None:
        """A file where the value of an asset would lie."""
        candidates = {f"assets/{key}{suffix}" for suffix in SUFFIXES} | ({PAGE} if key == REPORT else set())
        found = candidates.intersection(self.published.store.listed(("assets", "report")))
        return self.root / min(found) if found else None


def current(prefix: str | None = None, root: str | None = None) -> Storage:
    """The storage of a data set: of MNIST without a prefix; in the directory that the environment names by default."""
    root = root or settings_module.load().storage
    return Storage(root) if prefix is None else Storage(f"{root}/{_checked(prefix)}", f"{prefix}/")


def all_storages() -> list[Storage]:
    """The storage that the environment names, and those of the data sets beside MNIST in it."""
    return [current(), *(current(placed.prefix) for placed in settings_module.load().data_sets)]


def of_asset(asset: str, root: str | None = None) -> tuple[Storage, str]:
    """The storage of an asset, by its key as Dagster writes it, and its key in that storage."""
    prefix, separator, key = asset.rpartition("/")
    return current(prefix if separator else None, root), key


def read(key: str, partition: str | None = None) -> Any:
    """The stored value of an asset, or of a partition of it, of the type that it was written with.

    That of another data set than MNIST has a prefix: `fashion_mnist/eigendecomposition`.

    Examples
    --------
    >>> from mnist_pipeline import read
    >>> eigenvalues, eigenvectors = read("eigendecomposition")  # doctest: +SKIP
    """
    stored, name = of_asset(key)
    return stored.read(stored_key(name, partition))


def stored_key(asset: str, partition: str | None) -> str:
    """The key under which an asset, or a partition of it, is stored."""
    return asset if partition is None else f"{asset}{PARTITION}{partition}"


def digest(key: str, value: object) -> str:
    """SHA-256, in hexadecimal, of what storing the value writes."""
    return prepare(key, value).data_version


def prepare(key: str, value: object, figures: Mapping[str, bytes] | None = None) -> Prepared:
    """Encode a value and its figures, PNG by name, and compute their checksums.

    Raises
    ------
    TypeError
        If there is no format for such a value.
    """
    writers = _files(_checked(key), value)
    contents = {name: Content.of(writer) for name, writer in writers.items()}
    if len(contents) == 1:
        (version,) = (content.sha256 for content in contents.values())
    else:
        version = Content.of(lambda file: _write_each(file, writers)).sha256
    pictures = {_figure_name(key, name): _content(picture) for name, picture in (figures or {}).items()}
    return Prepared(key, version, {**pictures, **contents})


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise StorageError(f"{name!r} names nothing that is stored: a name has letters, digits, '_' and '-' only")
    return name


def _figure_name(key: str, name: str) -> str:
    return f"figures/{_checked(key)}/{_checked(name)}.png"


def _content(data: bytes) -> Content:
    return Content.of(lambda file: write_bytes(file, data))


def _main(names: Iterable[str]) -> str:
    """The file to open of what is stored of an asset: the last one that is not a figure."""
    return [name for name in names if not name.startswith("figures/")][-1]


def _damaged(what: str, damage: DamageError, key: str | None = None) -> StorageError:
    return StorageError(f"{what} is damaged: {damage}; rebuild it with {_rebuilding(key or what)}")


def _rebuilding(key: str, *, above: bool = False) -> str:
    """The command that makes anew what is stored under a key, with what lies above it or without."""
    if PARTITION in key:
        return "mnist-pipeline run --changed"
    return "mnist-pipeline run --select " + (f"'+{key}'" if above else key)


def _out_of_step(key: str, data_version: str | None) -> str:
    return (
        f"{key} was stored by a run that ended before it was recorded: {_recorded(data_version)}; "
        "bring it up to date with mnist-pipeline run --changed"
    )


def _recorded(data_version: str | None) -> str:
    if data_version is None:
        return "Dagster has no data version of it"
    return f"Dagster's data version {data_version[:16]}… is that of another value"


def _files(key: str, value: object) -> dict[str, Writer]:
    """What storing a value writes: relative paths and their writers, the one to open last."""
    if isinstance(value, Report):
        document = _json_bytes(value.document)
        page = (value.html + PAGE_END.format(hashlib.sha256(document).hexdigest())).encode()
        return {
            "report/report.json": lambda file: write_bytes(file, document),
            PAGE: lambda file: write_bytes(file, page),
        }
    if isinstance(value, np.ndarray):
        array = value
        return {f"assets/{key}.npy": lambda file: _write_array(file, array)}
    if isinstance(value, pd.DataFrame):
        text = value.to_csv(index=False).encode()
        return {f"assets/{key}.csv": lambda file: write_bytes(file, text)}
    if isinstance(value, dict) or type(value) in NAMED_ARRAYS.values():
        arrays, kind = _named_arrays(value), type(value).__name__
        return {f"assets/{key}.safetensors": lambda file: _write_named_arrays(file, arrays, kind)}
    if isinstance(value, Evaluation | Comparison | Champion):
        encoded = _json_bytes({"type": type(value).__name__, **dataclasses.asdict(value)})
        return {f"assets/{key}.json": lambda file: write_bytes(file, encoded)}
    raise TypeError(
        f"{key} is a {type(value).__name__}, which has no storage format; return an ndarray, a NamedTuple of "
        "arrays listed in `NAMED_ARRAYS`, a DataFrame, an Evaluation, a Comparison or a Report"
    )


def _load(file: BinaryIO, name: str) -> Any:
    if name.endswith(".npy"):
        return _map_array(file)
    if name.endswith(".safetensors"):
        return _unpack(file)
    if name.endswith(".csv"):
        return pd.read_csv(file, **EXACT_FLOATS)
    return _from_json(json.loads(file.read()))


def _load_report(page: BinaryIO, document: BinaryIO) -> Report:
    return Report(PAGE_END_PATTERN.sub("", page.read().decode()), json.loads(document.read()))


def _map_array(file: BinaryIO) -> np.ndarray:
    """An array mapped into memory from the very file that was verified; one of objects would be a pickle."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("it is not of version 1.0 of the format")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("it holds objects, which only a pickle can")
    order: Any = "F" if fortran_order else "C"
    return np.memmap(file, dtype, "r", file.tell(), shape, order)


def _write_each(file: BinaryIO, writers: Mapping[str, Writer]) -> None:
    for writer in writers.values():
        writer(file)


def _write_array(file: BinaryIO, array: np.ndarray) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": False,
        "shape": array.shape,
    }
    np.lib.format.write_array_header_1_0(file, header)
    file.write(_bytes_of(array))


def _bytes_of(array: np.ndarray) -> memoryview:
    return np.asarray(array, order="C").reshape(-1).view(np.uint8).data


def _named_arrays(value: object) -> dict[str, np.ndarray]:
    """The arrays of a NamedTuple or dict by name; those of a field that is a dict are `FIELD.NAME`."""
    named = value if isinstance(value, dict) else value._asdict()  # type: ignore[attr-defined]
    arrays: dict[str, np.ndarray] = {}
    for field, content in named.items():
        if isinstance(content, Mapping):
            arrays |= {f"{field}.{name}": np.asarray(array) for name, array in content.items()}
        else:
            arrays[field] = np.asarray(content)
    return arrays


def _write_named_arrays(file: BinaryIO, arrays: Mapping[str, np.ndarray], kind: str) -> None:
    """Write the safetensors format straight from the arrays; the library would copy them twice before.

    It is the length of a header, the header in JSON, and the arrays one after another, here the widest numbers first,
    so that each array is aligned.
    """
    header: dict[str, Any] = {"__metadata__": {"type": kind}}
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    end = 0
    for name in names:
        array, start = arrays[name], end
        end += array.nbytes
        header[name] = {"dtype": _dtype_name(name, array), "shape": array.shape, "data_offsets": (start, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in names:
        file.write(_bytes_of(arrays[name]))


def _dtype_name(name: str, array: np.ndarray) -> str:
    if array.dtype not in _DTYPE_NAMES:
        raise TypeError(
            f"{name} is of type {array.dtype}, which is not stored; use one of {', '.join(map(str, _DTYPE_NAMES))}"
        )
    return _DTYPE_NAMES[array.dtype]


def _map_named_arrays(file: BinaryIO) -> dict[str, np.ndarray]:
    """Arrays mapped into memory from the very file that was verified, by a header that the library has found valid."""
    length = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    content = np.asarray(np.memmap(file, np.uint8, "r"))[8 + length :]
    arrays = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        arrays[name] = content[start:end].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return arrays


def _unpack(file: BinaryIO) -> Any:
    with safetensors.safe_open(file.name, framework="numpy") as opened:
        kind = (opened.metadata() or {}).get("type", "dict")
    if not os.path.samestat(os.stat(file.name), os.fstat(file.fileno())):  # noqa: PTH116
        raise ValueError("it was replaced while it was read")
    arrays = _map_named_arrays(file)
    if kind == "dict":
        return arrays
    if kind not in NAMED_ARRAYS:
        raise ValueError(f"it holds a {kind!r}, which is not a known type")
    fields = NAMED_ARRAYS[kind]._fields
    nested: dict[str, Any] = {}
    for key, array in arrays.items():
        field, _, name = key.partition(".")
        if name:
            nested.setdefault(field, {})[name] = array
        else:
            nested[field] = array
    from_fields = getattr(NAMED_ARRAYS[kind], "from_fields", None)
    if from_fields is not None:  # it reads earlier layouts too
        return from_fields(nested)
    if set(nested) != set(fields):
        raise ValueError(f"it holds {', '.join(sorted(nested))} instead of {', '.join(fields)}")
    return NAMED_ARRAYS[kind](**nested)


def _json_bytes(document: object) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _from_json(document: dict[str, Any]) -> Any:
    kind = document.pop("type", None)
    if kind == "Evaluation":
        calibration = document.pop("calibration")
        return Evaluation(**document, calibration=calibration and Calibration(**calibration))
    if kind == "Champion":
        return Champion(**document)
    if kind == "Comparison":
        pairs = [PairComparison(**pair) for pair in document.pop("pairs")]
        models = {model: Score(**score) for model, score in document.pop("models").items()}
        return Comparison(models=models, pairs=pairs, **document)
    raise ValueError(f"it holds a {kind!r}, which is not a known type")
