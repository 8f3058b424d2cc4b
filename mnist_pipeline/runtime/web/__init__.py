"""The web server for one person's machine: Dagster's UI, the report, and the drawing page."""

LOCALHOST = "127.0.0.1"
