"""The SQLite files of the Dagster instance: checks for damage, and new names for damaged files.

A missing file is not damaged, because Dagster creates it. The exception is the index of events: without it, Dagster
would know no asset, and `run --changed` would compute everything again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Set
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.contents import RECORDS
from mnist_pipeline.utils.reported import ReportedError

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings

RUNS = "history/runs"
HISTORY, INDEX, SCHEDULES = f"{RUNS}.db", f"{RUNS}/index.db", "schedules/schedules.db"
# After these tables, Dagster creates the table `alembic_version`.
MIGRATIONS = "secondary_indexes"
TABLES = {
    HISTORY: {"runs", "run_tags", "snapshots", "daemon_heartbeats", "kvs", "bulk_actions", "instance_info", MIGRATIONS},
    INDEX: {"event_logs", "asset_keys", "asset_event_tags", "asset_check_executions", "dynamic_partitions", MIGRATIONS},
    SCHEDULES: {"jobs", "job_ticks", "instigators", MIGRATIONS},
}
JOURNALS = ("-journal", "-wal", "-shm")  # the ends of the names of the files that SQLite keeps with a database
COMPLETE = "alembic_version"
ABSENT = "is missing or empty, but its records are in the storage"
# The column with JSON in some tables.
SERIALIZED = {"event_logs": "event", "asset_keys": "last_materialization", "runs": "run_body", "jobs": "job_body"}
DIRECTORIES = ("alive", "history", RUNS, "logs", "schedules", "storage")
BUSY_SECONDS = 10.0  # to wait for a process that is writing
POLL_SECONDS = 0.1
MIN_FREE_BYTES = 1 << 20
# The first words that occur in a message of SQLite decide.
PROBLEMS = {
    "locked": "is locked by another process; wait until it ends, or end it",
    "full": "can't be written, because the disk is full; make room",
    "readonly": "can't be written; give this user the permission",
    "unable to open": "can't be opened; give this user the permission for it and its directory",
    "I/O error": "can't be read or written; check the disk",
}


class InstanceError(ReportedError, RuntimeError):
    """A file of the Dagster instance can't be used; the message names the file, the problem and a remedy."""


def require_whole(configured: Settings, *, thorough: bool = False, deserialize: bool = False) -> None:
    """Raise InstanceError if a file of the Dagster instance is damaged or can't be used; see `find_damage`."""
    if found := find_damage(configured, thorough=thorough, deserialize=deserialize):
        damage = "; ".join(f"{path} {problem}" for path, problem in found.items())
        raise InstanceError(f"{damage}; stop mnist-pipeline ui, and run mnist-pipeline repair")


def explain(error: BaseException, configured: Settings) -> None:
    """Raise InstanceError if the cause of an error is a file of the Dagster instance."""
    require_whole(configured, thorough=True, deserialize=True)
    cause: BaseException | None = error
    while cause and not isinstance(cause, sqlite3.Error):
        cause = cause.__cause__ or cause.__context__
    if cause:
        home = configured.dagster_home
        path = next((home / name for name in TABLES if not os.access(home / name, os.W_OK)), home)
        remedy = "move the directory away, and run mnist-pipeline repair"
        raise _refusal(path, cause) or InstanceError(f"a database in {home} can't be used ({cause}); {remedy}")


def find_damage(configured: Settings, *, thorough: bool, deserialize: bool = False) -> dict[Path, str]:
    """Return the damaged files of the Dagster instance, each with its problem; none if it is on PostgreSQL.

    If `thorough`, all pages of all files are read, otherwise only the schemas of the three main databases. If
    `deserialize`, Dagster must be able to read all events and runs. Raises InstanceError if a file can't be used for
    another reason: it is locked, the disk is full, or a permission is missing.
    """
    if configured.database:
        return {}
    try:
        return _find_damage(configured.dagster_home, thorough, deserialize)
    except PermissionError as error:
        raise InstanceError(f"{error.filename} {PROBLEMS['unable to open']}") from error


def _find_damage(home: Path, thorough: bool, deserialize: bool) -> dict[Path, str]:
    found = {path: "is not a directory" for path in _directories(home) if not path.is_dir()}
    tables = {home / name: needed for name, needed in TABLES.items()}
    if thorough:
        tables = {path: {"event_logs"} for path in sorted((home / RUNS).glob("*.db"))} | tables
    for path, needed in tables.items():
        problem = _problem(path, needed, thorough, deserialize)
        if problem == ABSENT and not (path == home / INDEX and path.parent.parent.is_dir() and _has_records()):
            continue
        if problem:
            found[path] = problem
    return found


