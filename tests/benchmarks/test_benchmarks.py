"""The benchmarks load, and the parts that their results depend on are right."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import child, knn
from benchmarks.__main__ import BY_REQUEST, SECTIONS
from benchmarks.pictures.sets import SETS, write


@pytest.mark.parametrize("name", [*SECTIONS, *BY_REQUEST])
def test_every_section_loads_and_says_what_it_measures(name: str) -> None:
    section = importlib.import_module(f"benchmarks.{name}")
    assert callable(section.measure)
    assert section.__doc__


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
