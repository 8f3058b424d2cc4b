"""The figure: each target's bar, and the growth of time and memory with N."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks import growth
from benchmarks.table import Row, Section, number
from mnist_pipeline.report.figures.style import COLORS, GRID, INK, STYLE

PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
RATIOS = ("× faster", "× the time")
OURS, THEIRS, MISSED = COLORS[0], COLORS[3], COLORS[2]


def write(path: Path, sections: Sequence[Section]) -> None:
    """Draw the measurements; the curve of growth only if it was measured."""
    bars = [bar for section in sections for row in section.rows if (bar := _bar(row))]
    curves = next((section.details["curves"] for section in sections if "curves" in section.details), None)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13, 6.2) if curves else (7.5, 6.2), layout="constrained")
        grid = figure.add_gridspec(1, 2 if curves else 1, width_ratios=(1.15, 1) if curves else None)
        _bars(figure.add_subfigure(grid[0]).subplots(), bars)
        if curves:
            _growth(figure.add_subfigure(grid[1]).subplots(2, 2, sharex=True), curves)
        figure.savefig(path, dpi=130)


class Bar(NamedTuple):
    """A ratio in multiples of its target: the median, and the smallest and largest."""

    name: str
    margin: float
    ends: tuple[float, float]
    label: str
    is_missed: bool


def _bar(row: Row) -> Bar | None:
    """The bar of a row whose figure is a ratio of times; None for the others."""
    if row.unit not in RATIOS or row.bound is None or row.value is None or row.spread is None:
        return None
    limit, is_least = row.bound.limit, row.bound.is_least
    margin, low, high = (value / limit if is_least else limit / value for value in (row.value, *row.spread))
    label = f" {number(row.value)}{row.unit} ({'≥' if is_least else '≤'} {limit:g}: {row.verdict})"
    return Bar(row.name, margin, (low, high), label, row.verdict == "MISSED")


def _bars(axes: Axes, bars: Sequence[Bar]) -> None:
    """All in multiples of their targets, so that they share one line to reach."""
    for position, bar in enumerate(reversed(bars)):
        axes.barh(position, bar.margin, color=MISSED if bar.is_missed else OURS, height=0.62)
        axes.plot(bar.ends, [position, position], color=INK, linewidth=1.2)
        axes.text(max(bar.margin, *bar.ends), position, bar.label, va="center", fontsize=8, bbox=PAPER)
    axes.axvline(1, color=INK, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(bars)), [bar.name for bar in reversed(bars)], fontsize=8)
    axes.set_xlim(0, 1.8 * max([1.0, *(max(bar.margin, *bar.ends) for bar in bars)]))
    axes.set_xlabel("times the target (dashed); the line spans smallest to largest")
    axes.set_title("Speed compared with the target, median of paired runs")


def _growth(grid: Sequence[Sequence[Axes]], curves: growth.Curves) -> None:
    """Time above, memory below; k-NN left, PCA right; both axes logarithmic."""
    for column, (method, title) in enumerate(growth.METHODS.items()):
        above, below = grid[0][column], grid[1][column]
        for side, color, label in (("ours", OURS, "ours"), ("theirs", THEIRS, "scikit-learn")):
            measured = growth.series(curves, method, side)
            above.plot(measured["sizes"], measured["seconds"], "o-", color=color, markersize=4, label=label)
            below.plot(measured["sizes"], measured["private"], "o-", color=color, markersize=4, label=label)
            below.plot(measured["sizes"], measured["resident"], ":", color=color)
        above.set_title(f"{title}: seconds" + (f", {growth.NUM_QUERIES:,} queries" if method == "knn" else ""))
        below.set_title(f"{title}: MB added at the peak")
        below.set_xlabel("training images N")
    for axes in (axes for row in grid for axes in row):
        axes.set(xscale="log", yscale="log")
        _ticks(axes, sizes=[each["size"] for each in curves["knn"]["ours"]])
        axes.grid(color=GRID, linewidth=0.6)
    grid[0][0].legend(fontsize=8)
    grid[1][0].legend(title="solid: private, dotted: with files", fontsize=8, title_fontsize=8)


def _ticks(axes: Axes, sizes: Sequence[int]) -> None:
    """N in thousands at the sizes measured, values without powers of ten."""
    axes.set_xticks(sizes, [f"{size / 1000:g}k" for size in sizes], fontsize=8)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
