"""What a measurement reports: rows with a target and a verdict, as text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mnist_pipeline.evaluation.scores import wilson_interval

HEADER = ("", "ours", "theirs", "measured (min – max, n)", "target", "verdict", "agreement")


@dataclass(frozen=True)
class Bound:
    """A target: the least or the most that a value may be."""

    limit: float
    is_least: bool

    def holds(self, value: float) -> bool:
        """Whether a value is within the bound."""
        return value >= self.limit if self.is_least else value <= self.limit


def at_least(limit: float) -> Bound:
    return Bound(limit, is_least=True)


def at_most(limit: float) -> Bound:
    return Bound(limit, is_least=False)


def interval(successes: int, total: int) -> tuple[float, float]:
    """Wilson's 95% interval in percent."""
    low, high = wilson_interval(successes, total)
    return 100 * low, 100 * high


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    name : str
        What is measured.
    value : float or None
        The figure that the target is about; None where it could not be measured.
    unit : str
        Follows the figure: "× faster", " s", "%".
    bound : Bound or None
        The target; None where the figure is for information.
    spread : pair of float or None
        Smallest and largest.
    samples : int
        Over how many runs.
    ours, theirs : str
        Both sides in their own units.
    agreement : str
        How far both give the same answer, or why nothing was measured.
    """

    name: str
    value: float | None
    unit: str
    bound: Bound | None = None
    spread: tuple[float, float] | None = None
    samples: int = 1
    ours: str = ""
    theirs: str = ""
    agreement: str = ""

    @property
    def verdict(self) -> str:
        """Met, MISSED, not measured, or – where there is no target."""
        if self.value is None:
            return "NOT MEASURED"
        if self.bound is None:
            return "–"
        return "met" if self.bound.holds(self.value) else "MISSED"

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of `HEADER`."""
        target = "–" if self.bound is None else f"{'≥' if self.bound.is_least else '≤'} {self.bound.limit:g}{self.unit}"
        return self.name, self.ours, self.theirs, self._measured(), target, self.verdict, self.agreement

    def _measured(self) -> str:
        if self.value is None:
            return "–"
        spread = f"{number(self.spread[0])} – {number(self.spread[1])}, " if self.spread and self.samples > 1 else ""
        return f"{number(self.value)}{self.unit} ({spread}n = {self.samples})"


@dataclass
class Section:
    """What one module measured: rows for the table, remarks for the reader, everything else for the JSON."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Rows with their verdicts, notes and details as plain values."""
        rows = [{**asdict(row), "verdict": row.verdict} for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": self.notes, "details": self.details}


def number(value: float) -> str:
    """Two decimals, none from 100, two significant digits below a hundredth."""
    magnitude = abs(value)
    return f"{value:,.0f}" if magnitude >= 100 else f"{value:.2f}" if magnitude >= 0.01 else f"{value:.1e}"


def seconds(value: float) -> str:
    return f"{value * 1e3:.0f} ms" if value < 0.995 else f"{value:.2f} s" if value < 100 else f"{value:,.0f} s"


def text(sections: Iterable[Section]) -> str:
    """The table for a terminal, remarks under each section."""
    sections = list(sections)
    lines = [row.cells() for section in sections for row in section.rows]
    widths = [max(map(len, column)) for column in zip(HEADER, *lines)]
    output = [_line(HEADER, widths), _line(["─" * width for width in widths], widths)]
    for section in sections:
        output += ["", section.title.upper()]
        output += [_line(row.cells(), widths) for row in section.rows]
        output += [f"  · {note}" for note in section.notes]
    return "\n".join(output)


def markdown(sections: Iterable[Section]) -> str:
    """The table for a README."""
    head = [HEADER, ("---",) * len(HEADER)]
    rows = [row.cells() for section in sections for row in section.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [*head, *rows]) + "\n"


def tally(sections: Iterable[Section]) -> str:
    """How many targets were met, and the name of each that was not."""
    judged = [row for section in sections for row in section.rows if row.bound is not None]
    failed = [row for row in judged if row.verdict != "met"]
    lines = [f"{len(judged) - len(failed)} of {len(judged)} targets met."]
    lines += [f"{row.verdict}: {row.name}: {' '.join(row.cells()[3:5])}" for row in failed]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()
