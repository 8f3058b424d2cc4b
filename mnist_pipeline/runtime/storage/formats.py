"""The file formats of values; none of them can contain code.

=============================================  ==============  ==============================================
value                                          suffix          read back as
=============================================  ==============  ==============================================
ndarray                                        `.npy`          memory-mapped ndarray
dict of arrays                                 `.safetensors`  dict of memory-mapped arrays
registered NamedTuple of arrays                `.safetensors`  the same NamedTuple of memory-mapped arrays
DataFrame                                      `.csv`          DataFrame
str                                            `.md`           str
registered subclass of dict                    `.safetensors`  the same class of memory-mapped arrays
registered dataclass                           `.json`         the same dataclass
registered type with `to_files`                its own         the same type
=============================================  ==============  ==============================================

The types are registered in `utils.stored_types`. The type of a value determines its format; the name of the type and
the version of its format are part of the `.safetensors` and `.json` files. Without a version, a file has version 1.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from mnist_pipeline.runtime.storage.contents import VersionError
from mnist_pipeline.runtime.storage.files import Writer
from mnist_pipeline.utils import stored_types
from mnist_pipeline.utils.blocks import slices

SUFFIXES = (".npy", ".safetensors", ".csv", ".json", ".md")
# The names of the types of numbers in the safetensors format.
_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    **{f"{kind.upper()}{8 * size}": np.dtype(f"{kind}{size}") for kind in "ui" for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": np.dtype(f"f{size}") for size in (2, 4, 8)},
}
_DTYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
ALIGNMENT = 8
BLOCK = 1 << 20  # bytes


class FormatError(ValueError):
    """The content of a file is not a valid value; the message names the problem."""


def encode(value: object) -> dict[str, Writer]:
    """The files of a value: their writers by name, or by suffix if there is only one file.

    The last file is the one that people open. Raises TypeError if there is no format for such a value.
    """
    kind = type(value)
    if isinstance(value, np.ndarray):
        array = value
        return {".npy": lambda file: _write_array(file, array)}
    if isinstance(value, str):
        return {".md": _writer(value.encode())}
    if isinstance(value, dict):
        return _encode_arrays(value, kind if stored_types.is_registered(kind) else dict)
    if _is_table(value):
        table: Any = value
        return {".csv": _writer(table.to_csv(index=False).encode())}
    if stored_types.is_registered(kind):
        registered: Any = value
        if hasattr(kind, "to_files"):
            return {name: _writer(content) for name, content in registered.to_files().items()}
        if dataclasses.is_dataclass(value):
            return {".json": _writer(_encode_json({**_type_entries(kind), **dataclasses.asdict(registered)}))}
        return _encode_arrays(registered._asdict(), kind)
    raise TypeError(
        f"a {kind.__name__} has no storage format; return an ndarray, a dict of arrays, a DataFrame, a text, "
        "or a NamedTuple of arrays or a dataclass that is decorated with `stored_type`"
    )


def decode(names: Sequence[str], open_file: Callable[[str], BinaryIO]) -> Any:
    """The value that is stored in files with these names.

    Raises FormatError if the content of a file is not valid, VersionError if its format is not that of this version.
    """
    try:
        suffix = f".{names[0].rpartition('.')[2]}"
        if len(names) == 1 and suffix in _DECODERS:
            with open_file(names[0]) as file:
                return _DECODERS[suffix](file)
        contents = {}
        for name in names:
            with open_file(name) as file:
                contents[name.rpartition("/")[2]] = file.read()
        kind = stored_types.find_by_files(contents)
        if kind is None:
            raise FormatError(f"no known type is stored as {', '.join(contents)}")
        return kind.from_files(contents)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError) as error:
        raise FormatError(str(error)) from error


def _writer(content: bytes) -> Writer:
    return lambda file: file.write(content)


def _type_entries(kind: type) -> dict[str, Any]:
    return {"type": kind.__name__, "version": stored_types.version_of(kind)}


def _type_of(entries: Mapping[str, Any]) -> type[Any]:
    """The type with the name and the version in a file."""
    name, version = str(entries.get("type")), int(entries.get("version", 1))
    kind = dict if name == dict.__name__ else stored_types.find(name)
    if kind is None:
        raise FormatError(f"it contains a {name!r}, which is not a known type")
    known = stored_types.version_of(kind)
    if version > known or (version < known and not hasattr(kind, "from_fields")):
        raise VersionError(f"has format version {version} of {name}; this version of mnist-pipeline reads {known}")
    return kind


# Arrays


def _write_array(file: BinaryIO, array: np.ndarray) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(file, header)
    _write_bytes_of(file, array)


def _write_bytes_of(file: BinaryIO, array: np.ndarray) -> None:
    """Write the numbers in an array, in blocks: Linux can be ten times slower at one write of 100 MB."""
    content = np.asarray(array, order="C").reshape(-1).view(np.uint8).data
    for block in slices(len(content), BLOCK):
        file.write(content[block])


def _map_array(file: BinaryIO) -> np.ndarray:
    """Map an array into memory from the open file, which was verified; an array of objects would be a pickle."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise FormatError("it is not of version 1.0 of the format")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise FormatError("it contains objects, which only a pickle can")
    order: Any = "F" if fortran_order else "C"
    return np.memmap(file, dtype, "r", file.tell(), shape, order)


