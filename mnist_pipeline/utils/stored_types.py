"""The types of values that a storage can write and read back.

A type registers itself where it is defined:

- `@stored_type` registers a NamedTuple whose fields are arrays or dictionaries of arrays, a subclass of dict whose
  values are arrays, or a dataclass of plain values (numbers, texts, lists, dictionaries, other dataclasses). It may
  have a method `check_usable`, which raises ValueError if this version of the code can't compute with the value;
- `@format_version(2)`, above `@stored_type`, marks that the fields of a type, or what they mean, have changed. Stored
  files name the version of their type. A file of another version is not read, but a class method `from_fields` of a
  NamedTuple may convert the fields of earlier versions.
- `@stored_as_files("data.json", "index.html")` registers a class whose values people open as files. It has a method
  `to_files`, which returns the content of each file by name, and a class method `from_files`, its inverse. The last
  file is the one to open.
"""

import importlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T", bound=type)

_types: dict[str, type[Any]] = {}
_versions: dict[str, int] = {}
_types_by_files: dict[frozenset[str], type[Any]] = {}
_modules: list[str] = []


def stored_type(kind: T) -> T:
    """Register a class, so that its values can be stored."""
    _types[kind.__name__] = kind
    return kind


def format_version(version: int) -> Callable[[T], T]:
    """Set the version of the format of a stored type; it is 1 by default."""

    def register(kind: T) -> T:
        _versions[kind.__name__] = version
        return kind

    return register


def version_of(kind: type) -> int:
    """The version of the format of a registered class."""
    return _versions.get(kind.__name__, 1)


def stored_as_files(*names: str) -> Callable[[T], T]:
    """Register a class whose values are stored as files with these names."""

    def register(kind: T) -> T:
        _types_by_files[frozenset(names)] = kind
        return stored_type(kind)

    return register


def search_in(*modules: str) -> None:
    """Name modules that define stored types; they are imported when a stored value has a type that is not known yet."""
    _modules.extend(modules)


def is_registered(kind: type) -> bool:
    """Whether values of exactly this class can be stored."""
    return _types.get(kind.__name__) is kind


def find(name: str) -> type[Any] | None:
    """The registered class of that name, None if there is none."""
    if name not in _types:
        _import_modules()
    return _types.get(name)


def find_by_files(names: Iterable[str]) -> type[Any] | None:
    """The registered class whose values are stored as files with these names, None if there is none."""
    if frozenset(names) not in _types_by_files:
        _import_modules()
    return _types_by_files.get(frozenset(names))


def _import_modules() -> None:
    for module in _modules:
        importlib.import_module(module)  # waits if another thread is importing it
