"""The code version of an asset: a checksum of the code that computes its value.

It covers the asset's function with the definitions of its module that it uses, and every module of
the project that these import, directly or not. Comments and docstrings do not count, and neither
does what only people see: what an asset passes to `result` besides the value, the figures that an
asset draws, how the table of models names a model.

The table of models counts by the fields that compute: for the assets of a model, its own entry; for
an asset that reads all models, all entries, and their methods if it calls them.
"""

import ast
import contextlib
import dataclasses
import functools
import hashlib
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from mnist_pipeline import models
from mnist_pipeline.models import MODELS, Model, Shown, model_of
from mnist_pipeline.utils import places

TABLE = models.__name__
PACKAGE = TABLE.partition(".")[0]
# The table of models, and packages whose code never changes a value.
LEFT_OUT = tuple(f"{PACKAGE}.{name}" for name in ("cli", "models", "runtime", "utils"))
# What an asset uses of these only people see. The modules of the report do depend on its figures.
SHOWN = (f"{PACKAGE}.report.figures", f"{PACKAGE}.handwriting.contact_sheet")


def function_of(asset: dg.AssetsDefinition, package: str) -> Callable[..., Any] | None:
    """The function under an `@asset` decorator;

    None if the asset is a graph, or if its function is elsewhere.
    """
    if not isinstance(asset.node_def, dg.OpDefinition):
        return None
    compute: Any = asset.op.compute_fn
    function: Any = inspect.unwrap(getattr(compute, "decorated_fn", compute))
    return function if f"{getattr(function, '__module__', '')}.".startswith(f"{package}.") else None


def code_versions(functions: Mapping[str, Callable[..., Any]]) -> dict[str, str]:
    """The versions of the functions that compute assets, by asset.

    They take half a second, so they are remembered as long as the files of the project have the
    same sizes and times.
    """
    roots = {PACKAGE, *(function.__module__.partition(".")[0] for function in functions.values())}
    patterns = ("*.py", "templates/**/*.*")
    files = sorted(
        file
        for root in roots
        for pattern in patterns
        for file in _source(root).parent.rglob(pattern)
    )
    stats = [(str(file), (found := file.stat()).st_size, found.st_mtime_ns) for file in files]
    state = hashlib.sha256(repr((sys.version, sorted(functions), stats)).encode()).hexdigest()
    remembered = places.code_cache() / "code-versions.json"
    with contextlib.suppress(OSError, ValueError, LookupError):
        return dict(json.loads(remembered.read_text())[state])
    versions = {asset: code_version(asset, function) for asset, function in functions.items()}
    with contextlib.suppress(OSError):
        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.write_text(json.dumps({state: versions}))
    return versions


def code_version(asset: str, function: Callable[..., Any]) -> str:
    """The version of the function that computes an asset, 16 hexadecimal digits."""
    code, imported = _used_by(function)
    modules = _with_imports(name for name in imported if name not in SHOWN)
    parts = [ast.dump(node) for node in code]
    if TABLE in imported or any(TABLE in _imports(name) for name in modules):
        own = model_of(asset)
        calls = any(map(_calls_methods, [*code, *map(_code, modules)]))
        for model in [own] if own else MODELS.values():
            parts.append(repr(_computing_fields(model)))
            if not model.has_own_asset if own else calls:
                method, imported = _used_by(model.method)
                parts += [ast.dump(node) for node in method]
                modules |= _with_imports(imported)
    parts += [_checksum(name) for name in sorted(modules)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _computing_fields(model: Model) -> dict[str, Any]:
    """The fields of an entry on which values depend."""
    shown = {each.name for each in dataclasses.fields(Shown)} | {"method", "settings"}
    fields = {
        each.name: getattr(model, each.name)
        for each in dataclasses.fields(model)
        if each.name not in shown
    }
    settings = {
        name: dataclasses.replace(each, description="") for name, each in model.settings.items()
    }
    return fields | {"settings": settings}


def _calls_methods(code: ast.AST) -> bool:
    """Whether code calls the methods of the table of models: `model.method()`."""
    return any(isinstance(node, ast.Attribute) and node.attr == "method" for node in ast.walk(code))


def _used_by(function: Callable[..., Any]) -> tuple[list[ast.stmt], set[str]]:
    """The definitions of its module that a function uses, directly or not, and the modules that
    they import.
    """
    module = function.__module__
    body = _code(module).body
    definitions = {name: node for node in body for name in _names_defined(node)}
    found: dict[str, ast.stmt] = {}
    names: set[str] = set()
    waiting = [function.__qualname__.partition(".")[0]]
    while waiting:
        each = waiting.pop()
        if each in definitions and each not in found:
            found[each] = definitions[each]
            used = {node.id for node in ast.walk(definitions[each]) if isinstance(node, ast.Name)}
            names |= used
            waiting += used
    package = module.rpartition(".")[0]
    code = [found[each] for each in sorted(found)]
    at_top = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    return code, {*_imported(at_top, package, names), *_imported(code, package)}


def _names_defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    return [
        each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)
    ]


def _with_imports(modules: Iterable[str]) -> set[str]:
    """Modules of the project, and all modules of the project that they import, directly or not."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found and not name.startswith(LEFT_OUT):
            found.add(name)
            waiting += _imports(name)
    return found


@functools.cache
def _imports(module: str) -> list[str]:
    """The modules of the project that a module of the project imports."""
    is_package = _source(module).name == "__init__.py"
    return list(_imported(_code(module).body, module if is_package else module.rpartition(".")[0]))


def _imported(
    code: Iterable[ast.stmt], package: str, names: set[str] | None = None
) -> Iterator[str]:
    """The modules of the project that code imports; with `names`, only what it imports by these
    names.
    """
    for node in (each for statement in code for each in ast.walk(statement)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            parent = (
                importlib.util.resolve_name("." * getattr(node, "level", 0) + module, package)
                if module
                else ""
            )
            for alias in node.names:
                if names is None or (alias.asname or alias.name.partition(".")[0]) in names:
                    found = f"{parent}.{alias.name}".strip(".")
                    yield from [
                        each for each in (found, found.rpartition(".")[0]) if _is_of_project(each)
                    ][:1]


@functools.cache
def _is_of_project(module: str) -> bool:
    return module.partition(".")[0] in (PACKAGE, "assets") and _source(module).is_file()


@functools.cache
def _source(module: str) -> Path:
    """The file of a module of the project, which need not exist."""
    root, *parts = module.split(".")
    place = Path(str(importlib.import_module(root).__file__)).parent.joinpath(*parts)
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@functools.cache
def _code(module: str) -> ast.Module:
    """The code of a module without docstrings and imports for types.

    Of an asset, the decorator, the types of the inputs and what it passes to `result` for people
    are left out.
    """
    source = _source(module)
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
        # A package that loads its modules later names them for the type checker.
        if (
            isinstance(node, ast.If)
            and "TYPE_CHECKING" in ast.unparse(node.test)
            and source.name != "__init__.py"
        ):
            node.body = [ast.Pass()]
        if isinstance(node, ast.FunctionDef) and "assets" in source.parts:
            node.decorator_list = []
            for argument in node.args.args:
                argument.annotation = argument.annotation if argument.arg == "config" else None
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "result"
        ):
            node.args, node.keywords = node.args[:1], []
    return tree


@functools.cache
def _checksum(module: str) -> str:
    """The checksum of a module's code, and of the templates beside it."""
    templates = sorted(_source(module).parent.glob("templates/**/*.*"))
    content = [ast.dump(_code(module)).encode(), *(each.read_bytes() for each in templates)]
    return hashlib.sha256(b"\n".join(content)).hexdigest()
