"""The code version of an asset: a checksum of the definitions that compute its value.

The search begins with the asset's function and follows each name to the function, class or constant that it stands
for, and so on. A class counts whole, with its methods and bases. A module counts whole where it is used as a value.
What the function of a factory closes over counts by its value.

Left out is what does not reach the stored value: figures that an asset draws for its page in the UI, storage,
settings, checks, commands. The figures of the report do reach its value.
"""

from __future__ import annotations

import builtins
import dataclasses
import enum
import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import dagster as dg

from mnist_pipeline.runtime.graph.syntax import Code, Dotted, Module

METHODS = __name__.partition(".")[0]
LEFT_OUT = {(METHODS, *name.split(".")) for name in ("cli", "runtime", "recognition.contact_sheet")}
REPORT, FIGURES = (METHODS, "report"), (METHODS, "report", "figures")
PAGE_FILES = "templates/*"  # what the modules of a package render
EFFECTS = ""  # stands for the statements of a module that define no name
ITSELF = ""  # stands for a function among the methods of a class
PLAIN = (str, bytes, int, float, complex, types.NoneType, types.EllipsisType)
VERSION_LENGTH = 16


def with_code_versions(assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, each with the version of its code."""
    project = shared_project()
    return [asset.map_asset_specs(_set_version(project.version(function_of(asset)))) for asset in assets]


def function_of(asset: dg.AssetsDefinition) -> Callable[..., Any]:
    """The function under an `@asset` decorator."""
    compute: Any = asset.op.compute_fn
    return inspect.unwrap(compute.decorated_fn)


def _set_version(version: str) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    return lambda spec: spec.replace_attributes(code_version=version)


@dataclasses.dataclass(frozen=True)
class Node:
    """A definition.

    Attributes
    ----------
    code : Code
    checksum : str
        Of the code, and of what the names in it stand for.
    uses : set of dotted names
        The definitions that it uses.
    importers : mapping from str to Code
        The methods of a class that import modules by names in strings, and the methods that call these. For a
        function that does, its code under the name `ITSELF`.
    """

    code: Code
    checksum: str
    uses: Set[Dotted]
    importers: Mapping[str, Code]


class Project:
    """The definitions in the project's source. A module is parsed when something first uses it."""

    def __init__(self) -> None:
        self.packages = {METHODS}
        self._modules: dict[Dotted, Module | None] = {}
        self._nodes: dict[Dotted, Node] = {}
        self._page_files: dict[Path, str] = {}

    def version(self, function: Callable[..., Any]) -> str:
        """The version of a function that computes an asset, 16 hexadecimal digits."""
        return _checksum(*map(repr, sorted(self.parts(function).items())))[:VERSION_LENGTH]

    def parts(self, function: Callable[..., Any]) -> dict[str, str]:
        """What a function computes with: definitions by their dotted names, and values that it closes over."""
        self.packages.add(function.__module__.partition(".")[0])
        parts = _Parts(self, tuple(function.__module__.split(".")))
        parts.add_function(function, is_asset=True)
        parts.add_modules_imported_by_name()
        return parts.found

    def module(self, path: Dotted) -> Module | None:
        """The module of a dotted name, None if the project has none of that name."""
        if path not in self._modules:
            self._modules[path] = Module(path, file) if (file := self._file(path)) and file.exists() else None
        return self._modules[path]

    def _file(self, path: Dotted) -> Path | None:
        """The file of a module of that name in the package around it, None without such a package."""
        if len(path) > 1:
            package = self.module(path[:-1])
            if package is None or not package.is_package:
                return None
            file = package.file.parent / path[-1]
            return file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
        package_file = getattr(sys.modules.get(path[0]), "__file__", None) if path[0] in self.packages else None
        return Path(package_file) if package_file else None

    def node(self, path: Dotted) -> Node:
        """The definition of a dotted name that `find` returned."""
        if path not in self._nodes:
            module = self.module(path[:-1])
            assert module is not None
            statements = module.effects if path[-1] == EFFECTS else module.statements[path[-1]]
            self._nodes[path] = self.resolve(module, module.code(statements), path[-1])
        return self._nodes[path]

    def resolve(self, module: Module, code: Code, name: str = "") -> Node:
        """The definition that some code of a module is, with what it uses."""
        uses = {found for path in code.uses for found in self.find(path, module.name)}
        if module.effects:
            uses.add((*module.name, EFFECTS))
        names = sorted(map(".".join, code.uses | uses))
        checksum = _checksum(code.text, *names, self._texts_of_pages(module))
        return Node(code, checksum, uses, _importers(module, code, name))

    def find(self, path: Dotted, user: Dotted) -> Iterator[Dotted]:
        """The definitions that a dotted name stands for in the module `user`.

        There are none for a name of another package, a built-in name, or a name that is left out. A module that is
        used as a value, or by an attribute that its source does not define, stands for all of its definitions.
        """
        module = None if _is_left_out(path, user) else self.module(path[:1])
        for end, name in enumerate(path[1:], 2):
            if module is None:
                return
            target = module.imports.get(name, path[:end])
            is_imported, is_defined = target != path[:end], name in module.statements
            if is_defined:
                yield (*module.name, name)
            if is_imported:
                yield from self.find(target + path[end:], user)
            inner = self.module(path[:end])
            if is_defined or is_imported or (inner is None and (hasattr(builtins, name) or name.startswith("__"))):
                return
            if inner is None:
                break
            module = inner
        if module is not None:
            yield from ((*module.name, name) for name in module.statements)
            for target in module.imports.values() if module.is_package else ():
                yield from self.find(target, user)

    def parts_of_object(self, value: Any) -> Mapping[str, Any]:
        """What an object consists of, by name. Objects of other packages have no parts."""
        if isinstance(value, Mapping):
            return {repr(key): each for key, each in value.items()}
        if isinstance(value, (tuple, list)):
            return dict(zip(getattr(value, "_fields", map(str, range(len(value)))), value))
        if isinstance(value, functools.partial):
            return {"func": value.func, "args": value.args, "keywords": value.keywords}
        if isinstance(value, types.MethodType):
            return {"self": value.__self__}
        if isinstance(value, enum.Enum):
            return {"name": value.name}
        is_instance = type(value).__module__.partition(".")[0] in self.packages
        return getattr(value, "__dict__", {}) if is_instance else {}

    def _texts_of_pages(self, module: Module) -> str:
        """The checksum of the templates, styles and scripts beside a module."""
        folder = module.file.parent
        if folder not in self._page_files:
            self._page_files[folder] = _checksum(*(file.read_text("utf-8") for file in sorted(folder.glob(PAGE_FILES))))
        return self._page_files[folder]


@functools.cache
def shared_project() -> Project:
    """The project, parsed once for all assets."""
    return Project()


class _Parts:
    """Collects what a function computes with.

    Parameters
    ----------
    project : Project
    user : tuple of str
        The module of the function.

    Attributes
    ----------
    found : dict from str to str
        The checksum of each definition, and each value closed over, by name.
    """

    def __init__(self, project: Project, user: Dotted) -> None:
        self.project, self.user = project, user
        self.found: dict[str, str] = {}
        self._nodes: list[Node] = []
        self._strings: set[str] = set()
        self._objects: set[int] = set()

    def add_function(self, function: Callable[..., Any], *, is_asset: bool = False) -> None:
        """Add a function, with what it uses and what it closes over."""
        name = tuple(function.__module__.split("."))
        module = self.project.module(name)
        if module is None or _is_left_out(name, self.user):
            return
        code = module.code(module.find(function.__qualname__, function.__code__.co_firstlineno), is_asset=is_asset)
        cells = zip(function.__code__.co_freevars, function.__closure__ or ())
        closed_over = {(*name, variable): cell.cell_contents for variable, cell in cells}
        paths = {path for path in code.uses if path[: len(name) + 1] in closed_over}
        node = self.project.resolve(module, code._replace(uses=code.uses - paths))
        qualified = f"{function.__module__}.{function.__qualname__}"
        self.found[f"{qualified} {node.checksum}"] = node.checksum
        self._nodes.append(node)
        self.add_definitions(node.uses)
        for path in paths:
            start, attributes = path[: len(name) + 1], path[len(name) + 1 :]
            self.add_value(f"{qualified}.{start[-1]}", closed_over[start], attributes)

    def add_definitions(self, paths: Iterable[Dotted]) -> None:
        """Add definitions, with what they use, directly or not."""
        waiting = list(paths)
        while waiting:
            path = waiting.pop()
            name = ".".join(path)
            if name not in self.found:
                node = self.project.node(path)
                self.found[name] = node.checksum
                self._nodes.append(node)
                waiting += node.uses

    def add_value(self, name: str, value: Any, attributes: Dotted = ()) -> None:
        """Add a value that a function closes over, or only the attributes of it that the function reads."""
        parts = self.project.parts_of_object(value)
        if attributes and attributes[0] in parts:
            self.add_value(f"{name}.{attributes[0]}", parts[attributes[0]], attributes[1:])
        elif isinstance(value, PLAIN):
            self.found[name] = repr(value)
            self._strings |= {value} if isinstance(value, str) else set()
        elif isinstance(value, Set):
            self.found[name] = repr(sorted(map(repr, value)))
        elif isinstance(value, types.ModuleType):
            path = tuple(value.__name__.split("."))
            self.add_definitions(self.project.find(path + attributes, self.user))
        elif id(value) not in self._objects:
            self._objects.add(id(value))
            function = inspect.unwrap(value) if callable(value) else None
            if inspect.isfunction(function):
                self.add_function(function)
            for part, each in parts.items():
                self.add_value(f"{name}.{part}", each)
            kind = value if isinstance(value, type) else type(value)
            path = (*kind.__module__.split("."), *kind.__qualname__.split("."))
            self.add_definitions(self.project.find(path, self.user))

    def add_modules_imported_by_name(self) -> None:
        """Add what is used of modules that are imported by a name in a string.

        A function that calls `import_module` could import any module that a string names. Such a module counts with
        those of its definitions that the function mentions.
        """
        size, read = -1, {ITSELF}
        while len(self.found) + len(read) != size:
            size = len(self.found) + len(read)
            read = read.union(*(node.code.attributes for node in self._nodes if not node.importers))
            called = [code for node in self._nodes for name, code in node.importers.items() if name in read]
            read = read.union(*(code.attributes for code in called))
            mentioned = {name for code in called if _imports_by_name(code) for name in code.attributes | code.strings}
            strings = self._strings.union(*(node.code.strings for node in self._nodes)) if called else set()
            paths = (tuple(text.split(".")) for text in strings)
            named = (self.project.module(path) for path in paths if path[0] in self.project.packages)
            for module in filter(None, named):
                for name in mentioned & (module.statements.keys() | module.imports.keys()):
                    self.add_definitions(self.project.find((*module.name, name), self.user))


def _importers(module: Module, code: Code, name: str) -> Mapping[str, Code]:
    """The importers of a definition, see `Node`."""
    if not _imports_by_name(code):
        return {}
    methods = module.methods(name)
    importing = {method for method, each in methods.items() if _imports_by_name(each)}
    found = {method: each for method, each in methods.items() if method in importing or each.attributes & importing}
    return found or {ITSELF: code}


def _imports_by_name(code: Code) -> bool:
    return any("import_module" in path for path in code.uses)


def _is_left_out(path: Dotted, user: Dotted) -> bool:
    """Whether what a module uses by a dotted name is not part of a version."""
    if path[:3] == FIGURES:
        return user[:2] != REPORT
    return path[:2] in LEFT_OUT or path[:3] in LEFT_OUT


def _checksum(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
