"""Pages of the documentation, carried out in a copy of the project."""

import difflib
import re
from pathlib import Path

from mnist_pipeline.runtime.project import PROJECT

BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def files_of(page: str) -> list[tuple[str, str]]:
    """The files that code on a page belongs to, and the code."""
    return BLOCK.findall((PROJECT / "docs" / page).read_text(encoding="utf-8"))


def write(copy: Path, name: str, code: str) -> None:
    """Write a new file of a page into the copy."""
    path = copy / name
    assert not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code, encoding="utf-8")


def insert(path: Path, code: str, comment: str, blank: str = "") -> None:
    """Insert code above a comment of a file, with blank lines between them."""
    before, found, after = path.read_text(encoding="utf-8").partition(comment)
    assert found
    path.write_text(before + code + blank + found + after, encoding="utf-8")


def replace_lines(path: Path, code: str) -> None:
    """Replace the lines of a file that are most like the lines of the code."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for line in code.splitlines(keepends=True):
        (closest,) = difflib.get_close_matches(line, lines, 1)
        lines[lines.index(closest)] = line
    path.write_text("".join(lines), encoding="utf-8")
