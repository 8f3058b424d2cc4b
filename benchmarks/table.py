"""A table of results in Markdown, and numbers as text."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from scipy.stats import binomtest


@dataclass
class Table:
    """A heading, a row per measurement, and notes below the table."""

    title: str
    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self, *, titled: bool) -> str:
        """The table as docs/benchmarks.md shows it, below its title if it is `titled`."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return "\n\n".join([*([f"### {self.title}"] if titled else []), table, *self.notes])


def seconds(value: float) -> str:
    """Milliseconds below a second."""
    if value < 0.995:
        return f"{value * 1e3:.0f} ms"
    return f"{value:.2f} s" if value < 99.5 else f"{value:,.0f} s"


def times(value: float) -> str:
    """How many times as fast, with two significant digits below 10."""
    return f"{value:,.0f}×" if value >= 10 else f"{value:.1f}×"


def with_range(values: Iterable[float], form: Callable[[float], str]) -> str:
    """The median of repeated measurements, with the smallest and the largest."""
    values = list(values)
    middle = form(statistics.median(values))
    return f"{middle} ({form(min(values))} – {form(max(values))})" if len(values) > 1 else middle


def mean_with_range(accuracies: Sequence[float]) -> str:
    """The mean of the accuracies of several seeds, with the lowest and the highest."""
    mean = f"{sum(accuracies) / len(accuracies):.2%}"
    low, high = min(accuracies), max(accuracies)
    return mean if low == high else f"{mean} ({low:.2%} – {high:.2%})"


def share(successes: int, total: int) -> str:
    """A percentage with Wilson's 95% interval."""
    low, high = binomtest(successes, total).proportion_ci(method="wilson")
    return f"{successes / total:.1%} of {total:,} ({100 * low:.1f}–{100 * high:.1f})"
