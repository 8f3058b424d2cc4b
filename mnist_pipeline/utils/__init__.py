"""Helpers without a subject of their own: blocks of rows, the machine, printable text,
bisection.
"""
