"""Where a function of one positive number changes its sign."""

from __future__ import annotations

import math
from collections.abc import Callable

TOLERANCE = 1e-9  # relative


def crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Halve the ratio of two bounds until they enclose the place where a function falls below zero.

    Parameters
    ----------
    falling : callable
        Positive before that place, not after it.
    low, high : float
        Positive bounds.

    Returns
    -------
    float
        One of the bounds, up to the tolerance, if the place lies outside of them.
    """
    while high > low * (1 + TOLERANCE):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return math.sqrt(low * high)
