"""The file formats of values. None of them can contain code.

===================================  ===================  =============================
value                                file                 read back as
===================================  ===================  =============================
ndarray                              `value.npy`          memory-mapped ndarray
dict of arrays                       `value.safetensors`  dict of memory-mapped arrays
registered NamedTuple of arrays      `value.safetensors`  the same, memory-mapped
DataFrame                            `value.csv`          DataFrame
str                                  `value.md`           str
registered dataclass                 `value.json`         the same dataclass
registered type with `to_files`      its own names        the same type
===================================  ===================  =============================

Types are registered in `utils.stored_types`. The manifest of a value names its type and the version
of its format.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnist_pipeline.utils import stored_types, tables

Blocks = Sequence[bytes | memoryview]  # the content of a file
PLAIN = {"ndarray": np.ndarray, "dict": dict, "str": str}


class Arrays(dict[str, np.ndarray]):
    """Arrays by name, with a repr of one line."""

    __repr__ = stored_types.short_repr


class DamageError(Exception):
    """A stored file is not as it was stored, or its content is not a value of its type; the message
    names the problem.
    """


def type_entries(value: object) -> dict[str, Any]:
    """The type of a value and the version of its format, as the manifest names them.

    Raises TypeError if there is no format for such a value.
    """
    kind = type(value)
    if stored_types.is_registered(kind):
        entries = {"type": kind.__name__, "format": stored_types.version_of(kind)}
        # People find the latest value of some types at an address that stays the same.
        return entries | ({"address": value.address} if hasattr(value, "address") else {})
    if tables.is_table(value):
        return {"type": "DataFrame", "format": 1, "texts": tables.texts(value)}
    for name, plain in PLAIN.items():
        if isinstance(value, plain):
            return {"type": name, "format": 1}
    raise TypeError(
        f"a {kind.__name__} has no storage format; return an ndarray, a dict of arrays, a "
        "DataFrame, a text, or a NamedTuple of arrays or a dataclass that is decorated with "
        "`stored_type`"
    )


def encode(value: Any) -> dict[str, Blocks]:
    """The files of a value by name. People open the last file."""
    if isinstance(value, np.ndarray):
        return {"value.npy": _npy(value)}
    if isinstance(value, str):
        return {"value.md": [value.encode()]}
    if tables.is_table(value):
        return {"value.csv": [value.to_csv(index=False).encode()]}
    if hasattr(value, "to_files"):
        return {name: [content] for name, content in value.to_files().items()}
    if dataclasses.is_dataclass(type(value)):
        return {"value.json": [to_json(dataclasses.asdict(value))]}
    arrays = _flattened(value if isinstance(value, dict) else value._asdict())
    return {"value.safetensors": _safetensors(arrays)}


def decode(entries: Mapping[str, Any], paths: Mapping[str, Path]) -> Any:
    """The value that is stored in local files, given by name; `entries` are the type and its
    version in the manifest.

    Raises DamageError if the files do not have the content of such a value.
    """
    name, version = entries["type"], entries["format"]
    kind = PLAIN.get(name) or stored_types.find(name)
    known = 1 if name == "DataFrame" else kind and stored_types.version_of(kind)
    if version != known:
        raise DamageError(
            f"it has format version {version} of {name}; this version of mnist-pipeline reads "
            f"{known}"
        )
    try:
        if kind is None:
            return tables.read(paths["value.csv"], entries.get("texts", ()))
        return _decode(kind, paths)
    except (ValueError, KeyError, TypeError) as error:
        raise DamageError(str(error)) from error


def to_json(document: object) -> bytes:
    """A document as JSON that people can read."""
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _npy(array: np.ndarray) -> Blocks:
    """What `numpy.save` writes, without a copy of a contiguous array."""
    header = io.BytesIO()
    entries = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(header, entries)
    in_order = array.T if entries["fortran_order"] else array
    return [header.getvalue(), in_order.reshape(-1).view(np.uint8).data]


def _safetensors(arrays: Mapping[str, np.ndarray]) -> Blocks:
    """What `safetensors.numpy.save` writes, without a copy of the arrays: `_mapped` has the format.

    A value is described twice in a run, and the library copies each array several times.
    """
    header, end = dict[str, Any](), 0
    # The largest elements first, so that each array begins at a multiple of their size.
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0]))
    for name, array in ordered:
        kind, begin, end = array.dtype, end, end + array.nbytes
        if kind.kind not in "biuf" and kind != np.complex64:
            raise TypeError(f"{name} has the type {kind}; arrays of numbers have a storage format")
        dtype = "BOOL" if kind.kind == "b" else f"{kind.kind.upper()}{8 * kind.itemsize}"
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    little = [array.astype(array.dtype.newbyteorder("<"), copy=False) for _, array in ordered]
    contents = [array.reshape(-1).view(np.uint8).data for array in little]
    return [len(text).to_bytes(8, "little"), text, *contents]


def _decode(kind: type[Any], paths: Mapping[str, Path]) -> Any:
    path = next(iter(paths.values()))
    if kind is np.ndarray:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    if kind is str:
        return path.read_text(encoding="utf-8")
    if hasattr(kind, "from_files"):
        return kind.from_files({file: path.read_bytes() for file, path in paths.items()})
    if dataclasses.is_dataclass(kind):
        from pydantic import TypeAdapter

        return TypeAdapter(kind).validate_json(path.read_bytes())
    arrays = _mapped(path)
    return Arrays(arrays) if kind is dict else kind(**_nested(arrays))


def _mapped(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, memory-mapped and read-only.

    The file has the length of the header, 8 bytes; the header, JSON with the type, shape and place
    of each array; and the arrays.
    """
    file = np.memmap(path, mode="r").view(np.ndarray)
    length = int.from_bytes(file[:8].tobytes(), "little")
    header, stored = np.split(file[8:], [length])
    arrays = {}
    for name, entry in json.loads(header.tobytes()).items():
        dtype = entry["dtype"]
        # Safetensors counts bits and NumPy bytes: F32 is f4.
        kind = "?" if dtype == "BOOL" else f"{dtype[0].lower()}{int(dtype[1:]) // 8}"
        content = stored[slice(*entry["data_offsets"])]
        arrays[name] = content.view(kind).reshape(entry["shape"])
    return arrays


def _flattened(fields: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays by name; the arrays of a field that is a dict are named `FIELD.NAME`."""
    arrays: dict[str, Any] = {}
    for field, content in fields.items():
        if isinstance(content, Mapping):
            arrays |= {f"{field}.{name}": array for name, array in content.items()}
        else:
            arrays[field] = content
    return {name: np.asarray(array, order="C") for name, array in arrays.items()}


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
