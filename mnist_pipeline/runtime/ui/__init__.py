"""The web server, its access control, and the drawing page."""
