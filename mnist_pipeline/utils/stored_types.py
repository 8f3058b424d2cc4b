"""The types of values that a storage can write and read back.

A type registers itself where it is defined:

- `@stored_type` registers a NamedTuple whose fields are arrays, plain values (None, numbers,
  texts), other registered types, and tuples or dictionaries of all these; a dataclass of plain
  values (also lists, dictionaries, other dataclasses); or a class whose values people open as
  files: it has a method `to_files`, which returns the content of each file by name, and a class
  method `from_files`, its inverse. The last file is the one to open.
- `@format_version(2)`, above `@stored_type`, marks that the fields of a type, or what they mean,
  have changed. A value of another version is not read.
"""

import importlib
import reprlib
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T", bound=type)

_types: dict[str, type[Any]] = {}
_versions: dict[str, int] = {}
_modules: list[str] = []


class _Brief(reprlib.Repr):
    """Texts of limited length; of an array, its type and shape."""

    def repr_instance(self, x: Any, level: int) -> str:
        return f"{x.dtype} {x.shape}" if hasattr(x, "dtype") else super().repr_instance(x, level)


_brief = _Brief()
_brief.maxlevel = 2


def short_repr(value: Any) -> str:
    """A stored value in one line."""
    if isinstance(value, dict):
        fields = value
    else:
        fields = value._asdict() if hasattr(value, "_asdict") else vars(value)
    texts = ", ".join(f"{name}={_brief.repr(field)}" for name, field in fields.items())
    return f"{type(value).__name__}({texts})"


def stored_type(kind: T) -> T:
    """Register a class, so that its values can be stored, and give it a repr of one line."""
    _types[kind.__name__] = kind
    kind.__repr__ = short_repr  # type: ignore[method-assign, assignment]  # of any class
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


def type_entry(kind: type) -> dict[str, Any]:
    """The name of a registered class and the version of its format, as files name them."""
    return {"type": kind.__name__, "format": version_of(kind)}


def search_in(*modules: str) -> None:
    """Name modules that define stored types; they are imported in turn, until the type of a stored
    value is known.
    """
    _modules.extend(modules)


def is_registered(kind: type) -> bool:
    """Whether values of exactly this class can be stored."""
    return _types.get(kind.__name__) is kind


def find(name: str) -> type[Any] | None:
    """The registered class of that name, None if there is none."""
    for module in _modules:
        if name in _types:
            break
        importlib.import_module(module)  # waits if another thread is importing it
    return _types.get(name)
