"""Bisection of a function of one positive number."""

import math
from collections.abc import Callable

TOLERANCE = 1e-9  # relative


def crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """The root of a decreasing function, by bisection on a log scale between positive bounds.

    If the root is outside the bounds, the result is the nearer bound, up to the tolerance.
    """
    while high > low * (1 + TOLERANCE):
        middle = math.sqrt(low * high)
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)
