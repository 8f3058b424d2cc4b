"""The code version of an asset: a checksum of the code that computes its value.

It covers the asset's function with the definitions of its module that it uses, and every module of the project that
these import, directly or not. Comments and docstrings do not count, and neither does what only people see: what an
asset passes to `result` besides the value, the figures that an asset draws, how the table of models names a model.

The table of models counts by the fields that compute: for the assets of a model, its own entry; for an asset that reads
all models, all entries, and their methods if it calls them.
"""

import ast
import dataclasses
import functools
import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from mnist_pipeline import models
from mnist_pipeline.models import MODELS, Model, Shown

PACKAGE = __name__.partition(".")[0]
# Packages whose code never changes a value, and the table of models.
LEFT_OUT = ("cli", "models", "runtime", "utils")
TABLE = models.__name__
# What assets and the table of models use of these only people see. The report's own modules do depend on its figures.
SHOWN = ("report.figures", "handwriting.contact_sheet")
VERSION_LENGTH = 16


def function_of(asset: dg.AssetsDefinition) -> Callable[..., Any]:
    """The function under an `@asset` decorator."""
    compute: Any = asset.op.compute_fn
    return inspect.unwrap(compute.decorated_fn)


def code_version(asset: str, function: Callable[..., Any]) -> str:
    """The version of the function that computes an asset, 16 hexadecimal digits."""
    code, imported = _used_code(Path(str(inspect.getsourcefile(function))), function)
    modules = {each for name in imported if not name.endswith(SHOWN) for each in _with_imports(name)}
    parts = [ast.dump(node) for node in code]
    if TABLE in imported or any(TABLE in _imports_of(name) for name in modules):
        everything = [*code, *(_parsed(path) for path in map(_source, modules) if path)]
        own = MODELS.get(asset.partition("_")[0])
        for model in [own] if own else MODELS.values():
            parts.append(repr(_computing_fields(model)))
            if not model.has_own_assets if own else _calls_methods(everything):
                code, imported = _used_code(Path(models.__file__), model.method)
                parts += [ast.dump(node) for node in code]
                modules |= {each for name in imported for each in _with_imports(name)}
    parts += [_checksum_of(name) for name in sorted(modules)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:VERSION_LENGTH]


def _used_code(source: Path, function: Callable[..., Any]) -> tuple[list[ast.stmt], set[str]]:
    """The definitions of a module that a function uses, and the modules of the project that they import."""
    code, names = _used_definitions(source, function.__qualname__.partition(".")[0])
    package = function.__module__.rpartition(".")[0]
    top = [node for node in _parsed(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return code, {*_imports(top, names, package), *_imports(code, None, package)}


def _computing_fields(model: Model) -> dict[str, Any]:
    """The fields of an entry on which values depend."""
    shown = {each.name for each in dataclasses.fields(Shown)} | {"method", "settings"}
    fields = {each.name: getattr(model, each.name) for each in dataclasses.fields(model) if each.name not in shown}
    settings = {name: dataclasses.replace(each, description="") for name, each in model.settings.items()}
    return fields | {"settings": settings}


def _calls_methods(code: list[Any]) -> bool:
    """Whether code calls the methods of the table of models: `model.method()`."""
    nodes = (node for each in code for node in ast.walk(each))
    return any(isinstance(node, ast.Attribute) and node.attr == "method" for node in nodes)


def _used_definitions(source: Path, name: str) -> tuple[list[ast.stmt], set[str]]:
    """The definitions of a module that one of them uses, directly or not, and the names in them."""
    tree = _parsed(source)
    definitions = {each: node for node in tree.body for each in _names_defined(node)}
    found: dict[str, ast.stmt] = {}
    names: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each in definitions and each not in found:
            found[each] = definitions[each]
            used = {node.id for node in ast.walk(definitions[each]) if isinstance(node, ast.Name)}
            names |= used
            waiting += sorted(used)
    return [found[each] for each in sorted(found)], names


def _names_defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]


@functools.cache
def _parsed(source: Path) -> ast.Module:
    """The code of a module without docstrings and imports for types.

    Of an asset, the decorator, the types of the inputs and what it passes to `result` for people are left out.
    """
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        # A package that loads its modules later names them for the type checker.
        is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if is_for_types and isinstance(node, ast.If) and source.name != "__init__.py":
            node.body = [ast.Pass()]
        if isinstance(node, ast.FunctionDef) and "assets" in source.parts:
            node.decorator_list = []
            for argument in node.args.args:  # the type of an input is not code that runs
                argument.annotation = argument.annotation if argument.arg == "config" else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "result":
            node.args, node.keywords = node.args[:1], []
    return tree


@functools.cache
def _with_imports(name: str) -> frozenset[str]:
    """A module of the project, and all modules of the project that it imports, directly or not."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in found and not _is_left_out(each):
            found.add(each)
            waiting += _imports_of(each)
    return frozenset(found)


@functools.cache
def _imports_of(module: str) -> list[str]:
    """The modules of the project that a module of the project imports."""
    source = _source(module)
    package = module if source and source.name == "__init__.py" else module.rpartition(".")[0]
    return list(_imports(_parsed(source).body, None, package)) if source else []


def _imports(code: list[ast.stmt], names: set[str] | None, package: str) -> Iterator[str]:
    """The modules of the project that code imports; with `names`, only what it imports by these names."""
    for node in (each for statement in code for each in ast.walk(statement)):
        if isinstance(node, ast.Import):
            found = [(alias.asname or alias.name.partition(".")[0], alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = importlib.util.resolve_name("." * node.level + (node.module or ""), package or None)
            found = [(alias.asname or alias.name, f"{parent}.{alias.name}") for alias in node.names]
        else:
            continue
        for name, module in found:
            if names is None or name in names:
                yield from [each for each in (module, module.rpartition(".")[0]) if _source(each)][:1]


@functools.cache
def _source(module: str) -> Path | None:
    """The file of a module of the project, None if the project has no such module."""
    root, *parts = module.split(".")
    if root != PACKAGE and root != "assets":
        return None
    spec = importlib.util.find_spec(root)
    place = Path(str(spec.origin)).parent.joinpath(*parts) if spec and spec.origin else None
    candidates = [place / "__init__.py", place.with_suffix(".py")] if place else []
    return next((each for each in candidates if each.is_file()), None)


def _is_left_out(module: str) -> bool:
    return module.partition(".")[2].partition(".")[0] in LEFT_OUT and not module.startswith("assets")


@functools.cache
def _checksum_of(module: str) -> str:
    """The checksum of a module's code, and of the templates beside the modules of the report."""
    source = _source(module)
    assert source is not None
    templates = sorted(source.parent.glob("templates/*")) if source.parent.name == "report" else []
    content = [ast.dump(_parsed(source)).encode(), *(each.read_bytes() for each in templates)]
    return hashlib.sha256(b"\n".join(content)).hexdigest()
