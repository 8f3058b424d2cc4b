"""The Dagster instance on PostgreSQL: checks of the database, and locks that show which processes are alive."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mnist_pipeline.utils import places
from mnist_pipeline.utils.reported import ReportedError

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings

VARIABLE = "MNIST_PIPELINE_DATABASE"
CONNECT_SECONDS = 5
TABLES = ("runs", "event_logs", "jobs")  # one table of each of Dagster's storages
CREATION_LOCK = -1  # the key of a lock; the keys of processes are not negative
# The address, which holds a password, stays in the environment.
IN_THE_ENVIRONMENT = {"postgres": {"postgres_url": {"env": VARIABLE}}}
STORAGE = "storage:\n  postgres:\n    postgres_url:\n      env: MNIST_PIPELINE_DATABASE\n"
# The server notices within two minutes that a machine has crashed.
KEEPALIVES = "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=15 -c tcp_keepalives_count=4"


class DatabaseError(ReportedError, ValueError):
    """The database can't be used; the message names the problem and a remedy, and never the password."""


def require(configured: Settings) -> None:
    """Raise DatabaseError, within seconds, if there is no connection to the database, or not the library for it."""
    if configured.database:
        if importlib.util.find_spec("dagster_postgres") is None:
            raise DatabaseError(
                f"{VARIABLE} is set, but PostgreSQL's extra is missing: {places.pip_install('postgres')}"
            )
        with connected(configured):
            pass


def make_tables(configured: Settings) -> None:
    """Let Dagster create its tables in an empty database; if several processes start at once, only one does.

    Raises DatabaseError if the user may not create tables.
    """
    with connected(configured) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(to_regclass(name)) FROM unnest(%s) AS name", (list(TABLES),))
        if cursor.fetchone() == (len(TABLES),):
            return
        import dagster as dg
        from sqlalchemy.exc import DBAPIError

        cursor.execute("SELECT pg_advisory_lock(%s)", (CREATION_LOCK,))
        try:
            dg.DagsterInstance.from_config(str(configured.dagster_home)).dispose()
        except DBAPIError as error:
            raise DatabaseError(f"{VARIABLE}: {_problem(error.orig, configured)}") from None


@contextlib.contextmanager
def connected(configured: Settings) -> Iterator[Any]:
    """Open a connection to the database; raises DatabaseError if that fails."""
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
        raise DatabaseError(f"{VARIABLE}: {_problem(error, configured)}") from None  # libpq may repeat the address
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def lock(configured: Settings, token: str) -> Iterator[None]:
    """Hold a lock while this process lives; every machine sees it."""
    with connected(configured) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (_number(token),))
        yield


def is_locked(configured: Settings, token: str) -> bool:
    """Whether any process, on any machine, holds a lock."""
    with connected(configured) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (_number(token),))
        return cursor.fetchone() != (True,)


def contradiction(configured: Settings, text: str) -> str | None:
    """How the configuration of the Dagster instance contradicts the setting, None if it doesn't."""
    import yaml

    document = yaml.safe_load(text)
    storage = document.get("storage") if isinstance(document, dict) else None
    if configured.database and storage != IN_THE_ENVIRONMENT:
        where = "SQLite files" if storage is None else "another place"
        wanted = f"storage: {{postgres: {{postgres_url: {{env: {VARIABLE}}}}}}}"
        return f"it stores the instance in {where}, but {VARIABLE} is set; write {wanted!r} in it, or unset {VARIABLE}"
    if not configured.database and storage == IN_THE_ENVIRONMENT:
        return f"it stores the instance in the database of {VARIABLE}, which is not set; set it, or delete the file"
    return None


def _number(token: str) -> int:
    """The key of an advisory lock, 63 bits of a token's random digits."""
    return int(token.rpartition("-")[2][:16], 16) >> 1


def _problem(error: BaseException | None, configured: Settings) -> str:
    """The message of the server or the library in one line, and a remedy."""
    message = " ".join(str(error).split()).replace("FATAL: ", "") or "the server does not answer"
    if password := urlsplit(configured.database or "").password:
        message = message.replace(password, "…")
    return f"{message}; correct the address, or start the server and create the database with its user as owner"
