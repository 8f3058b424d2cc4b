"""Reading a run configuration: YAML of bounded size, in which each name stands once and each value is plain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1 << 16
MAX_DEPTH = 20
MAX_NODES = 10_000  # with everything that an alias stands for, so that a few lines can't stand for millions
MAX_LENGTH = 256  # of one value; keeps integers within what a float can hold
TAG = "tag:yaml.org,2002:"
NAME_TAGS = {f"{TAG}str", f"{TAG}merge"}
# What YAML 1.1 takes 010 and 1:30 for, eight and ninety, is hardly what is meant.
PLAIN = {
    f"{TAG}int": re.compile(r"[-+]?(0|[1-9][0-9_]*)"),
    f"{TAG}float": re.compile(r"[^:]*"),
}


class RunConfigError(ValueError):
    """A run configuration can't be read; the message names the place, what is wrong and what to do."""


def read(file: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds; empty if it holds nothing.

    Raises
    ------
    RunConfigError
        If the file can't be read, is too large, is not YAML or not a mapping, or if a name stands twice.
    """
    loader = None
    try:
        loader = yaml.SafeLoader(_content(file))
        node = loader.get_single_node()
        if node is None:
            return {}
        _require_plain(node)
        config = _construct(loader, node)
    except RecursionError as error:
        raise RunConfigError(f"it is nested deeper than {MAX_DEPTH} levels; write 'ops: …' without brackets") from error
    except yaml.YAMLError as error:
        raise RunConfigError(f"it is not YAML: {error}; correct that line") from error
    finally:
        if loader is not None:
            loader.dispose()
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise RunConfigError(f"it must be a mapping such as 'ops: …', not a {type(config).__name__}")
    return config


def _content(file: Path) -> bytes:
    try:
        if not file.is_file():  # opening a pipe would wait for a writer
            raise RunConfigError("it is not a file; name a YAML file")
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise RunConfigError(f"it can't be read: {error}; name a YAML file that can") from error
    if len(content) > MAX_BYTES:
        raise RunConfigError(f"it is longer than {MAX_BYTES:,} bytes; write only what departs from the defaults")
    return content


def _construct(loader: yaml.SafeLoader, root: yaml.Node) -> Any:
    try:
        return loader.construct_document(root)
    except (AttributeError, LookupError, ValueError) as error:  # what the constructors of single types raise
        raise RunConfigError(f"a date or tagged value is not of its type ({error}); put it in quotes") from error


def _require_plain(root: yaml.Node) -> None:
    """Hold a document to bounds before anything is made of it."""
    for count, (node, depth) in enumerate(_walk(root), 1):
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise RunConfigError(
                f"{_place(node)}: more than {MAX_NODES:,} values or {MAX_DEPTH} levels, counting what aliases stand "
                "for; write the values out"
            )
        if isinstance(node, yaml.MappingNode):
            _require_names([key for key, _ in node.value])
        elif isinstance(node, yaml.ScalarNode):
            _require_value(node)


def _walk(root: yaml.Node) -> Iterator[tuple[yaml.Node, int]]:
    """Every node with its depth, those under an alias as often as it is used."""
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        if isinstance(node, yaml.MappingNode):
            waiting.extend((value, depth + 1) for _, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend((value, depth + 1) for value in node.value)


def _require_names(keys: list[yaml.Node]) -> None:
    names = set()
    for key in keys:
        if key.tag not in NAME_TAGS or not isinstance(key, yaml.ScalarNode):
            raise RunConfigError(f"{_place(key)}: a key must be a name, in quotes if it looks like something else")
        if key.value in names:
            raise RunConfigError(f"{_place(key)}: {key.value[:MAX_LENGTH]!r} stands twice in one mapping; keep one")
        names.add(key.value)


def _require_value(node: yaml.ScalarNode) -> None:
    if len(node.value) > MAX_LENGTH:
        raise RunConfigError(
            f"{_place(node)}: a value of {len(node.value):,} characters; at most {MAX_LENGTH} are read"
        )
    if node.tag in PLAIN and not PLAIN[node.tag].fullmatch(node.value):
        raise RunConfigError(f"{_place(node)}: {node.value!r} is not a plain number; write it in decimal digits")


def _place(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"
