"""Errors in one line."""

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from mnist_pipeline.cli.errors import explained
from mnist_pipeline.utils import memory


class ServerError(Exception):
    """An error of the driver of PostgreSQL, which may not be installed."""

    __module__ = "psycopg2"


@pytest.mark.parametrize("kind", [sqlite3.OperationalError, ServerError])
def test_an_error_of_dagsters_database_says_how_to_continue(kind):
    of_database = OperationalError("SELECT 1", {}, kind("the server\nended"))
    of_dagster = RuntimeError("a step failed")
    of_dagster.__cause__ = of_database
    for error in (of_database, of_dagster):
        found = explained(error)
        assert "the server ended" in found.message
        assert "run --changed" in found.message


@pytest.mark.parametrize("error", [MemoryError(), OSError()])
def test_an_error_without_a_text_has_a_message(error):
    assert explained(error).message


def test_a_shortage_of_memory_says_what_to_do():
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")):
        assert "--select" in explained(error).message
    assert explained(memory.shortage("of a step")).message.startswith("of a step")
    assert explained(RuntimeError("a fault of the program")) is None
