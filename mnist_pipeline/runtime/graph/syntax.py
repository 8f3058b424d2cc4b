"""Source files as definitions: the code of each one, and the names that it uses.

A definition is a function, a class or a constant at the top level of a module. Its code is its syntax tree without
what has no effect on a computed value: comments, layout, docstrings, annotations that only type checkers read, and the
errors that `raise` statements build.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

Dotted = tuple[str, ...]  # a dotted name from its package on: ("mnist_pipeline", "pca", "mean")

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
IMPORTS = (ast.Import, ast.ImportFrom)


class Code(NamedTuple):
    """The code of a definition.

    Attributes
    ----------
    text : str
        Its syntax tree.
    uses : set of dotted names
        The names that it reads and does not define itself. Imported names are resolved.
    attributes : set of str
        The names of all attributes that it reads, whatever the object.
    strings : set of str
        Its string constants.
    """

    text: str
    uses: Set[Dotted]
    attributes: Set[str]
    strings: Set[str]


class Module:
    """A module of the project, parsed.

    Parameters
    ----------
    name : tuple of str
        Its dotted name.
    file : Path
        Its source file.

    Attributes
    ----------
    statements : dict from str to list of statements
        The top-level statements that define each name.
    imports : dict from str to dotted name
        What each imported name stands for.
    effects : list of statements
        The top-level statements that define no name. They do something when the module is imported.
    """

    def __init__(self, name: Dotted, file: Path) -> None:
        self.name, self.file = name, file
        self.is_package = file.name == "__init__.py"
        self.statements: dict[str, list[ast.stmt]] = {}
        self.imports: dict[str, Dotted] = {}
        self.effects: list[ast.stmt] = []
        self._package = name if self.is_package else name[:-1]
        self._tree = ast.parse(file.read_bytes())
        for statement in self._tree.body:
            names = self._defined(statement)
            for defined in names:
                self.statements.setdefault(defined, []).append(statement)
            if not (names or isinstance(statement, IMPORTS) or _is_docstring(statement) or _is_for_types(statement)):
                self.effects.append(statement)

    def code(self, nodes: Iterable[ast.AST], *, is_asset: bool = False) -> Code:
        """The code of some nodes of the module.

        Parameters
        ----------
        nodes : iterable of AST
        is_asset : bool, default=False
            Whether the node is the function of an asset. Dagster reads the annotations of its parameters, which name
            the configuration. The outermost decorator, `@asset`, computes nothing.
        """
        reader = _Reader(self._package, is_asset)
        for node in nodes:
            reader.visit(node)
        uses = reader.uses | {self.name + load for load in reader.scope.loads}
        return Code(" ".join(reader.text), uses, reader.attributes, reader.strings)

    def methods(self, name: str) -> dict[str, Code]:
        """The code of each method of a class, none for any other definition."""
        classes = [each for each in self.statements.get(name, ()) if isinstance(each, ast.ClassDef)]
        inner = [each for found in classes for each in found.body if isinstance(each, FUNCTIONS)]
        return {each.name: self.code([each]) for each in inner}

    def find(self, qualified: str, line: int) -> Sequence[ast.AST]:
        """The function of a qualified name like `make.<locals>.inner`; the lambdas that begin on the line, for one."""
        first, *others = qualified.replace("<locals>.", "").split(".")
        found: Sequence[ast.AST] = self.statements.get(first, self._tree.body)
        for name in others if first in self.statements else [first]:
            inside = (node for each in found for node in ast.walk(each))
            if name == "<lambda>":
                found = [node for node in inside if isinstance(node, ast.Lambda) and node.lineno == line]
            else:
                found = [node for node in inside if isinstance(node, DEFINITIONS) and node.name == name][-1:]
        return found

    def _defined(self, statement: ast.stmt) -> set[str]:
        """The names that a top-level statement defines. The names that it imports go into `imports`."""
        names: set[str] = set()
        for node in _without_bodies(statement):
            if isinstance(node, IMPORTS):
                self.imports |= _imported(node, self._package)
            elif isinstance(node, DEFINITIONS):
                names.add(node.name)
            elif isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
                names |= _root(node)
        return names


class _Scope:
    """The names in a function, a class or a comprehension."""

    def __init__(self, *, is_class: bool = False) -> None:
        self.is_class = is_class
        self.bound: dict[str, Dotted | None] = {}  # what an imported name stands for, None for any other name
        self.declared: set[str] = set()  # global or nonlocal
        self.loads: set[Dotted] = set()  # a name that is read, with the attributes that are read of it


class _Reader:
    """Writes a syntax tree as text, and collects the names that it uses."""

    def __init__(self, package: Dotted, is_asset: bool) -> None:
        self.package, self.is_asset = package, is_asset
        self.text: list[str] = []
        self.uses: set[Dotted] = set()
        self.attributes: set[str] = set()
        self.strings: set[str] = set()
        self.scope = _Scope()
        self.scopes = [self.scope]

    def visit(self, node: Any) -> None:
        """Write a node, or a value or list within a node."""
        kind = node.__class__
        if special := SPECIAL.get(kind):
            special(self, node)
        elif kind is list:
            self.text.append("[")
            for each in node:
                self.visit(each)
            self.text.append("]")
        elif fields := getattr(kind, "_fields", None):
            self.fields(node, *fields)
        else:
            self.text.append(str(node) if fields is None else kind.__name__)

    def fields(self, node: ast.AST, *names: str) -> None:
        """Write some fields of a node."""
        self.text.append(node.__class__.__name__)
        for name in names:
            self.visit(getattr(node, name))

    def bind(self, *names: str | None) -> None:
        for name in names:
            if name:
                self.scope.bound.setdefault(name, None)

    def leave(self) -> None:
        """End a scope. Names that it does not bind come from the functions around it, or from the module."""
        scope = self.scopes.pop()
        self.scope = self.scopes[-1]
        outer = next(each for each in reversed(self.scopes) if not each.is_class)
        for load in scope.loads:
            if load[0] not in scope.bound or load[0] in scope.declared:
                outer.loads.add(load)
            elif path := scope.bound[load[0]]:
                self.uses.add(path + load[1:])

    def enter(self, *, is_class: bool = False) -> None:
        self.scope = _Scope(is_class=is_class)
        self.scopes.append(self.scope)

    def name(self, node: ast.Name) -> None:
        self.text.append(f" {node.id}")
        if isinstance(node.ctx, ast.Load):
            self.scope.loads.add((node.id,))
        else:
            self.bind(node.id)

    def attribute(self, node: ast.Attribute) -> None:
        names: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            names.insert(0, base.attr)
            base = base.value
        self.attributes.update(names)
        self.text.append(f"(.{'.'.join(names)}")
        if isinstance(base, ast.Name):
            self.scope.loads.add((base.id, *names))
            self.text.append(f" {base.id})")
        else:
            self.visit(base)
            self.text.append(")")

    def constant(self, node: ast.Constant) -> None:
        self.text.append(f" {node.value!r}")
        if isinstance(node.value, str):
            self.strings.add(node.value)

    def function(self, node: Any) -> None:
        is_asset, self.is_asset = self.is_asset, False
        arguments: ast.arguments = node.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        if not isinstance(node, ast.Lambda):
            self.bind(node.name)
            self.visit(node.decorator_list[1:] if is_asset else node.decorator_list)
        self.visit([arguments.defaults, arguments.kw_defaults, [each.annotation for each in named if is_asset]])
        rest = [each for each in (arguments.vararg, arguments.kwarg) if each]
        parts = (arguments.posonlyargs, arguments.args, arguments.kwonlyargs, rest)
        self.text.append(f"({node.__class__.__name__} {[[each.arg for each in part] for part in parts]}")
        self.enter()
        self.bind(*(each.arg for each in (*named, *rest)))
        self.visit(node.body)
        self.leave()
        self.text.append(")")

    def class_definition(self, node: ast.ClassDef) -> None:
        self.bind(node.name)
        self.fields(node, "name", "decorator_list", "bases", "keywords")
        self.enter(is_class=True)
        self.visit(node.body)
        self.leave()

    def comprehension(self, node: Any) -> None:
        first, *others = node.generators
        self.visit(first.iter)  # the only part that is evaluated outside of the comprehension
        self.enter()
        self.fields(first, "target", "ifs", "is_async")
        self.visit(others)
        self.fields(node, *(field for field in node._fields if field != "generators"))
        self.leave()

    def imports(self, node: ast.Import | ast.ImportFrom) -> None:
        self.scope.bound |= _imported(node, self.package)

    def declaration(self, node: ast.Global | ast.Nonlocal) -> None:
        self.scope.declared.update(node.names)

    def handler(self, node: ast.ExceptHandler) -> None:
        self.bind(node.name)
        self.text.append(ast.dump(node.type) if node.type else "")  # the class only tells errors apart
        self.fields(node, "name", "body")

    def annotated(self, node: ast.AnnAssign) -> None:
        self.fields(node, *(("annotation",) if self.scope.is_class else ()), "target", "value")

    def pattern(self, node: Any) -> None:
        self.bind(getattr(node, "name", None), getattr(node, "rest", None))
        self.fields(node, *node._fields)

    def condition(self, node: ast.If) -> None:
        self.fields(node, *(("orelse",) if _is_for_types(node) else node._fields))

    def expression(self, node: ast.Expr) -> None:
        if not _is_docstring(node):
            self.fields(node, "value")

    def error(self, node: ast.Raise) -> None:
        self.text.append("(raise)")

    def ignore(self, node: ast.AST) -> None:
        """Write nothing: whether a name is read or set follows from its place."""


SPECIAL: dict[type, Any] = {
    ast.Load: _Reader.ignore,
    ast.Store: _Reader.ignore,
    ast.Name: _Reader.name,
    ast.Attribute: _Reader.attribute,
    ast.Constant: _Reader.constant,
    ast.ClassDef: _Reader.class_definition,
    ast.Lambda: _Reader.function,
    ast.ExceptHandler: _Reader.handler,
    ast.AnnAssign: _Reader.annotated,
    ast.If: _Reader.condition,
    ast.Expr: _Reader.expression,
    ast.Raise: _Reader.error,
    **dict.fromkeys(FUNCTIONS, _Reader.function),
    **dict.fromkeys(COMPREHENSIONS, _Reader.comprehension),
    **dict.fromkeys(IMPORTS, _Reader.imports),
    **dict.fromkeys((ast.Global, ast.Nonlocal), _Reader.declaration),
    **dict.fromkeys((ast.MatchAs, ast.MatchStar, ast.MatchMapping), _Reader.pattern),
}


def _imported(node: ast.Import | ast.ImportFrom, package: Dotted) -> dict[str, Dotted]:
    """What the names that a statement imports stand for. Relative imports start from the package."""
    if isinstance(node, ast.Import):
        split = [(alias.asname, tuple(alias.name.split("."))) for alias in node.names]
        return {name or path[0]: path if name else path[:1] for name, path in split}
    start = package[: len(package) + 1 - node.level] if node.level else ()
    path = (*start, *node.module.split(".")) if node.module else start
    return {alias.asname or alias.name: (*path, alias.name) for alias in node.names}


def _without_bodies(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement that bind names where the statement stands, not within a function or a class."""
    yield node
    if not isinstance(node, (*DEFINITIONS, ast.Lambda, *COMPREHENSIONS)) and not _is_for_types(node):
        for child in ast.iter_child_nodes(node):
            yield from _without_bodies(child)


def _root(target: ast.expr) -> set[str]:
    """The name whose value an assignment like `name.attribute[key] = 1` changes."""
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    return {target.id} if isinstance(target, ast.Name) else set()


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_for_types(node: ast.AST) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
