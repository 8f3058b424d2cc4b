"""The file formats of values. None of them can contain code.

===================================  ===================  ===========================
value                                file                 read back as
===================================  ===================  ===========================
ndarray                              `value.npy`          memory-mapped ndarray
dict of arrays                       `value.safetensors`  dict of arrays
registered NamedTuple of arrays      `value.safetensors`  the same NamedTuple
registered subclass of dict          `value.safetensors`  the same class
DataFrame                            `value.csv`          DataFrame
str                                  `value.md`           str
registered dataclass                 `value.json`         the same dataclass
registered type with `to_files`      its own names        the same type
===================================  ===================  ===========================

Types are registered in `utils.stored_types`. The manifest of a value names its type and the version
of its format.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mnist_pipeline.utils import stored_types

Writer = Callable[[BinaryIO], object]  # writes the content of a file
# The types of arrays in a safetensors file, by NumPy's names, in the order of the format.
DTYPES = {
    **{
        "bool": "BOOL",
        "uint8": "U8",
        "int8": "I8",
        "int16": "I16",
        "uint16": "U16",
        "float16": "F16",
    },
    **{
        "int32": "I32",
        "uint32": "U32",
        "float32": "F32",
        "float64": "F64",
        "int64": "I64",
        "uint64": "U64",
    },
}
PLAIN = {"ndarray": np.ndarray, "dict": dict, "str": str}


class FormatError(ValueError):
    """A stored value can't be read as a value of its type; the message names the problem."""


def type_entries(value: object) -> dict[str, Any]:
    """The type of a value and the version of its format, as the manifest names them.

    Raises TypeError if there is no format for such a value.
    """
    kind = type(value)
    if stored_types.is_registered(kind):
        return {"type": kind.__name__, "format": stored_types.version_of(kind)}
    name = (
        "DataFrame"
        if _is_table(value)
        else next((each for each in PLAIN if isinstance(value, PLAIN[each])), None)
    )
    if name is None:
        raise TypeError(
            f"a {kind.__name__} has no storage format; return an ndarray, a dict of arrays, a "
            "DataFrame, a text, "
            "or a NamedTuple of arrays or a dataclass that is decorated with `stored_type`"
        )
    return {"type": name, "format": 1}


def encode(value: Any) -> dict[str, Writer]:
    """The files of a value: a writer for each name. People open the last file."""
    if isinstance(value, np.ndarray):
        return {"value.npy": lambda file: np.save(file, value, allow_pickle=False)}
    if isinstance(value, str):
        return {"value.md": writer_of(value.encode())}
    if _is_table(value):
        return {"value.csv": writer_of(value.to_csv(index=False).encode())}
    if hasattr(value, "to_files"):
        return {name: writer_of(content) for name, content in value.to_files().items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"value.json": writer_of(to_json(dataclasses.asdict(value)))}
    arrays = _flattened(value if isinstance(value, dict) else value._asdict())
    return {"value.safetensors": lambda file: _write_arrays(file, arrays)}


def decode(entries: Mapping[str, Any], paths: Mapping[str, Path]) -> Any:
    """The value that is stored in local files, given by name; `entries` are the type and its
    version in the manifest.

    Raises FormatError if the files do not have the content of such a value.
    """
    name, version = str(entries["type"]), int(entries["format"])
    kind = PLAIN.get(name) or stored_types.find(name)
    if kind is None and name != "DataFrame":
        raise FormatError(f"{name!r} is not a known type")
    known = 1 if kind is None else stored_types.version_of(kind)
    if version != known:
        raise FormatError(
            f"it has format version {version} of {name}; this version of mnist-pipeline reads "
            f"{known}"
        )
    try:
        return _decode(kind, paths)
    except (ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise FormatError(str(error)) from error


def writer_of(content: bytes) -> Writer:
    """A writer of these bytes."""
    return lambda file: file.write(content)


def to_json(document: object) -> bytes:
    """A document as JSON that people can read."""
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _decode(kind: type[Any] | None, paths: Mapping[str, Path]) -> Any:
    path = next(iter(paths.values()))
    if kind is None:
        return _read_table(path)
    if kind is np.ndarray:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    if kind is str:
        return path.read_text(encoding="utf-8")
    if hasattr(kind, "from_files"):
        return kind.from_files({file: each.read_bytes() for file, each in paths.items()})
    if dataclasses.is_dataclass(kind):
        from pydantic import TypeAdapter

        return TypeAdapter(kind).validate_json(path.read_bytes())
    arrays = _read_arrays(path)
    return kind(arrays) if issubclass(kind, dict) else kind(**_nested(arrays))


def _is_table(value: object) -> bool:
    """Whether a value is a DataFrame; pandas is slow to import, and loaded already where there are
    DataFrames.
    """
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def _read_table(path: Path) -> Any:
    import pandas as pd

    # pandas 3 reads floats exactly by default, earlier versions on request.
    exact: dict[str, Any] = (
        {} if int(pd.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}
    )
    return pd.read_csv(path, **exact)


def _flattened(fields: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays by name; the arrays of a field that is a dict are named `FIELD.NAME`."""
    arrays: dict[str, Any] = {}
    for field, content in fields.items():
        if isinstance(content, Mapping):
            arrays |= {f"{field}.{name}": each for name, each in content.items()}
        else:
            arrays[field] = content
    return {
        name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in arrays.items()
    }


def _nested(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The inverse of `_flattened`."""
    fields: dict[str, Any] = {}
    for key, array in arrays.items():
        field, _, part = key.partition(".")
        if part:
            fields.setdefault(field, {})[part] = array
        else:
            fields[field] = array
    return fields


def _write_arrays(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a safetensors file: the length of the header, the header in JSON, and the arrays.

    `safetensors.numpy.save` makes the same file, but copies all arrays twice.
    """
    kinds, order = {name: array.dtype.name for name, array in arrays.items()}, list(DTYPES)
    if unknown := set(kinds.values()) - DTYPES.keys():
        raise TypeError(f"arrays of the types {', '.join(sorted(unknown))} can't be stored")
    names = sorted(
        arrays, key=lambda name: (-order.index(kinds[name]), name)
    )  # the widest numbers first: all align
    header, end = {}, 0
    for name in names:
        start, end = end, end + arrays[name].nbytes
        header[name] = {
            "dtype": DTYPES[kinds[name]],
            "shape": arrays[name].shape,
            "data_offsets": (start, end),
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in names:
        array = arrays[name].astype(arrays[name].dtype.newbyteorder("<"), copy=False)
        file.write(array.reshape(-1).view(np.uint8).data)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise FormatError(str(error)) from error
