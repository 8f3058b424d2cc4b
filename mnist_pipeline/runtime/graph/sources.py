"""What a source file defines, uses and imports, as far as code versions ask, remembered beside the compiled file.

To parse forty files takes 0.15 s of every command. What was found holds as long as the text does, so it is
kept by the checksum of the text, of this file and of the version of Python, which brings the shape of syntax trees.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mnist_pipeline.runtime.storage import files

METHODS = "mnist_pipeline"
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # fields of a syntax tree that hold statements
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
MAX_BYTES = 1_000_000  # of what is remembered; a twentieth of it describes the whole project


class Facts(NamedTuple):
    """What a file, or a definition in it, consists of.

    Attributes
    ----------
    tree : str
        SHA-256 of its syntax tree without docstrings.
    names : tuple of str
        What it refers to.
    imports : tuple of str
        What it imports of the methods; of `from mnist_pipeline.a import b` both `mnist_pipeline.a` and
        `mnist_pipeline.a.b`, which may be no module.
    """

    tree: str
    names: tuple[str, ...]
    imports: tuple[str, ...]


class Memory:
    """Facts by the text that they were found in.

    Parameters
    ----------
    path : Path
        Where they are kept; what can't be read there is found anew, and what can't be written is not kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.has_learned = False

    def facts(self, source: Path, qualified: str = "") -> Facts:
        """What a file consists of, or what it defines by that name; the whole file if it does not, as for a lambda."""
        text = source.read_bytes()
        key = hashlib.sha256(_circumstances() + text).hexdigest()
        known = self._known.setdefault(key, {})
        with contextlib.suppress(KeyError, TypeError, ValueError):
            tree, names, imports = known[qualified]
            return Facts(str(tree), tuple(names), tuple(imports))
        found = _found(_tree(text), qualified)
        known[qualified] = found
        self.has_learned = True
        return found

    def keep(self) -> None:
        """Write what was learned since it was read."""
        if not self.has_learned:
            return
        text = json.dumps(self._known).encode()
        with contextlib.suppress(OSError):
            files.write(self.path, lambda file: files.write_bytes(file, text))
        self.has_learned = False

    @functools.cached_property
    def _known(self) -> dict[str, dict[str, Any]]:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            if self.path.stat().st_size <= MAX_BYTES:
                kept = json.loads(self.path.read_bytes())
                if isinstance(kept, dict) and all(isinstance(each, dict) for each in kept.values()):
                    return kept
        return {}


memory = Memory(Path(importlib.util.cache_from_source(__file__)).with_suffix(".json"))


@functools.cache
def _circumstances() -> bytes:
    """What else the facts depend on."""
    return hashlib.sha256(sys.version.encode() + Path(__file__).read_bytes()).digest()


def _found(file: ast.Module, qualified: str) -> Facts:
    tree = _definition(qualified, file) if qualified else file
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} if qualified else set()
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return Facts(digest, tuple(sorted(names)), tuple(dict.fromkeys(_imported(tree))))


def _definition(qualified: str, file: ast.Module) -> ast.Module:
    """The statement that defines a function or a class; the whole file if none does."""
    found: Any = file
    for name in qualified.replace(".<locals>", "").split("."):
        inner = [node for node in _statements(found) if isinstance(node, DEFINITIONS) and node.name == name]
        if not inner:
            return file
        found = inner[-1]
    return ast.Module([found], [])


@functools.lru_cache(maxsize=128)
def _tree(text: bytes) -> ast.Module:
    tree = ast.parse(text)
    for node in [tree, *_statements(tree)]:
        if isinstance(node, (ast.Module, *DEFINITIONS)) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _imported(tree: ast.AST) -> Iterator[str]:
    """Modules of the methods that a piece of source imports, and what it imports from them."""
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith(f"{METHODS}."))
        elif isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{METHODS}."):
            if node.module != METHODS:
                yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements of a piece of source; their expressions, most of a tree, are not looked at."""
    for field in BLOCKS:
        for node in getattr(tree, field, ()):
            yield node
            yield from _statements(node)
