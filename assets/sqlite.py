"""The databases of the Dagster instance, kept open while a run goes on."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage


@contextlib.contextmanager
def kept_open(instance: dg.DagsterInstance, *run_ids: str) -> Iterator[None]:
    """Hold a connection to the database of all runs, and to those of some, where events go to SQLite's.

    Dagster connects anew for each event. SQLite, which writes ahead into a log beside the database, brings the log into
    the database and deletes it whenever the last connection closes. Another one that stays spares a run that, a few
    hundred times over; what is committed is on the disk as before.
    """
    with contextlib.ExitStack() as stack:
        storage = instance.event_log_storage
        if isinstance(storage, SqliteEventLogStorage):
            for shard in (INDEX_SHARD_NAME, *run_ids):
                with contextlib.suppress(sqlite3.Error):  # it is only slower without
                    address = f"file:{storage.path_for_shard(shard)}?mode=rw"
                    connection = stack.enter_context(contextlib.closing(sqlite3.connect(address, uri=True)))
                    connection.execute("SELECT count(*) FROM sqlite_master").fetchall()  # opens the log
        yield
