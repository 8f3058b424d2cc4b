"""Where results lie: one IO manager over a directory, formats that can't run code, atomic publication.

An asset is stored as `assets/KEY.SUFFIX` under the storage directory; the report as `report/`, figures as
`figures/KEY/NAME.png`. The suffix follows from the type of the value:

=================================  ==============  ==========================================
value                              suffix          read back as
=================================  ==============  ==========================================
ndarray                            `.npy`          memory-mapped ndarray
NamedTuple of arrays, dict         `.safetensors`  the same NamedTuple, or dict
DataFrame                          `.csv`          DataFrame
Evaluation, Comparison             `.json`         the same dataclass
Report                             `report/`       Report
=================================  ==============  ==========================================
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import uuid
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, cast

import dagster as dg
import numpy as np
import pandas as pd
import safetensors
import safetensors.numpy
from upath import UPath

from assets import records
from assets import settings as settings_module
from mnist_pipeline.datasets import DigitSet
from mnist_pipeline.evaluation import Calibration, Champion, Comparison, Evaluation, PairComparison, Score
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.report.document import Report

NAMED_ARRAYS = {
    kind.__name__: kind
    for kind in (
        DigitSet,
        Eigendecomposition,
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

Writer = Callable[[BinaryIO], None]


class StorageError(RuntimeError):
    """A stored result is missing or can't be read or written; the message says which and what to do."""


class Storage:
    """Values by asset key under one directory.

    Parameters
    ----------
    root : str or UPath
        The storage directory.
    """

    def __init__(self, root: str | UPath) -> None:
        self.root = UPath(root)

    def path(self, key: str) -> UPath:
        """Where the value of an asset lies.

        Raises
        ------
        StorageError
            If nothing is stored for it.
        """
        if key == "evaluation_report":
            candidates = [self.root / "report" / "index.html"]
        else:
            candidates = [self.root / "assets" / f"{key}{suffix}" for suffix in SUFFIXES]
        for candidate in candidates:
            if candidate.exists():
                return candidate
        raise StorageError(
            f"{key} is not stored under {self.root}; materialize it with mnist-pipeline run --select '+{key}'"
        )

    def write(self, key: str, value: object) -> UPath:
        """Store a value; an interrupted write leaves the previous one."""
        for name, writer in _files(key, value).items():
            publish(self.root / name, writer)
        path = self.root / name  # the last file is the one to open
        for suffix in SUFFIXES:
            if path.parent.name == "assets" and suffix != path.suffix:
                (path.parent / f"{key}{suffix}").unlink(missing_ok=True)
        return path

    def read(self, key: str) -> Any:
        """The stored value of an asset, of the type that it was written with.

        Raises
        ------
        StorageError
            If nothing is stored for it, or the file can't be read.
        """
        path = self.path(key)
        try:
            return _load(path)
        except (ValueError, KeyError, TypeError, OSError, EOFError, safetensors.SafetensorError) as error:
            raise StorageError(
                f"{key} is damaged: {path} can't be read ({error}); rebuild it with mnist-pipeline run --select {key}"
            ) from error

    def figure_path(self, key: str, name: str) -> UPath:
        """Where a figure of an asset lies, as PNG."""
        return self.root / "figures" / key / f"{name}.png"

    def write_figure(self, key: str, name: str, picture: bytes) -> UPath:
        """Store a PNG; return its path."""
        path = self.figure_path(key, name)
        publish(path, lambda file: _write_all(file, picture))
        return path

    def read_figure(self, key: str, name: str) -> bytes:
        """A stored PNG.

        Raises
        ------
        StorageError
            If the figure has not been drawn.
        """
        path = self.figure_path(key, name)
        if not path.exists():
            raise StorageError(
                f"figure {name} of {key} is not at {path}; draw it with mnist-pipeline run --select {key}"
            )
        return path.read_bytes()


