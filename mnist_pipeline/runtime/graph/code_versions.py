"""The code version of an asset: a checksum of the code that can change its value.

That is the module that defines the asset, every module of the project that it imports, directly or
not, without comments and docstrings, and the entries of the table of models that it computes with.
Packages that compute nothing are left out, and what people see counts for the report only.
"""

import ast
import contextlib
import functools
import hashlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from mnist_pipeline.methods.table import MODELS, Model, Shown, model_of
from mnist_pipeline.runtime.project import GRAPH
from mnist_pipeline.utils.directories import PACKAGE, PROJECT, code_cache

GRAPH_DIRECTORY = PROJECT.joinpath(*GRAPH.split(".")[:-1])
REPORT = PACKAGE / "report"
TABLE = PACKAGE / "methods" / "table.py"
# See the contracts in pyproject.toml. The sweep only lists trials, whose partition keys name their
# settings.
COMPUTE_NOTHING = (PACKAGE / "cli", PACKAGE / "runtime", GRAPH_DIRECTORY / "experiments.py")
COMPUTING = {field.name for field in fields(Model)} - {field.name for field in fields(Shown)}
TEMPLATES = (".j2", ".js", ".css")  # files of the report


def code_versions(modules: Mapping[str, Path]) -> dict[str, str]:
    """The code versions of assets, remembered until a source changes: they take half a second."""
    files = {*PACKAGE.rglob("*.py"), *_templates(), *GRAPH_DIRECTORY.rglob("*.py")}
    sources = [(str(file), file.read_bytes()) for file in sorted(files) if file.is_file()]
    state = hashlib.sha256(repr((sys.version, sorted(modules), sources)).encode()).hexdigest()
    remembered = code_cache() / "code-versions.json"
    with contextlib.suppress(OSError, ValueError, LookupError):
        return dict(json.loads(remembered.read_text())[state])
    versions = {asset: code_version(asset, module) for asset, module in modules.items()}
    with contextlib.suppress(OSError):
        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.write_text(json.dumps({state: versions}))
    return versions


def code_version(asset: str, module: Path) -> str:
    """The code version of an asset that a module defines, 16 hexadecimal digits."""
    files, waiting = set[Path](), [module]
    if model := model_of(asset):
        files.add(TABLE)  # so that its imports, the methods of all models, are not followed
        waiting += _imports(ast.parse(inspect.getsource(model.method)), TABLE)
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.add(file)
            waiting += _read(file)[1]
    entries = [model] if model else MODELS.values() if TABLE in files else []
    values = [getattr(entry, name) for entry in entries for name in sorted(COMPUTING - {"method"})]
    shows = any(file.is_relative_to(REPORT) for file in files)
    checksums = sorted(_read(file)[0] for file in files if shows or file != TABLE)
    return hashlib.sha256(repr((values, checksums)).encode()).hexdigest()[:16]


@functools.cache
def _read(file: Path) -> tuple[str, list[Path]]:
    """The checksum of a module with the templates beside it, and the modules that it imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            del node.body[0]
    content, imports = [ast.dump(tree).encode()], list(_imports(tree, file))
    if file.parent == REPORT:
        content += map(Path.read_bytes, sorted(_templates()))
    if file == REPORT / "assembly.py":  # which finds the topics by their folders
        imports += sorted(REPORT.glob("topics/*/topic.py"))
    return hashlib.sha256(b"\n".join(content)).hexdigest(), imports


def _templates() -> list[Path]:
    return [file for file in REPORT.rglob("*.*") if file.suffix in TEMPLATES]


def _imports(code: ast.AST, file: Path) -> Iterator[Path]:
    """The modules that code in a file imports, without those that are left out."""
    left_out = [*COMPUTE_NOTHING, *([] if file.is_relative_to(REPORT) else [REPORT / "figures"])]
    package = ".".join(file.relative_to(PROJECT).parent.parts)
    for node in ast.walk(code):
        if isinstance(node, ast.Import | ast.ImportFrom):
            name = "." * getattr(node, "level", 0) + (getattr(node, "module", None) or "")
            parent = importlib.util.resolve_name(name, package)
            for alias in node.names:
                imported = _file(f"{parent}.{alias.name}".strip(".")) or _file(parent)
                if imported and not any(map(imported.is_relative_to, left_out)):
                    yield imported


@functools.cache
def _file(module: str) -> Path | None:
    """The file of a module of the project; None for other modules, and for a name in a module."""
    path = PROJECT.joinpath(*module.split("."))
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file() and {PACKAGE, GRAPH_DIRECTORY}.intersection(file.parents):
            return file
    return None
