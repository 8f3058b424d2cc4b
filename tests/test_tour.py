"""The tour names what is there: parts of files with their sizes, and lines with their output."""

import ast
import doctest
import re
from collections.abc import Iterator
from pathlib import Path

from support.graph_fixtures import invoke

PROJECT = Path(__file__).parent.parent
PAGE = (PROJECT / "docs" / "tour.md").read_text(encoding="utf-8")
STOP = re.compile(r"^- \*\*Read\*\* \((\d+) lines\): (.+?)\.\s+Skip", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`([^`]+)`: ([^;]+)")
PART = re.compile(r"(?:`([^`]+)` )?to `([^`]+)`|`([^`]+)`")  # "`X` to `Y`", "to `Y`" or "`X`"


def spans(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, tuple[int, int]]]:
    """The first and the last line of each name that is defined."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min(part.lineno for part in [node, *node.decorator_list])
            yield prefix + node.name, (first, node.end_lineno or first)
        if isinstance(node, ast.ClassDef):
            yield from spans(node.body, f"{node.name}.")
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, (node.lineno, node.end_lineno or node.lineno)


def num_lines(file: str, parts: str) -> int:
    """Number of lines in parts of a file."""
    code = (PROJECT / file).read_text(encoding="utf-8")
    if parts == "whole":
        return len(code.splitlines())
    lines = dict(spans(ast.parse(code).body))
    lines[""] = 1, 1  # the top of the file
    return sum(
        lines[last or only][1] - lines[first or only][0] + 1
        for first, last, only in PART.findall(parts)
    )


def test_the_sizes_of_the_ten_stops_are_right():
    sizes = [
        (int(stated), sum(num_lines(*part) for part in FILE.findall(" ".join(files.split()))))
        for stated, files in STOP.findall(PAGE)
    ]
    assert len(sizes) == PAGE.count("\n## ") == 10
    assert all(size <= 200 and abs(stated - size) <= 10 for stated, size in sizes), sizes


def test_the_lines_to_type_have_the_output_that_the_tour_shows(own_copy, monkeypatch):
    monkeypatch.chdir(PROJECT)
    typed = "".join(re.findall(r"^```pycon\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    session = doctest.DocTestParser().get_doctest(typed, {}, "tour.md", None, None)
    printed = []
    assert not doctest.DocTestRunner().run(session, out=printed.append).failed, "".join(printed)
    (command, line) = re.search(r"`mnist-pipeline (.+?)`. It prints `(.+?)`", PAGE).groups()  # type: ignore[union-attr]
    assert line in invoke(*command.split())
