"""Bisection of a function of one positive number."""

from __future__ import annotations

import math
from collections.abc import Callable

TOLERANCE = 1e-9  # relative


def crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a function falls below zero, by bisection between two bounds on a logarithmic scale.

    Parameters
    ----------
    falling : callable
        Positive below that place, not above it.
    low, high : float
        Positive bounds.

    Returns
    -------
    float
        One of the bounds, up to the tolerance, if the place is outside them.
    """
    while high > low * (1 + TOLERANCE):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return math.sqrt(low * high)
