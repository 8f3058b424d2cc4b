"""The code version of an asset, from the source that computes what it stores.

It is a checksum of the syntax tree of the asset's function and of all that it uses: helpers, constants and
configuration beside it, and modules of `mnist_pipeline` with the modules that those import. Comments, docstrings
and layout are not part of a syntax tree, so rewriting them changes no version. Left out is what does not reach the
stored value: the figures that an asset draws for its page, metadata, storage, settings. The report's
charts do reach it.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import dagster as dg

from mnist_pipeline.runtime.graph import sources
from mnist_pipeline.runtime.graph.sources import METHODS

WIRING = "assets"
LEFT_OUT = (  # modules, and packages with all that is in them
    "mnist_pipeline.cli",
    "mnist_pipeline.recognition.contact_sheet",
    "mnist_pipeline.report.figures",
    "mnist_pipeline.runtime",
)
PAGE_SUFFIXES = (".j2", ".css", ".js")
VERSION_LENGTH = 16
USED_MODULES = "used_modules"

Function = TypeVar("Function", bound=Callable[..., Any])


def with_code_versions(assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, each with the version of its code."""
    versioned = [asset.map_asset_specs(_setter(code_version(function_of(asset)))) for asset in assets]
    sources.memory.keep()
    return versioned


def uses(*modules: str) -> Callable[[Function], Function]:
    """Decorate the function of an asset with the modules that it calls by name, as those of a table.

    Their code is part of the asset's code version.
    """

    def mark(function: Function) -> Function:
        setattr(function, USED_MODULES, modules)
        return function

    return mark


def code_version(function: Callable[..., Any]) -> str:
    """Checksum of the source that a function uses, 16 hexadecimal digits."""
    parts: dict[str, str] = {}
    _collect(function, parts)
    for module in getattr(function, USED_MODULES, ()):
        _add_module(module, parts)
    listed = "\n".join(f"{name}\t{tree}" for name, tree in sorted(parts.items()))
    return hashlib.sha256(listed.encode()).hexdigest()[:VERSION_LENGTH]


def _setter(version: str) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    return lambda spec: spec.replace_attributes(code_version=version)


def function_of(asset: dg.AssetsDefinition) -> Callable[..., Any]:
    """The function under an `@asset` decorator."""
    compute: Any = asset.op.compute_fn
    return inspect.unwrap(compute.decorated_fn)


def _collect(used: object, parts: dict[str, str]) -> None:
    """Add what an object of the asset modules consists of, and what it uses in turn."""
    name: str = used.__qualname__  # type: ignore[attr-defined]
    qualified = f"{used.__module__}.{name}"
    if qualified in parts:
        return
    namespace = vars(sys.modules[used.__module__])
    defined = sources.memory.facts(Path(namespace["__file__"]), name)
    parts[qualified] = defined.tree
    closed_over = inspect.getclosurevars(used).nonlocals if inspect.isfunction(used) else {}
    for variable, value in closed_over.items():
        _add(f"{qualified}.{variable}", value, parts)
    for variable in defined.names:
        if variable in namespace:
            _add(f"{used.__module__}.{variable}", namespace[variable], parts)
    for module in _modules(defined.imports):
        if not _left_out(module):
            _add_module(module, parts)


def _add(name: str, value: object, parts: dict[str, str]) -> None:
    """Add one thing that a piece of source refers to, by what it is."""
    if isinstance(value, types.ModuleType):
        if value.__name__.startswith(f"{METHODS}.") and not _left_out(value.__name__):
            _add_module(value.__name__, parts)
        return
    if isinstance(value, str | int | float | bool | tuple | frozenset) or value is None:
        parts[name] = repr(value)
        return
    module = getattr(value, "__module__", None) or ""
    if module.startswith(f"{METHODS}.") and not _left_out(module):
        _add_module(module, parts)
    elif module.startswith(f"{WIRING}.") and hasattr(value, "__qualname__"):
        _collect(value, parts)


def _left_out(module: str) -> bool:
    return module.startswith(LEFT_OUT)


def _add_module(module: str, parts: dict[str, str]) -> None:
    """Add a module of the methods, those that it imports, and the page's files in a package."""
    if module in parts:
        return
    found = _module(module)
    parts[module] = found.tree
    parts.update(found.files)
    for imported in found.imports:
        _add_module(imported, parts)


class _Module(NamedTuple):
    """A module: the checksum of its syntax tree, the texts of the page's files beside it, the modules it imports."""

    tree: str
    files: dict[str, str]
    imports: tuple[str, ...]


@functools.cache
def _module(name: str) -> _Module:
    source = _source(name)
    facts = sources.memory.facts(source)
    beside = sorted(source.parent.rglob("*")) if source.name == "__init__.py" else []
    texts = {file.name: file.read_text(encoding="utf-8") for file in beside if file.suffix in PAGE_SUFFIXES}
    return _Module(facts.tree, texts, tuple(_modules(facts.imports)))


def _modules(imported: Iterable[str]) -> Iterator[str]:
    """Of what is imported, what is a module."""
    return (name for name in imported if _source(name).exists())


@functools.cache
def _source(module: str) -> Path:
    package = Path(str(sys.modules[METHODS].__file__)).parent
    path = package.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