def _directories(home: Path) -> Iterator[Path]:
    """The directories of the instance that exist; raises PermissionError if one can't be listed."""
    for path in (home / name for name in DIRECTORIES):
        if os.path.lexists(path):
            yield path
            if path.is_dir():
                list(path.iterdir())


def _has_records() -> bool:
    """Whether the storage has copies of records. In a bucket, this is a request."""
    return any(True for _ in storage.current().published.store.list_names((RECORDS,)))


def move_aside(path: Path) -> Path:
    """Give a damaged file a new name, and also the files that SQLite keeps with it; return the new name."""
    moved = path.with_name(f"{path.name}.damaged-{datetime.now():%Y%m%d-%H%M%S-%f}")
    for file in _files_of(path):
        with contextlib.suppress(FileNotFoundError):
            file.rename(f"{moved}{file.name.removeprefix(path.name)}")
    return moved


def _files_of(path: Path) -> list[Path]:
    """A SQLite file, and the files that SQLite keeps with it."""
    return [path.with_name(path.name + suffix) for suffix in ("", *JOURNALS)]


def _problem(path: Path, tables: Set[str], thorough: bool, deserialize: bool) -> str | None:
    """What is wrong with a SQLite file, None if nothing is; raises InstanceError if it can't be read and written.

    A process that creates a file adds the tables one after the other.
    """
    for file in _files_of(path):
        if os.path.lexists(file) and (file.is_symlink() or not file.is_file()):
            return "is not a file" if file == path else f"can't be used: {file} is not a file"
    if not path.is_file() or not path.stat().st_size:
        return ABSENT
    try:
        address = f"{path.absolute().as_uri()}?mode=rw"
        with contextlib.closing(sqlite3.connect(address, timeout=BUSY_SECONDS / 2, uri=True)) as connection:
            _require_writable(connection)
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not names:
                return ABSENT
            if (COMPLETE in names or names.isdisjoint(tables)) and (missing := tables - names):
                return f"has no table {min(missing)!r}"
            if thorough and (fault := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                return f"is damaged ({fault.splitlines()[-1]})"
            for table in SERIALIZED.keys() & names if thorough else ():
                if not _is_readable(connection, table, SERIALIZED[table], deserialize):
                    return f"is damaged (a row of the table {table!r} can't be read)"
    except sqlite3.Error as error:
        if refusal := _refusal(path, error):
            raise refusal from error
        return f"is damaged ({error})"
    return None


def _require_writable(connection: sqlite3.Connection) -> None:
    """Begin and end a transaction that writes; raise sqlite3.Error if the file stays locked, or can't be written.

    SQLite refuses some locks at once, without the timeout of the connection, while another process opens the file first
    or closes it last. What is read afterwards locks out no process that writes.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def _is_readable(connection: sqlite3.Connection, table: str, column: str, deserialize: bool) -> bool:
    """Whether the column of a table has JSON that names a class; if `deserialize`, whether Dagster can read it."""
    if not deserialize:
        has_class = f"CASE WHEN json_valid({column}) THEN json_extract({column}, '$.__class__') IS NOT NULL END"
        broken = f"SELECT 1 FROM {table} WHERE {column} IS NOT NULL AND {has_class} IS NOT TRUE"
        return connection.execute(broken).fetchone() is None
    import dagster as dg

    rows = connection.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()
    try:
        return not any(isinstance(dg.deserialize_value(text), dict) for (text,) in rows)
    except Exception:  # of many classes, because any byte can be wrong
        return False


def _refusal(path: Path, error: BaseException) -> InstanceError | None:
    """The error for a file that is not damaged but can't be used at present."""
    message = str(error)
    if "I/O error" in message and shutil.disk_usage(path if path.is_dir() else path.parent).free < MIN_FREE_BYTES:
        message = "full"
    if "readonly" in message and all(
        os.access(each, os.W_OK) for each in (path.parent, *_files_of(path)) if each.exists()
    ):
        return None  # a field of its header is damaged
    return next((InstanceError(f"{path} {PROBLEMS[words]}") for words in PROBLEMS if words in message), None)
