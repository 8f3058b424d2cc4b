"""The Dagster instance on PostgreSQL: its address, whether it can be worked with, and who is alive."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings


VARIABLE = "MNIST_PIPELINE_DATABASE"
CONNECT_SECONDS = 5
MIN_VERSION = 12
TABLES = ("runs", "event_logs", "jobs")  # one of each of Dagster's storages
MAKING = -1  # the key of a lock; those of processes are not negative
# The address, which holds a password, stays in the environment.
IN_THE_ENVIRONMENT = {"postgres": {"postgres_url": {"env": VARIABLE}}}
STORAGE = "storage:\n  postgres:\n    postgres_url:\n      env: MNIST_PIPELINE_DATABASE\n"
# By what a refusal says.
REMEDIES = {
    "password": "correct the user and the password in the address",
    "does not exist": "make it (createuser, createdb), or correct the address",
    "": "see that the server runs and accepts connections from here",
}
# A server notices within two minutes that a machine is gone which had no time to say so.
KEEPALIVES = "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=15 -c tcp_keepalives_count=4"


class DatabaseError(ValueError):
    """The database can't be worked with; the message says what is wrong and what to do, and never the password."""


def require(configured: Settings) -> None:
    """Refuse a database that Dagster could not keep its instance in, within seconds.

    Raises
    ------
    DatabaseError
        If the extra is missing, the server can't be reached or refuses, or is too old.
    """
    if not configured.database:
        return
    if importlib.util.find_spec("dagster_postgres") is None:
        raise DatabaseError(
            f"{VARIABLE} is set, but PostgreSQL's extra is missing: pip install 'mnist-pipeline[postgres]'"
        )
    with connected(configured) as connection, connection.cursor() as cursor:
        if connection.server_version < MIN_VERSION * 10_000:
            version = f"{connection.server_version // 10_000}"
            raise DatabaseError(f"{VARIABLE}: the server is PostgreSQL {version}; it must be {MIN_VERSION} or newer")
        cursor.execute("SELECT has_schema_privilege(current_schema(), 'CREATE') AND NOT pg_is_in_recovery()")
        if cursor.fetchone() != (True,):
            raise DatabaseError(
                f"{VARIABLE}: user {connection.info.user!a} may not create tables in {connection.info.dbname!a}; "
                "make it the owner of the database"
            )


def make_tables(configured: Settings) -> None:
    """Have Dagster make its tables in an empty database; of several that begin at once, one does."""
    if not configured.database:
        return
    with connected(configured) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(to_regclass(name)) FROM unnest(%s) AS name", (list(TABLES),))
        if cursor.fetchone() == (len(TABLES),):
            return
        import dagster as dg

        cursor.execute("SELECT pg_advisory_lock(%s)", (MAKING,))
        dg.DagsterInstance.from_config(str(configured.dagster_home)).dispose()


@contextlib.contextmanager
def connected(configured: Settings) -> Iterator[Any]:
    """A connection of one's own.

    Raises
    ------
    DatabaseError
        If there is none to be had.
    """
    psycopg2: Any = importlib.import_module("psycopg2")
    try:
        connection = psycopg2.connect(
            (configured.database or "").replace("+psycopg2", "", 1),
            connect_timeout=CONNECT_SECONDS,
            options=KEEPALIVES,
            keepalives_idle=60,
            application_name="mnist-pipeline",
        )
    except (psycopg2.Error, UnicodeError) as error:
        raise DatabaseError(f"{VARIABLE}: {_told(error, configured)}") from None  # libpq may repeat the address
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def lock(configured: Settings, token: str) -> Iterator[None]:
    """Hold a lock for as long as this process lives; any machine sees it."""
    with connected(configured) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (_number(token),))
        yield


def is_locked(configured: Settings, token: str) -> bool:
    """Whether some process, anywhere, holds a lock."""
    with connected(configured) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (_number(token),))
        return cursor.fetchone() != (True,)


def contradiction(configured: Settings, text: str) -> str | None:
    """What in a configuration of the instance speaks against the setting; None if nothing does."""
    import yaml

    document = yaml.safe_load(text)
    kept = document.get("storage") if isinstance(document, dict) else None
    if configured.database and kept != IN_THE_ENVIRONMENT:
        where = "SQLite files" if kept is None else "a place of its own"
        wanted = f"storage: {{postgres: {{postgres_url: {{env: {VARIABLE}}}}}}}"
        return f"it keeps the instance in {where}, but {VARIABLE} is set; have it say {wanted!r}, or unset {VARIABLE}"
    if not configured.database and kept == IN_THE_ENVIRONMENT:
        return f"it keeps the instance in the database of {VARIABLE}, which is not set; set it, or delete the file"
    return None


def _number(token: str) -> int:
    """The key of an advisory lock, 63 bits of a token's random digits."""
    return int(token.rpartition("-")[2][:16], 16) >> 1


def _told(error: Exception, configured: Settings) -> str:
    """What the server or the library said, in a line, and what to do."""
    said = " ".join(str(error).split()).replace("FATAL: ", "").strip()
    if password := urlsplit(configured.database or "").password:
        said = said.replace(password, "…")
    todo = next(todo for part, todo in REMEDIES.items() if part in said)
    return f"{said or 'the server does not answer'}; {todo}"