# Named arrays


def _encode_arrays(named: Mapping[str, Any], kind: type) -> dict[str, Writer]:
    """Arrays by name; the arrays of a field that is a dict are named `FIELD.NAME`."""
    arrays: dict[str, np.ndarray] = {}
    for field, content in named.items():
        if isinstance(content, Mapping):
            arrays |= {f"{field}.{name}": np.asarray(array) for name, array in content.items()}
        else:
            arrays[field] = np.asarray(content)
    return {".safetensors": lambda file: _write_arrays(file, arrays, kind)}


def _write_arrays(file: BinaryIO, arrays: Mapping[str, np.ndarray], kind: type) -> None:
    """Write the safetensors format directly from the arrays; the library would copy them twice.

    The format is the length of the header, the header as JSON, and the arrays one after another. The arrays with the
    widest numbers come first, so that each array is aligned.
    """
    header: dict[str, Any] = {"__metadata__": {name: str(entry) for name, entry in _type_entries(kind).items()}}
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
        _write_bytes_of(file, arrays[name])


def _dtype_name(name: str, array: np.ndarray) -> str:
    if array.dtype not in _DTYPE_NAMES:
        raise TypeError(
            f"{name} is of type {array.dtype}, which can't be stored; use one of {', '.join(map(str, _DTYPE_NAMES))}"
        )
    return _DTYPE_NAMES[array.dtype]


def _map_named_arrays(file: BinaryIO) -> Any:
    """Map named arrays into memory from the open file, which was verified; the library checks the header first."""
    import safetensors

    try:
        with safetensors.safe_open(file.name, framework="numpy"):
            pass
    except safetensors.SafetensorError as error:
        raise FormatError(str(error)) from error
    if not os.path.samestat(os.stat(file.name), os.fstat(file.fileno())):  # noqa: PTH116
        raise FormatError("it was replaced while it was read")
    header = _read_header(file)
    start_of_arrays, kind = file.tell(), _type_of(header.pop("__metadata__"))
    content = np.asarray(np.memmap(file, np.uint8, "r"))[start_of_arrays:]
    arrays = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        arrays[name] = content[start:end].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return kind(arrays) if issubclass(kind, dict) else _named_tuple(kind, arrays)


def _read_header(file: BinaryIO) -> dict[str, Any]:
    """The header of the safetensors format, which ends where the file is read next."""
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {**header, "__metadata__": {"type": dict.__name__, **header.get("__metadata__", {})}}


def _named_tuple(kind: type[Any], arrays: Mapping[str, np.ndarray]) -> Any:
    fields: dict[str, Any] = {}
    for key, array in arrays.items():
        field, _, part = key.partition(".")
        if part:
            fields.setdefault(field, {})[part] = array
        else:
            fields[field] = array
    if hasattr(kind, "from_fields"):  # the type also reads earlier layouts
        return kind.from_fields(fields)
    if set(fields) != set(kind._fields):
        raise FormatError(f"it contains {', '.join(sorted(fields))} instead of {', '.join(kind._fields)}")
    return kind(**fields)


# Tables


def _is_table(value: object) -> bool:
    """Whether a value is a DataFrame; pandas is slow to import, and loaded already where there are DataFrames."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def _read_table(file: BinaryIO) -> Any:
    import pandas as pd

    # pandas 3 reads floats exactly by default, earlier versions on request.
    exact: dict[str, Any] = {} if int(pd.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}
    return pd.read_csv(file, **exact)


# Dataclasses of plain values


def _encode_json(document: object) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _read_json(file: BinaryIO) -> Any:
    from pydantic import TypeAdapter, ValidationError

    document = json.loads(file.read())
    kind = _type_of(document)
    fields = {name: value for name, value in document.items() if name not in ("type", "version")}
    try:
        return TypeAdapter(kind).validate_python(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise FormatError(f"it is not a valid {kind.__name__}, {place}: {first['msg']}") from error


_DECODERS: dict[str, Callable[[BinaryIO], Any]] = {
    ".npy": _map_array,
    ".safetensors": _map_named_arrays,
    ".csv": _read_table,
    ".json": _read_json,
    ".md": lambda file: file.read().decode(),
}
