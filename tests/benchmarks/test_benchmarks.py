"""The benchmarks load, and the parts that their results depend on are right."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import child, environment, knn, results
from benchmarks.__main__ import BY_REQUEST, SECTIONS
from benchmarks.__main__ import main as run_benchmarks
from benchmarks.pictures.sets import SETS, write
from benchmarks.table import Table


@pytest.mark.parametrize("name", [*SECTIONS, *BY_REQUEST])
def test_every_section_loads_says_what_it_measures_and_has_its_place(name: str) -> None:
    section = importlib.import_module(f"benchmarks.{name}")
    assert callable(section.measure)
    assert section.__doc__
    assert results.read(name)


def test_each_section_writes_its_tables_between_its_markers_unless_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Section:
        """What is measured,
        in 3 rounds.

        The rest is not shown.
        """

        def __init__(self, *titles: str) -> None:
            self.titles = titles

        def measure(self, bench: object) -> list[Table]:
            assert self.titles, "it fails"
            return [Table(title, ("", "time"), [("ours", "1 s")]) for title in self.titles]

    page = tmp_path / "page.md"
    places = {name: f"<!-- begin {name} -->\n\nold {name}\n\n<!-- end {name} -->" for name in "ab"}
    page.write_text(f"# Title\n\n{places['a']}\n\nProse.\n\n{places['b']}\n")
    for name, section in {"a": Section("First", "Second"), "b": Section()}.items():
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", section)
    monkeypatch.setattr(results, "PAGE", page)
    monkeypatch.setattr(environment, "require", lambda: None)
    monkeypatch.setattr(environment, "libraries", lambda: "")
    monkeypatch.setattr("benchmarks.__main__.SECTIONS", ("a", "b"))
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    assert run_benchmarks() == 1
    text = page.read_text()
    assert text.startswith("# Title\n\n<!-- begin a -->\n\n*What is measured, in 3 rounds. Commit ")
    assert text.endswith(f"<!-- end a -->\n\nProse.\n\n{places['b']}\n")
    assert "### Second\n\n|  | time |\n| --- | --- |\n| ours | 1 s |\n\n<!-- end a -->" in text
    assert "old a" not in text


def test_a_commit_is_marked_if_other_files_than_the_results_were_changed(tmp_path: Path) -> None:
    def git(*words: str) -> str:
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


def test_the_definition_of_neighbours_orders_by_distance_and_then_by_index() -> None:
    train = np.random.default_rng(0).integers(0, 4, (300, 5), np.uint8)  # with many equal distances
    distances, indices = knn.exact_neighbors(train, train[:40])
    squared = ((train[:40, None].astype(int) - train) ** 2).sum(axis=2)
    expected = np.argsort(squared, axis=1, kind="stable")[:, : knn.K]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(distances, np.take_along_axis(squared, expected, axis=1))


def test_the_child_measures_the_command_and_the_first_line_with_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "taken.json"
    command = [sys.executable, "-c", "print('first asset'); raise SystemExit(3)"]
    monkeypatch.setattr(sys, "argv", ["child", str(file), "first", *command])
    assert child.main() == 3
    taken = json.loads(file.read_text())
    assert 0 < taken["first"] <= taken["wall"]
    assert taken["peak"] > 1_000_000


@pytest.mark.parametrize("name", SETS)
def test_a_set_of_pictures_is_drawn_again_from_its_seed(name: str, tmp_path: Path) -> None:
    first, again, other = (
        {file.read_bytes() for file in write(name, tmp_path / place, seed, limit=1).rglob("*.*")}
        for place, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert first == again
    assert not first & other
    assert len(first) == len(SETS[name].classes)
