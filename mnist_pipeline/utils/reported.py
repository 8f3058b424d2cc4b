"""The base of the errors that a command prints in one line; it imports nothing, so that commands
start fast.
"""


class ReportedError(Exception):
    """An error whose message names the problem and the remedy."""
