"""A section of docs/benchmarks.md: its heading, what was measured, and its tables in Markdown."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.bench import ROOT, BenchmarkError
from mnist_pipeline.evaluation.scores import wilson_interval

PAGE = ROOT / "docs" / "benchmarks.md"


@dataclass
class Table:
    """A heading, a row per measurement, and sentences about the results."""

    title: str
    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """The rows, below the header."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def section(description: str, origin: str, tables: Sequence[Table]) -> str:
    """The first paragraph of a module, the notes, and the tables below the title of the first."""
    measured = re.sub(r"\s+", " ", description.partition("\n\n")[0].strip())
    notes = [note for table in tables for note in table.notes]
    text = " ".join([measured, *notes, f"*{origin}*"])
    return "\n\n".join([f"## {tables[0].title}\n{text}", *(table.markdown() for table in tables)])


def read(title: str) -> str:
    """The section of the page with this title."""
    found = _pattern(title).search(PAGE.read_text("utf-8"))
    if found is None:
        raise BenchmarkError(f"{PAGE} needs the line: ## {title}")
    return found[0]


def write(title: str, text: str) -> None:
    """Replace a section of the page, and nothing else."""
    page = PAGE.read_text("utf-8").replace(read(title), f"{text}\n\n")
    PAGE.write_text(page.rstrip() + "\n", "utf-8")


def _pattern(title: str) -> re.Pattern[str]:
    """A section reaches to the next heading, or to the end of the page."""
    return re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


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
    low, high = wilson_interval(successes, total)
    return f"{successes / total:.1%} of {total:,} ({100 * low:.1f}–{100 * high:.1f})"
