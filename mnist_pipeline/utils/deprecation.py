"""Former names of the public API, which stay for one version."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any


def deprecated(former: str, name: str) -> None:
    """Warn the caller of a public function that a name has changed."""
    warnings.warn(
        f"{former} is now {name}; the former name goes in version 0.3",
        DeprecationWarning,
        stacklevel=3,
    )


def former_names(module: str, names: Mapping[str, tuple[str, Any]]) -> Callable[[str], Any]:
    """The `__getattr__` of a module with former names: each has its new name, and its value."""

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new, value = names[name]
        deprecated(name, new)
        return value

    return find
