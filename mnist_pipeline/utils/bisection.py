"""Bisection of a function of one positive number."""

import math
from collections.abc import Callable

TOLERANCE = 1e-9  # relative


def crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a function becomes negative, by bisection between two positive bounds on a logarithmic
    scale.

    The function is positive below that place and not above it. If the place is outside the bounds,
    the result is the nearer bound, up to the tolerance.
    """
    while high > low * (1 + TOLERANCE):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return math.sqrt(low * high)
