"""Errors in one line."""

import sqlite3

from sqlalchemy.exc import OperationalError

from mnist_pipeline.cli.errors import explained


def test_an_error_of_dagsters_database_says_how_to_continue():
    of_database = OperationalError("SELECT 1", {}, sqlite3.OperationalError("the server\nended"))
    of_dagster = RuntimeError("a step failed")
    of_dagster.__cause__ = of_database
    for error in (of_database, of_dagster):
        found = explained(error)
        assert "the server ended" in found.message
        assert "run --changed" in found.message
