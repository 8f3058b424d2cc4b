"""The history of measured times: one row per commit and processor, and what became slower."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks import history

RATIO, WALL = "search [× faster]", "run [s]"


def row(commit: str, ratio: float, wall: float | None, processor: str = "one") -> dict[str, Any]:
    return {"commit": commit, "processor": processor, "cores": 2, "date": "2026-01-01", RATIO: ratio, WALL: wall}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    history.add(row("a", 10, 20), tmp_path / "history.csv")
    history.add(row("b", 20, 10), tmp_path / "history.csv")
    return tmp_path / "history.csv"


def test_an_entry_has_the_times_and_no_other_measurement() -> None:
    rows = [
        {"name": "search", "unit": "× faster", "value": 3.0},
        {"name": "run", "unit": " s", "value": None},
        {"name": "accuracy", "unit": "%", "value": 99.0},
    ]
    environment = {"commit": "c", "cpu": "one", "cores": 2, "started": "2026-01-01 10:00:00 +0000"}
    assert history.entry(environment, rows) == row("c", 3.0, None)


@pytest.mark.parametrize(
    ("ratio", "wall", "slower"),
    [(20, 10, []), (17.5, 11.4, []), (17, 10, ["search"]), (40, 12, ["run"]), (1, None, ["search"])],
)
def test_what_is_more_than_15_percent_slower_than_in_the_latest_row_is_named(
    ratio: float, wall: float | None, slower: list[str], file: Path
) -> None:
    _, *lines = history.slower(row("c", ratio, wall), file)
    assert len(lines) == len(slower)
    assert all(name in line for name, line in zip(slower, lines, strict=True))


def test_another_kind_of_processor_is_not_compared(file: Path) -> None:
    assert len(history.slower(row("c", 1, 1_000, "another"), file)) == 1
    assert len(history.slower(row("c", 1, 1_000), file.with_name("missing.csv"))) == 1


def test_a_commit_measured_again_replaces_its_row(file: Path) -> None:
    history.add(row("b", 30, 5), file)
    history.add(row("b", 40, 4, "another"), file)
    found = pd.read_csv(file)
    assert found.commit.tolist() == ["a", "b", "b"]
    assert found[RATIO].tolist() == [10, 30, 40]


def test_the_plot_shows_each_measurement(file: Path) -> None:
    history.plot(pd.read_csv(file), file.with_suffix(".png"))
    assert file.with_suffix(".png").stat().st_size > 1_000
