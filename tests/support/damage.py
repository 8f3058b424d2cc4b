"""Ways to damage the Dagster instance of a storage, and what must survive them."""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

MAIN = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
BODIES = {"runs.db": ("runs", "run_body"), "schedules.db": ("jobs", "job_body")}
PAGES = 4_096
WRITE_VERSION = 18  # the place of a byte in the header of SQLite; a library only reads files of a later version


def flip(file: Path, start: int) -> None:
    """Flip all bits of 4 kB."""
    content = bytearray(file.read_bytes())
    content[start : start + PAGES] = bytes(byte ^ 0xFF for byte in content[start : start + PAGES])
    file.write_bytes(content)


def _replace(file: Path, make: Callable[[Path], object]) -> None:
    file.unlink()
    make(file)


def _execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def _replace_rows(file: Path, text: str) -> None:
    table, column = BODIES.get(file.name, ("event_logs", "event"))
    if file.name == "schedules.db":  # it has no rows before a user switches on a schedule
        _execute(file, "INSERT INTO jobs (job_origin_id) VALUES ('schedule')")
    _execute(file, f"UPDATE {table} SET {column} = '{text}'")


def _set_later_version(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[WRITE_VERSION] = 0xFF
    file.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "half": lambda file: os.truncate(file, file.stat().st_size // 2),
    "garbage": lambda file: file.write_bytes(random.Random(1).randbytes(file.stat().st_size)),
    "flipped head": lambda file: flip(file, 0),
    "directory": lambda file: _replace(file, Path.mkdir),
    "pipe": lambda file: _replace(file, os.mkfifo),
    "link": lambda file: _replace(file, lambda path: path.symlink_to("/nowhere")),
    "other application": lambda file: _replace(file, lambda path: _execute(path, "CREATE TABLE notes (text)")),
    "no table": lambda file: _execute(file, f"DROP TABLE {BODIES.get(file.name, ('event_logs',))[0]}"),
    "directory for the log": lambda file: file.with_name(f"{file.name}-wal").mkdir(),
    "directory for the journal": lambda file: file.with_name(f"{file.name}-journal").mkdir(),
    "pipe for the journal": lambda file: os.mkfifo(file.with_name(f"{file.name}-journal")),
    "later version": _set_later_version,
}
# Only `verify` reads all pages and rows.
HIDDEN_DAMAGE: dict[str, Callable[[Path], object]] = {
    "flipped middle": lambda file: flip(file, PAGES * (file.stat().st_size // PAGES // 2) + 100),
    "broken rows": lambda file: _replace_rows(file, "no JSON"),
    "emptied rows": lambda file: _replace_rows(file, "{}"),
}


def databases(home: Path) -> list[Path]:
    """The databases of an instance: the three main ones, and the events of its runs."""
    main = [home / name for name in MAIN]
    return main + sorted(path for path in (home / "history" / "runs").glob("*.db") if path not in main)


def checksums(storage: Path) -> dict[str, str]:
    """The SHA-256 of each stored file, without those of Dagster."""
    files = (path for path in storage.rglob("*") if path.is_file() and path.name != ".lock")
    names = {str(path.relative_to(storage)): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if not name.startswith("dagster/")
    }
