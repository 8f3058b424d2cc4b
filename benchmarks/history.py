"""The history of the measured times: one row per commit and kind of processor, in `history.csv`, with a plot.

A full run of `make bench` adds the row of the commit that it measures. `make bench-quick` compares its own measurements
with the latest row of the same kind of processor, and names what became more than 15% slower.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.table import number
from mnist_pipeline.report.figures.style import COLORS, GRID, INK, STYLE

FILE = Path(__file__).with_name("history.csv")
PLOT = FILE.with_suffix(".png")
WHERE = ["processor", "cores"]
KEY = ["commit", *WHERE]
SLOWER = 0.15
TIMES = ("× faster", "× the time", " s", " ms")  # the units of rows that are times, or ratios of times
COLUMNS = 5  # of panels in the plot

Rows = Iterable[dict[str, Any]]  # as `table.Section.as_json` writes them


def entry(environment: dict[str, Any], rows: Rows) -> dict[str, Any]:
    """A row of the history: where and when it was measured, and each time or ratio of times, with its unit."""
    times = {f"{row['name']} [{row['unit'].strip()}]": row["value"] for row in rows if row["unit"] in TIMES}
    place = {"processor": environment["cpu"], "cores": environment["cores"]}
    return {"commit": environment["commit"], "date": environment["started"][:10], **place, **times}


def add(row: dict[str, Any], file: Path = FILE) -> pd.DataFrame:
    """Write a row at the end of the history, in place of an earlier one of the same commit and processor."""
    history = pd.concat([_read(file), pd.DataFrame([row])], ignore_index=True).drop_duplicates(KEY, keep="last")
    history.to_csv(file, index=False, float_format="%.4g")
    return history


def slower(row: dict[str, Any], file: Path = FILE) -> list[str]:
    """A summary, and a line for each time that is longer than in the latest row of the same kind of processor."""
    history = _read(file)
    same = history[(history[WHERE] == [row[name] for name in WHERE]).all(axis=1)]
    if same.empty:
        return [f"{FILE.name} has no row of this kind of processor, {row['processor']} with {row['cores']} cores."]
    before = same.iloc[-1].dropna()
    names = [name for name in row if name.endswith("]") and row[name] is not None and name in before]
    times = {name: _times_slower(name, row[name], before[name]) for name in names}
    lines = [
        f"SLOWER: {name.rpartition(' [')[0]}: {times[name]:.2f} times the time, "
        f"{number(before[name])} then, {number(row[name])} now"
        for name in names
        if times[name] > 1 + SLOWER
    ]
    summary = f"{len(lines)} of {len(names)} times are more than {SLOWER:.0%} slower than in commit {before['commit']}."
    return [summary, *lines]


def plot(history: pd.DataFrame, file: Path = PLOT) -> None:
    """Draw how many times faster each commit is than the first one on its processor, one panel per measurement."""
    names = [name for name in history.columns if name.endswith("]") and history[name].notna().sum() > 1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13, 2 * math.ceil(len(names) / COLUMNS)), layout="constrained")
        grid = figure.subplots(math.ceil(len(names) / COLUMNS), COLUMNS, sharex=True, squeeze=False).flat
        for axes, name in zip(grid, names):
            for color, (processor, group) in zip(COLORS, history.groupby(WHERE, sort=False)):
                measured = group[name].dropna()
                speeds = [1 / _times_slower(name, value, measured.iloc[0]) for value in measured]
                axes.plot(measured.index, speeds, "o-", color=color, markersize=4, label=f"{processor[0]}")
            axes.axhline(1, color=INK, linewidth=0.8, linestyle="--")
            axes.set_title(textwrap.fill(name.rpartition(" [")[0], 30), fontsize=8)
            axes.set_xticks(history.index, history.commit, rotation=90, fontsize=7)
            axes.grid(color=GRID, linewidth=0.6)
        for axes in list(grid):
            axes.set_axis_off()
        figure.supylabel("times the first speed on that processor", fontsize=9)
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=8)
        figure.savefig(file, dpi=110)


def _read(file: Path) -> pd.DataFrame:
    return pd.read_csv(file) if file.exists() else pd.DataFrame(columns=KEY)


def _times_slower(name: str, value: float, before: float) -> float:
    """How many times as long it takes as before."""
    return before / value if name.endswith("[× faster]") else value / before
