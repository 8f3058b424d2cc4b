"""What is read off source files is the same whether it is found anew or remembered."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mnist_pipeline.runtime.graph import sources
from mnist_pipeline.runtime.graph.sources import MAX_BYTES, Facts, Memory

SOURCE = '''"""A module."""
from mnist_pipeline import pca
from mnist_pipeline.report import charts

LIMIT = 3


def first(x):
    """Says something."""
    from mnist_pipeline import knn

    return second(x) + LIMIT


class Holder:
    def inner(self):
        return 1
'''


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "sources.json"


def test_a_definition_is_known_by_what_it_refers_to_and_imports(source: Path, kept: Path) -> None:
    facts = Memory(kept).facts(source, "first")
    assert (facts.names, facts.imports) == (("LIMIT", "second", "x"), ("mnist_pipeline.knn",))
    whole = Memory(kept).facts(source)
    assert whole.imports == (
        *("mnist_pipeline.pca", "mnist_pipeline.report", "mnist_pipeline.report.charts"),
        "mnist_pipeline.knn",
    )


@pytest.mark.parametrize("qualified", ["", "first", "Holder.inner", "first.<locals>.<lambda>"])
def test_what_is_remembered_is_what_was_found_and_nothing_is_parsed_again(
    qualified: str, source: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory(kept)
    found = memory.facts(source, qualified)
    memory.keep()
    sources._tree.cache_clear()
    monkeypatch.setattr(ast, "parse", _unexpected)
    assert Memory(kept).facts(source, qualified) == found


def test_comments_layout_and_docstrings_change_nothing_and_all_else_does(source: Path, kept: Path) -> None:
    memory = Memory(kept)
    before = memory.facts(source, "first")
    source.write_text("# Rewritten.\n" + SOURCE.replace("Says something.", "Says it better."))
    assert memory.facts(source, "first") == before
    source.write_text(SOURCE.replace("+ LIMIT", "- LIMIT"))
    memory.keep()
    assert Memory(kept).facts(source, "first").tree != before.tree


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b"\xff", b"[" * 200_000, b" " * (MAX_BYTES + 1)])
def test_what_can_not_be_read_is_found_anew(content: bytes, source: Path, kept: Path) -> None:
    kept.parent.mkdir()
    kept.write_bytes(content)
    memory = Memory(kept)
    assert memory.facts(source, "first").names == ("LIMIT", "second", "x")
    memory.keep()
    assert Memory(kept).facts(source, "first") == memory.facts(source, "first")


@pytest.mark.parametrize("entry", [None, 7, [], ["a"], ["a", 1, 2], {"tree": "a"}])
def test_an_entry_that_makes_no_sense_is_found_anew(entry: object, source: Path, kept: Path) -> None:
    memory = Memory(kept)
    right = memory.facts(source, "first")
    (known,) = memory._known.values()
    known["first"] = entry
    assert memory.facts(source, "first") == right == Facts(*known["first"])


def test_where_nothing_can_be_written_nothing_is_kept(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    memory = Memory(tmp_path / "file" / "sources.json")
    memory.facts(source)
    memory.keep()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "module.py"]


def _unexpected(*args: object) -> ast.Module:
    raise AssertionError("it was parsed again")
