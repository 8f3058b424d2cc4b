"""The file formats of values. None of them can contain code.

==============================  ============================  =====================================
value                           files                         read back as
==============================  ============================  =====================================
ndarray                         `value.npy`                   memory-mapped ndarray
dict of arrays                  `NAME.npy` …, `value.json`    dict of memory-mapped arrays
registered NamedTuple           `FIELD.npy` …, `value.json`   the same, with memory-mapped arrays
DataFrame                       `value.csv`                   DataFrame
str                             `value.md`                    str
registered dataclass            `value.json`                  the same dataclass
registered type with `to_files` its own names                 the same type
==============================  ============================  =====================================

The fields of a NamedTuple are arrays, plain values (None, numbers, texts), other registered types,
and tuples or dictionaries of all these. `value.json` has the plain values. Instead of an array, it
names the file of the array, and instead of a value of a registered type, it names the type, the
version of its format, and its fields.

Types are registered in `utils.stored_types`. The manifest of a value names its type and the version
of its format.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from mnist_pipeline.utils import stored_types, tables

Blocks = Sequence[bytes | memoryview]  # the content of a file
PLAIN = {"ndarray": np.ndarray, "dict": dict, "str": str}
JSON = "value.json"
FORMER = "value.safetensors"  # former versions stored all arrays of a value in this file
LONGEST = 100  # characters of the name of an array that stay in the name of its file


class _Shown(dict[str, Any]):
    """A stored dict, with a repr of one line."""

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
        entries = stored_types.type_entry(kind)
        # People find the latest value of some types at an address that stays the same.
        return entries | ({"address": value.address} if hasattr(value, "address") else {})
    if tables.is_table(value):
        return {"type": "DataFrame", "format": 1, "texts": tables.texts(value)}
    for name, plain in PLAIN.items():
        if isinstance(value, plain):
            return {"type": name, "format": 1}
    raise TypeError(
        f"a {kind.__name__} has no storage format; return an ndarray, a dict of arrays, a "
        "DataFrame, a text, or a NamedTuple or a dataclass that is decorated with `stored_type`"
    )


def check(entries: Mapping[str, Any]) -> type[Any] | None:
    """The class of a value with this manifest, None for a DataFrame.

    Raises DamageError if another version of the code stored it, and this version can't read it.
    """
    kind = _known(entries["type"], entries["format"])
    if FORMER in entries["files"]:
        raise DamageError(
            f"a former version of mnist-pipeline stored it, as {FORMER}, which this version does "
            "not read"
        )
    return kind


def _known(name: str, version: int) -> type[Any] | None:
    """The class of values of a type, None for a DataFrame; DamageError for another version."""
    kind = PLAIN.get(name) or stored_types.find(name)
    known = 1 if name == "DataFrame" else kind and stored_types.version_of(kind)
    if version != known:
        raise DamageError(
            f"it has format version {version} of {name}; this version of mnist-pipeline reads "
            f"{known}"
        )
    return kind


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
        return {JSON: [to_json(dataclasses.asdict(value))]}
    files: dict[str, Blocks] = {}
    fields = value if isinstance(value, dict) else value._asdict()
    document = {name: _document(field, name, files) for name, field in _named(fields)}
    return {**files, JSON: [to_json(document)]}


def decode(entries: Mapping[str, Any], paths: Mapping[str, Path]) -> Any:
    """The value that is stored in local files, given by name; `entries` is the manifest.

    Raises DamageError if the files do not have the content of such a value.
    """
    kind = check(entries)
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
    """What `numpy.save` writes, without a copy of a contiguous array; TypeError for objects."""
    if not array.flags.forc:
        array = np.ascontiguousarray(array)
    header = io.BytesIO()
    entries = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(header, entries)
    in_order = array.T if entries["fortran_order"] else array
    return [header.getvalue(), in_order.reshape(-1).view(np.uint8).data]


def _document(field: Any, name: str, files: dict[str, Blocks]) -> Any:
    """A field as JSON; its arrays are added to `files`.

    An object in this JSON has one entry, "array", "type" or "dict", so that none can be mistaken.
    """
    if isinstance(field, np.ndarray):
        if field.dtype.kind not in "biufc":
            raise TypeError(
                f"{name} has the type {field.dtype}; arrays of numbers have a storage format"
            )
        file = _file_name(name, files)
        files[file] = _npy(np.asarray(field, order="C"))
        return {"array": file}
    if stored_types.is_registered(type(field)):
        kind = stored_types.type_entry(type(field))
        if dataclasses.is_dataclass(field) and not isinstance(field, type):
            return {"type": {**kind, "value": dataclasses.asdict(field)}}
        parts = {part: _document(v, f"{name}.{part}", files) for part, v in _named(field._asdict())}
        return {"type": {**kind, "fields": parts}}
    if isinstance(field, Mapping):
        parts = {part: _document(v, f"{name}.{part}", files) for part, v in _named(field)}
        return {"dict": parts}
    if isinstance(field, tuple | list):
        return [_document(part, f"{name}.{i}", files) for i, part in enumerate(field)]
    if field is None or isinstance(field, bool | int | float | str):
        return field
    raise TypeError(
        f"{name} is a {type(field).__name__}, which has no storage format; store an array, a "
        "number, a text, or a type that is decorated with `stored_type`"
    )


def _named(fields: Mapping[Any, Any]) -> Iterable[tuple[str, Any]]:
    """The fields by name; TypeError if a name is not a text."""
    for name, field in fields.items():
        if not isinstance(name, str):
            raise TypeError(f"{name!r} is a {type(name).__name__}; the names of fields are texts")
        yield name, field


def _file_name(name: str, files: Mapping[str, Blocks]) -> str:
    """A file for an array, which differs from all others, also where case does not count."""
    stem = quote(name, safe="")[:LONGEST]
    taken = {file.casefold() for file in files}
    numbers = ("", *(f"~{number}" for number in range(len(files))))
    return next(file for n in numbers if (file := f"{stem}{n}.npy").casefold() not in taken)


def _decode(kind: type[Any], paths: Mapping[str, Path]) -> Any:
    path = next(iter(paths.values()))
    if kind is np.ndarray:
        return _mapped(path)
    if kind is str:
        return path.read_text(encoding="utf-8")
    if hasattr(kind, "from_files"):
        return kind.from_files({file: path.read_bytes() for file, path in paths.items()})
    content = paths[JSON].read_bytes()
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, content)
    fields = {name: _field(part, paths) for name, part in json.loads(content).items()}
    return _Shown(fields) if kind is dict else kind(**fields)


def _field(document: Any, paths: Mapping[str, Path]) -> Any:
    """The inverse of `_document`; a list becomes a tuple."""
    if isinstance(document, list):
        return tuple(_field(part, paths) for part in document)
    if not isinstance(document, dict):
        return document
    ((tag, content),) = document.items()
    if tag == "array":
        return _mapped(paths[content])
    if tag == "dict":
        return {name: _field(part, paths) for name, part in content.items()}
    kind = _known(content["type"], content["format"])
    assert kind is not None
    if "value" in content:
        return _dataclass(kind, to_json(content["value"]))
    return kind(**{name: _field(part, paths) for name, part in content["fields"].items()})


def _dataclass(kind: type[Any], content: bytes) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind).validate_json(content)


def _mapped(path: Path) -> np.ndarray:
    """A memory-mapped, read-only array."""
    return np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
