"""Source files as definitions: the code of each one, and the names that it reads.

A definition is a function, a class or a constant at the top level of a module. Its code is its syntax tree without
what has no effect on a computed value: comments, layout, docstrings, annotations of functions, and the errors that
`raise` statements build.
"""

import ast
import functools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Dotted = tuple[str, ...]  # the parts of a dotted name: ("mnist_pipeline", "pca", "mean")

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
SCOPES = (*DEFINITIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
IMPORTS = (ast.Import, ast.ImportFrom)
BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")  # the fields of nodes that contain statements
FIELDS: dict[type, tuple[str, ...]] = {  # for nodes of which only some fields count
    **dict.fromkeys(FUNCTIONS, ("name", "decorator_list", "args", "body")),
    ast.arg: ("arg",),
    ast.ExceptHandler: ("name", "body"),
    ast.Raise: (),
}
NO_NAME = ""  # stands for the statements that define no name; importing the module runs them
PAGE_FILES = "templates/*"  # what the modules of a package render


class Code:
    """The code of a definition."""

    def __init__(self, nodes: list[ast.stmt]) -> None:
        self.text: list[str] = []  # the syntax tree
        self.names: set[Dotted] = set()  # names that it reads and does not bind, with the attributes that it reads
        self.words: set[str] = set()  # the names of all attributes that it reads, and its string constants
        self._assigned: set[str] = set()  # by the function or comprehension that is being read
        self._read(nodes)

    def _read(self, node: Any) -> None:
        kind = type(node)
        if kind is list:
            self.text.append("[")
            for each in node:
                self._read(each)
            self.text.append("]")
        elif kind is ast.Constant:
            self.text += ["Constant", repr(node.value), repr(node.kind)]
            if isinstance(node.value, str):
                self.words.add(node.value)
        elif path := _dotted(node):
            self.text.append(".".join(path))
            self.words.update(path[1:])
            if _is_assigned(node):
                self._assigned.add(path[0])
            else:
                self.names.add(path)
        elif not isinstance(node, ast.AST):
            self.text.append(repr(node))
        elif not isinstance(node, IMPORTS) and not _is_docstring(node):
            self._read_fields(node, kind)

    def _read_fields(self, node: Any, kind: type) -> None:
        self.text.append(kind.__name__)
        is_scope = kind in SCOPES
        for field in FIELDS.get(kind, node._fields):
            part = getattr(node, field)
            if field == "decorator_list":
                part = [each for each in part if not _is_asset(each)]
            if is_scope:
                self._read_in_scope(node, field, part)
            else:
                self._read(part)
        if kind is ast.ExceptHandler and node.type:
            self.text.append(ast.dump(node.type))  # the class only tells errors apart, so what it uses does not count
        elif kind is ast.Attribute:
            self.words.add(node.attr)

    def _read_in_scope(self, node: Any, field: str, part: Any) -> None:
        """Read a part of a node whose assignments reach nothing around it. A function reads its own variables."""
        names, assigned = self.names, self._assigned
        self.names, self._assigned = set(), set()
        self._read(part)
        if field == "body" and isinstance(node, (*FUNCTIONS, ast.Lambda)):
            own = self._assigned | {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
            self.names = {path for path in self.names if path[0] not in own}
        self.names, self._assigned = names | self.names, assigned


class Module:
    """A module of the project: the top-level statements that define each name, and what each imported name stands for.

    An import counts in the whole module, also if it stands in a function.
    """

    def __init__(self, name: Dotted, file: Path) -> None:
        self.name, self.file = name, file
        self.statements: dict[str, list[ast.stmt]] = defaultdict(list)
        self.imports: dict[str, set[Dotted]] = defaultdict(set)
        self._tree = ast.parse(file.read_bytes())
        package = name if file.name == "__init__.py" else name[:-1]
        for node in _imports(self._tree):
            for alias in node.names:
                if isinstance(node, ast.ImportFrom):
                    start = package[: len(package) + 1 - node.level] if node.level else ()
                    source = node.module.split(".") if node.module else ()
                    self.imports[alias.asname or alias.name].add((*start, *source, alias.name))
                else:
                    path = tuple(alias.name.split("."))
                    self.imports[alias.asname or path[0]].add(path if alias.asname else path[:1])
        for statement in self._tree.body:
            for defined in {statement.name} if isinstance(statement, DEFINITIONS) else _stored(statement) or {NO_NAME}:
                self.statements[defined].append(statement)

    @functools.cached_property
    def page_text(self) -> str:
        """The templates, styles and scripts next to the module."""
        return "".join(file.read_text("utf-8") for file in sorted(self.file.parent.glob(PAGE_FILES)))

    def code(self, qualified_name: str) -> Code:
        """The code of a definition, or of a function within it, such as `make.<locals>.inner`."""
        return Code(self._nodes(qualified_name) + self.statements.get(NO_NAME, []))

    def _nodes(self, qualified_name: str) -> list[ast.stmt]:
        first, *inner = qualified_name.replace("<locals>.", "").split(".")
        nodes = self.statements.get(first, self._tree.body)
        for name in inner:
            inside = (each for node in nodes for each in ast.walk(node))
            nodes = [each for each in inside if isinstance(each, DEFINITIONS) and each.name == name] or nodes
        return nodes


def _imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements within a node, at any depth."""
    if isinstance(node, IMPORTS):
        yield node
    for field in BLOCKS:
        for statement in getattr(node, field, ()):
            yield from _imports(statement)


def _dotted(node: ast.AST) -> Dotted:
    """The parts of an expression like `name.attribute.attribute`, none for any other."""
    if type(node) is ast.Name:
        return (node.id,)
    if type(node) is ast.Attribute and (path := _dotted(node.value)):
        return (*path, node.attr)
    return ()


def _stored(node: ast.AST) -> set[str]:
    """The names that a statement assigns to, outside of functions, classes and comprehensions in it."""
    if isinstance(node, ast.Name):
        return {node.id} if _is_assigned(node) else set()
    if isinstance(node, SCOPES):
        return set()
    return set().union(*map(_stored, ast.iter_child_nodes(node)))


def _is_assigned(node: ast.AST) -> bool:
    return type(node) is ast.Name and type(node.ctx) is ast.Store


def _is_docstring(node: ast.AST) -> bool:
    return type(node) is ast.Expr and type(node.value) is ast.Constant


def _is_asset(decorator: ast.expr) -> bool:
    """Whether a decorator describes an asset to Dagster, which computes nothing."""
    return _dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)[-1:] == ("asset",)
