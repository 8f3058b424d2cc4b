"""Middleware of the web server: one rule per file."""