class StorageIOManager(dg.IOManager):
    """Dagster's door to the storage that the environment names: one value an asset."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Store the value of an asset, and say where and how large."""
        path = current().write(context.asset_key.to_user_string(), obj)
        context.add_output_metadata(
            {"path": dg.MetadataValue.path(str(path)), "bytes": dg.MetadataValue.int(path.stat().st_size)}
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Read the value of an upstream asset."""
        return current().read(context.asset_key.to_user_string())


def current() -> Storage:
    """The storage that the environment names."""
    return Storage(settings_module.load().storage)


def read(key: str) -> Any:
    """The stored value of an asset, of the type that it was written with.

    Examples
    --------
    >>> from assets.storage import read
    >>> eigenvalues, eigenvectors = read("eigendecomposition")  # doctest: +SKIP
    """
    return current().read(key)


def digest(key: str, value: object) -> str:
    """SHA-256, in hexadecimal, of what storing the value writes."""
    sink = _HashingFile()
    for writer in _files(key, value).values():
        writer(cast(BinaryIO, sink))
    return sink.sha256.hexdigest()


def publish(path: UPath, writer: Writer) -> None:
    """Write a file under a temporary name beside it, and rename it when complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("wb") as file:
            writer(file)
        os.replace(str(temporary), str(path))  # noqa: PTH105  # one step, over an existing file too
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class _HashingFile(io.RawIOBase):
    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        return len(data)


def _files(key: str, value: object) -> dict[str, Writer]:
    """What storing a value writes: relative paths and their writers, the one to open last."""
    if isinstance(value, Report):
        document = _json_bytes(value.document)
        page = value.html.encode()
        return {
            "report/report.json": lambda file: _write_all(file, document),
            "report/index.html": lambda file: _write_all(file, page),
        }
    if isinstance(value, np.ndarray):
        array = value
        return {f"assets/{key}.npy": lambda file: _write_array(file, array)}
    if isinstance(value, pd.DataFrame):
        text = value.to_csv(index=False).encode()
        return {f"assets/{key}.csv": lambda file: _write_all(file, text)}
    if isinstance(value, dict) or type(value) in NAMED_ARRAYS.values():
        packed = _pack(value)
        return {f"assets/{key}.safetensors": lambda file: _write_all(file, packed)}
    if isinstance(value, Evaluation | Comparison | Champion):
        encoded = _json_bytes({"type": type(value).__name__, **dataclasses.asdict(value)})
        return {f"assets/{key}.json": lambda file: _write_all(file, encoded)}
    raise TypeError(
        f"{key} is a {type(value).__name__}, which has no storage format; return an ndarray, a NamedTuple of "
        "arrays listed in assets.storage, a DataFrame, an Evaluation, a Comparison or a Report"
    )


def _load(path: UPath) -> Any:
    if path.suffix == ".npy":
        return np.load(str(path), mmap_mode="r", allow_pickle=False)
    if path.suffix == ".safetensors":
        return _unpack(path)
    if path.suffix == ".csv":
        return pd.read_csv(str(path), **EXACT_FLOATS)
    if path.suffix == ".html":
        document = json.loads((path.parent / "report.json").read_text(encoding="utf-8"))
        return Report(path.read_text(encoding="utf-8"), document)
    return _from_json(json.loads(path.read_text(encoding="utf-8")))


def _write_all(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def _write_array(file: BinaryIO, array: np.ndarray) -> None:
    array = np.asarray(array, order="C")
    header = {
        "descr": np.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": False,
        "shape": array.shape,
    }
    np.lib.format.write_array_header_1_0(file, header)
    file.write(array.reshape(-1).view(np.uint8).data)


def _pack(value: object) -> bytes:
    """NamedTuple or dict as safetensors; a field that is a dict becomes `FIELD.NAME` entries."""
    named = value if isinstance(value, dict) else value._asdict()  # type: ignore[attr-defined]
    arrays: dict[str, np.ndarray] = {}
    for field, content in named.items():
        if isinstance(content, Mapping):
            arrays |= {f"{field}.{name}": np.asarray(array, order="C") for name, array in content.items()}
        else:
            arrays[field] = np.asarray(content, order="C")
    return safetensors.numpy.save(arrays, metadata={"type": type(value).__name__})


def _unpack(path: UPath) -> Any:
    with safetensors.safe_open(str(path), framework="numpy") as file:
        kind = (file.metadata() or {}).get("type", "dict")
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a mapping
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
