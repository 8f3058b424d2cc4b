"""Checks of stored values. Each can be launched alone, and is a function of the values.

No module of an asset imports them, so an edit of a limit makes no asset stale.
"""
