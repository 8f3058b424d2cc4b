"""The parts of the benchmarks on which their results depend."""

import ast
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import child, environment, knn, table
from benchmarks.bench import ROOT
from benchmarks.table import Table


@pytest.mark.parametrize("name", benchmarks.SECTIONS)
def test_a_section_of_the_page_begins_with_what_its_module_says(name):
    tree = ast.parse((ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8"))
    assert "measure" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    description = re.sub(r"\s+", " ", ast.get_docstring(tree).partition("\n\n")[0])
    sections = table.PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    assert [text for text in sections if text.partition("\n")[2].startswith(f"{description} ")]


def test_a_section_that_fails_stays_as_it_was_and_the_others_are_written(tmp_path, monkeypatch):
    def measure(bench):
        return Table("First", ("", "time"), [("ours", "1 s")])

    def fail(bench):
        raise ValueError("it fails")

    page = tmp_path / "page.md"
    page.write_text("# Title\n\n## First\nold\n\n## Second\nold\n")
    for name, function in (("a", measure), ("b", fail)):
        module = SimpleNamespace(
            __doc__="What is measured,\nin 3 rounds.\n\nMore.", measure=function
        )
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", module)
    monkeypatch.setattr(table, "PAGE", page)
    monkeypatch.setattr(environment, "require", lambda: None)
    monkeypatch.setattr(environment, "libraries", lambda: "")
    monkeypatch.setattr(environment, "origin", lambda: "Commit 0 today.")
    monkeypatch.setattr(benchmarks, "SECTIONS", ("a", "b"))
    bench = SimpleNamespace(say=print, pictures=None, started=0.0)
    monkeypatch.setattr(benchmarks.Bench, "load", lambda pictures: bench)
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    assert benchmarks.main() == 1
    first = "What is measured, in 3 rounds. *Commit 0 today.*\n\n"
    first += "|  | time |\n| --- | --- |\n| ours | 1 s |"
    assert page.read_text() == f"# Title\n\n## First\n{first}\n\n## Second\nold\n"


def test_a_commit_is_marked_if_other_files_than_the_results_were_changed(tmp_path):
    def git(*words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", "-C", str(tmp_path), *identity, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    (tmp_path / "docs").mkdir()
    for name in ("docs/benchmarks.md", "code.py"):
        (tmp_path / name).write_text("before")
    git("add", ".")
    git("commit", "-m", "first")
    commit = git("rev-parse", "--short", "HEAD")
    (tmp_path / "docs/benchmarks.md").write_text("after")
    assert environment.commit(tmp_path) == commit
    (tmp_path / "code.py").write_text("after")
    assert environment.commit(tmp_path) == f"{commit}+"


def test_the_definition_of_neighbours_orders_by_distance_and_then_by_index(monkeypatch):
    monkeypatch.setattr(knn, "EXACT_POINTS", 70)  # several blocks
    train = np.random.default_rng(0).integers(0, 4, (300, 5), np.uint8)  # with many equal distances
    distances, indices = knn.exact_neighbors(train, train[:40])
    squared = ((train[:40, None].astype(int) - train) ** 2).sum(axis=2)
    expected = np.argsort(squared, axis=1, kind="stable")[:, : knn.K]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(distances, np.take_along_axis(squared, expected, axis=1))


def test_the_child_measures_the_command_and_the_first_line_with_a_text(tmp_path, monkeypatch):
    file = tmp_path / "taken.json"
    command = [sys.executable, "-c", "print('first asset'); raise SystemExit(3)"]
    monkeypatch.setattr(sys, "argv", ["child", str(file), "first", *command])
    assert child.main() == 3
    taken = json.loads(file.read_text())
    assert 0 < taken["first"] <= taken["wall"]
    assert taken["peak"] > 1_000_000
