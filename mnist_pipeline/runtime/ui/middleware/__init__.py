"""Middleware of the web server: each file holds one rule of the access control."""
