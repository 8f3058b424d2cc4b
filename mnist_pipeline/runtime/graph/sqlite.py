"""The databases of the Dagster instance, kept open while a run goes on."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

CONNECT = "_connect"  # the storage's method that gives a connection to the database of that name
BUSY_SECONDS = 10  # how long a write waits for that of another process, as in Dagster's own


@contextlib.contextmanager
def kept_open(instance: dg.DagsterInstance) -> Iterator[None]:
    """Within, where events go to SQLite's files, there is one connection to each, which stays.

    Dagster connects anew for each event, some six hundred times in a run of everything, which takes longer than to
    write it. And SQLite, which writes ahead into a log beside the database, brings the log into the database and
    deletes it whenever the last connection closes. A Dagster that connects in another way is left to do so.

    What Dagster knows of assets, in the index of all runs, is on the disk once it is committed, as before. The log of
    the run itself is handed to the system, which brings it there: a power loss, and nothing less, can cost its last
    lines.
    """
    stored = instance.event_log_storage
    connect_anew = getattr(stored, CONNECT, None)
    if not isinstance(stored, SqliteEventLogStorage) or connect_anew is None or CONNECT in vars(stored):
        yield
        return
    engines: dict[str, Engine] = {}
    turn = threading.RLock()

    @contextlib.contextmanager
    def connect(name: str) -> Iterator[Connection]:
        with turn:
            if name not in engines:
                with connect_anew(name):  # makes the tables of a new one
                    engines[name] = _engine(stored.conn_string_for_shard(name), is_index=name == INDEX_SHARD_NAME)
                    engines[name].connect().close()
            with engines[name].begin() as connection:
                yield connection

    setattr(stored, CONNECT, connect)
    try:
        yield
    finally:
        delattr(stored, CONNECT)
        for engine in engines.values():
            engine.dispose()


def _engine(address: str, *, is_index: bool) -> Engine:
    waits = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(address, poolclass=QueuePool, pool_size=1, max_overflow=0, connect_args=waits)
    if not is_index:
        event.listen(engine, "connect", _flush_at_checkpoints)
    return engine


def _flush_at_checkpoints(connection: sqlite3.Connection, _: object) -> None:
    """Wait for the disk as the log of what was written ahead is brought into the database, not at each commit."""
    connection.execute("PRAGMA synchronous = NORMAL")
