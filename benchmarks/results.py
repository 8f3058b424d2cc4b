"""The tables of docs/benchmarks.md: a block per section, between two markers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.bench import ROOT, BenchmarkError
from benchmarks.table import Table

PAGE = ROOT / "docs" / "benchmarks.md"


def markers(section: str) -> tuple[str, str]:
    """The lines before and after the block of a section."""
    return f"<!-- begin {section} -->", f"<!-- end {section} -->"


def block(description: str, origin: str, tables: Sequence[Table]) -> str:
    """What was measured, where and when, and the tables; several tables have their titles."""
    measured = re.sub(r"\s+", " ", description.partition("\n\n")[0])
    texts = [table.markdown(titled=len(tables) > 1) for table in tables]
    return "\n\n".join([f"*{measured} {origin}*", *texts])


def read(section: str) -> str:
    """The block of a section."""
    return _parts(section)[1].strip()


def write(section: str, text: str) -> None:
    """Replace the block of a section, and nothing else."""
    before, _, after = _parts(section)
    begin, end = markers(section)
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def _parts(section: str) -> tuple[str, str, str]:
    """The text of the page before, between and after the markers of a section."""
    begin, end = markers(section)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    inside, found, after = rest.partition(end)
    if not found:
        raise BenchmarkError(f"{PAGE} needs the lines {begin} and {end} for these tables")
    return before, inside, after
