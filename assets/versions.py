"""The code version of an asset, from the source that computes what it stores.

It is a checksum of the syntax tree of the asset's function and of all that it uses: helpers, constants and
configuration beside it, and modules of `mnist_pipeline` with the modules that those import. Comments, docstrings
and layout are not part of a syntax tree, so rewriting them changes no version. Left out is what does not reach the
stored value: the figures that an asset draws for its page, metadata, storage, settings. The report's
charts do reach it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg

METHODS = "mnist_pipeline"
WIRING = "assets"
LEFT_OUT = {
    "mnist_pipeline.contact_sheet",
    "mnist_pipeline.figures",
    "assets.checks",
    "assets.data_sets",
    "assets.exclusive",
    "assets.files",
    "assets.inbox",
    "assets.io_manager",
    "assets.places",
    "assets.publication",
    "assets.results",
    "assets.settings",
    "assets.shards",
    "assets.storage",
    "assets.versions",
}
PAGE_SUFFIXES = (".j2", ".css", ".js")
VERSION_LENGTH = 16
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # fields of a syntax tree that hold statements
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def with_code_versions(assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, each with the version of its code."""
    return [asset.map_asset_specs(_setter(code_version(function_of(asset)))) for asset in assets]


def code_version(function: Callable[..., Any]) -> str:
    """Checksum of the source that a function uses, 16 hexadecimal digits."""
    parts: dict[str, str] = {}
    _collect(function, parts)
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
    defined = _defined(name, Path(namespace["__file__"]))
    parts[qualified] = defined.tree
    closed_over = inspect.getclosurevars(used).nonlocals if inspect.isfunction(used) else {}
    for variable, value in closed_over.items():
        _add(f"{qualified}.{variable}", value, parts)
    for variable in defined.names:
        if variable in namespace:
            _add(f"{used.__module__}.{variable}", namespace[variable], parts)
    for module in defined.imports:
        if module not in LEFT_OUT:
            _add_module(module, parts)


def _add(name: str, value: object, parts: dict[str, str]) -> None:
    """Add one thing that a piece of source refers to, by what it is."""
    if isinstance(value, types.ModuleType):
        if value.__name__.startswith(f"{METHODS}.") and value.__name__ not in LEFT_OUT:
            _add_module(value.__name__, parts)
        return
    if isinstance(value, str | int | float | bool | tuple | frozenset) or value is None:
        parts[name] = repr(value)
        return
    module = getattr(value, "__module__", None) or ""
    if module.startswith(f"{METHODS}."):
        _add_module(module, parts)
    elif module.startswith(f"{WIRING}.") and module not in LEFT_OUT and hasattr(value, "__qualname__"):
        _collect(value, parts)


def _add_module(module: str, parts: dict[str, str]) -> None:
    """Add a module of the methods, those that it imports, and the page's files in a package."""
    if module in parts:
        return
    parsed = _parsed(module)
    parts[module] = parsed.tree
    parts.update(parsed.files)
    for imported in parsed.imports:
        _add_module(imported, parts)


class _Defined(NamedTuple):
    """A function or a class: its syntax tree, the names in it, the modules of the methods it imports."""

    tree: str
    names: tuple[str, ...]
    imports: tuple[str, ...]


@functools.cache
def _defined(qualified: str, source: Path) -> _Defined:
    tree = _definition(qualified, _tree(source))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return _Defined(ast.dump(tree), tuple(sorted(names)), tuple(_imported(tree)))


def _definition(qualified: str, file: ast.Module) -> ast.Module:
    """The statement that defines a function or a class; the whole file if none does, as for a lambda."""
    found: Any = file
    for name in qualified.replace(".<locals>", "").split("."):
        inner = [node for node in _statements(found) if isinstance(node, DEFINITIONS) and node.name == name]
        if not inner:
            return file
        found = inner[-1]
    return ast.Module([found], [])


class _Parsed(NamedTuple):
    """A module: its syntax tree, the texts of the page's files beside it, the modules of the methods it imports."""

    tree: str
    files: dict[str, str]
    imports: tuple[str, ...]


@functools.cache
def _parsed(module: str) -> _Parsed:
    source = _source(module)
    tree = _tree(source)
    files = sorted(source.parent.rglob("*")) if source.name == "__init__.py" else []
    texts = {file.name: file.read_text(encoding="utf-8") for file in files if file.suffix in PAGE_SUFFIXES}
    return _Parsed(ast.dump(tree), texts, tuple(_imported(tree)))


@functools.cache
def _tree(source: Path) -> ast.Module:
    return _without_docstrings(ast.parse(source.read_text(encoding="utf-8")))


def _imported(tree: ast.AST) -> Iterator[str]:
    """Modules of the methods that a piece of source imports."""
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith(f"{METHODS}."))
        elif isinstance(node, ast.ImportFrom) and node.module == METHODS:
            yield from (f"{METHODS}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{METHODS}."):
            yield str(node.module)
            yield from (name for alias in node.names if _source(name := f"{node.module}.{alias.name}").exists())


def _source(module: str) -> Path:
    package = Path(str(sys.modules[METHODS].__file__)).parent
    path = package.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in [tree, *_statements(tree)]:
        if isinstance(node, (ast.Module, *DEFINITIONS)):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return tree


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements of a piece of source; their expressions, most of a tree, are not looked at."""
    for field in BLOCKS:
        for node in getattr(tree, field, ()):
            yield node
            yield from _statements(node)
