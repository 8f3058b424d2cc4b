"""The code version of an asset: a checksum of the definitions that compute its value.

The search begins with the asset's function and follows each name to the function, class or constant that it stands
for, and so on. A class counts whole, with its methods and bases. A module counts whole where it is used as a value.
What the function of a factory closes over counts by its value. In doubt a version covers more, so that no change of a
value is missed.

Left out is what does not reach the stored value: figures that an asset draws for its page in the UI, storage,
settings, checks, commands. The figures of the report do reach its value.
"""

import functools
import hashlib
import inspect
import pprint
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg

from mnist_pipeline.runtime.graph.syntax import Code, Dotted, Module
from mnist_pipeline.utils import places

METHODS = __name__.partition(".")[0]
GRAPH = ("assets",)
INSTALLED_GRAPH = (METHODS, *GRAPH)  # in a wheel the graph is part of the package, with the same versions
LEFT_OUT = {(METHODS, *name.split(".")) for name in ("cli", "runtime", "recognition.contact_sheet")}
REPORT, FIGURES = (METHODS, "report"), (METHODS, "report", "figures")
VERSION_LENGTH = 16

Definition = tuple[Module, str]


class Read(NamedTuple):
    """What is read from the source of a definition."""

    checksum: str
    code: Code
    uses: list[Definition]


def with_code_versions(assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, each with the version of its code."""
    project = Project()
    versions = [project.version(function_of(asset)) for asset in assets]
    return [
        asset.map_asset_specs(functools.partial(dg.AssetSpec.replace_attributes, code_version=version))
        for asset, version in zip(assets, versions, strict=True)
    ]


def link_to_source(assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, each with a link to its source file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # Dagster marks links to source as beta
        return [each for each in dg.with_source_code_references(assets) if isinstance(each, dg.AssetsDefinition)]


def function_of(asset: dg.AssetsDefinition) -> Callable[..., Any]:
    """The function under an `@asset` decorator."""
    compute: Any = asset.op.compute_fn
    return inspect.unwrap(compute.decorated_fn)


class Project:
    """The definitions in the project's source. A module is parsed when something first uses it."""

    def __init__(self) -> None:
        self.packages = {METHODS}
        self._modules: dict[Dotted, Module | None] = {}
        self._read: dict[Definition, Read] = {}

    def version(self, function: Callable[..., Any]) -> str:
        """The version of a function that computes an asset, 16 hexadecimal digits."""
        return _checksum(repr(sorted(self.parts(function).items())))[:VERSION_LENGTH]

    def parts(self, function: Callable[..., Any]) -> dict[str, str]:
        """What a function computes with: definitions by their dotted names, and values that it closes over."""
        self.packages.add(_dotted(function.__module__)[0])
        return _Parts(self, function).found

    def module(self, path: Dotted) -> Module | None:
        """The module of a dotted name, None if the project has none of that name."""
        if path not in self._modules:
            root = ".".join(INSTALLED_GRAPH if places.INSTALLED and path[:1] == GRAPH else path[:1])
            package = getattr(sys.modules.get(root), "__file__", None) if path[0] in self.packages else None
            place = Path(package or "").parent.joinpath(*path[1:])
            file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            self._modules[path] = Module(path, file) if package and file.exists() else None
        return self._modules[path]

    def read(self, definition: Definition) -> Read:
        """Read a definition; assets share most definitions, so each is read only once."""
        if definition not in self._read:
            module, name = definition
            code = module.code(name)
            imported = sorted(str(sorted(module.imports[root])) for root, *_ in code.names if root in module.imports)
            checksum = _checksum(*code.text, *imported, module.page_text)
            self._read[definition] = Read(checksum, code, list(self.resolve(code.names, module)))
        return self._read[definition]

    def resolve(self, names: Iterable[Dotted], module: Module) -> Iterator[Definition]:
        """The definitions that names in a module stand for."""
        for name, *attributes in names:
            if name in module.statements:
                yield module, name
            for target in module.imports.get(name, ()):
                yield from self.find((*target, *attributes), module.name)

    def find(self, path: Dotted, user: Dotted) -> Iterator[Definition]:
        """The definitions that a dotted name stands for which the module `user` imports.

        There are none for a name of another package, or a name that is left out. A module that is used as a value, or
        by an attribute that its source does not define, stands for all of its definitions.
        """
        if path[0] not in self.packages or _is_left_out(path, user):
            return
        ends = range(len(path), 0, -1)
        module, end = next(((found, end) for end in ends if (found := self.module(path[:end]))), (None, 0))
        if module is not None:
            yield from list(self.resolve([path[end:]] if path[end:] else [], module)) or self.resolve(
                [(name,) for name in (*module.statements, *module.imports) if name], module
            )


class _Parts:
    """Collects what the function of an asset computes with."""

    def __init__(self, project: Project, function: Callable[..., Any]) -> None:
        self.project = project
        self.user = _dotted(function.__module__)
        self.found: dict[str, str] = {}  # the checksum of each definition, and each value closed over, by name
        self._codes: list[Code] = []
        self._words: set[str] = set()
        self.add_function(function)
        for annotation in function.__annotations__.values():  # the configuration that Dagster passes, for example
            self.add_class(annotation)
        self.add_modules_imported_by_name()

    def add_function(self, function: Callable[..., Any]) -> None:
        """Add a function, with what it uses and what it closes over."""
        path = _dotted(function.__module__)
        module = None if _is_left_out(path, self.user) else self.project.module(path)
        if module is not None:
            self.add_definitions([(module, function.__qualname__)])
            for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
                self.add_value(".".join((*path, function.__qualname__, name)), cell.cell_contents)

    def add_definitions(self, definitions: Iterable[Definition]) -> None:
        """Add definitions, with what they use, directly or not."""
        waiting = list(definitions)
        while waiting:
            definition = waiting.pop()
            module, name = definition
            dotted = ".".join((*module.name, name))
            if dotted not in self.found:
                self.found[dotted], code, uses = self.project.read(definition)
                self._codes.append(code)
                self._words |= code.words
                waiting += uses

    def add_value(self, name: str, value: Any) -> None:
        """Add a value that a function closes over."""
        if isinstance(value, types.ModuleType):
            self.add_definitions(self.project.find(_dotted(value.__name__), self.user))
        elif isinstance(value, types.FunctionType):
            self.add_function(value)
        else:
            contents = list(self._contents(value))
            for key, each in contents:
                self.add_value(f"{name}.{key}", each)
            if not contents:
                self.found[name] = pprint.pformat(value)  # in order, if it is a set
                if " at 0x" in self.found[name]:
                    raise TypeError(f"{name} is closed over, but its text changes with every run: {self.found[name]}")
            self._words.update([value] if isinstance(value, str) else [])
            self.add_class(value if isinstance(value, type) else type(value))

    def _contents(self, value: Any) -> Iterable[tuple[Any, Any]]:
        if isinstance(value, Mapping):
            return value.items()
        if isinstance(value, (list, tuple)):
            return enumerate(value)
        is_of_project = _dotted(type(value).__module__)[0] in self.project.packages
        return getattr(value, "__dict__", {}).items() if is_of_project else ()

    def add_class(self, kind: Any) -> None:
        """Add a class, if it is one of the project."""
        if isinstance(kind, type):
            path = (*_dotted(kind.__module__), *kind.__qualname__.split("."))
            self.add_definitions(self.project.find(path, self.user))

    def add_modules_imported_by_name(self) -> None:
        """Add what is used of modules that are imported by a name in a string.

        A function that calls `import_module` could import any module that a string names. Such a module counts with
        those of its definitions that the function mentions.
        """
        size = -1
        while len(self.found) != size:
            size = len(self.found)
            mentioned = {word for code in self._codes if ("import_module",) in code.names for word in code.words}
            paths = [tuple(word.split(".")) for word in self._words if word.partition(".")[0] in self.project.packages]
            for module in filter(None, map(self.project.module, paths if mentioned else [])):
                self.add_definitions(self.project.resolve([(word,) for word in mentioned], module))


def _dotted(module: str) -> Dotted:
    """The dotted name of a module, in a wheel the one that it has in a checkout."""
    path = tuple(module.split("."))
    return path[1:] if path[: len(INSTALLED_GRAPH)] == INSTALLED_GRAPH else path


def _is_left_out(path: Dotted, user: Dotted) -> bool:
    """Whether what a module uses by a dotted name is not part of a version."""
    if path[:3] == FIGURES:
        return user[:2] != REPORT
    return path[:2] in LEFT_OUT or path[:3] in LEFT_OUT


def _checksum(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
