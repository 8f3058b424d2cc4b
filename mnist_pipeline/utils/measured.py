"""A measured value, and the range that it must lie in: what a check compares."""

import math
from typing import Any, NamedTuple

import numpy as np

Number = float | np.number[Any]


class Measured(NamedTuple):
    """A measured value, and the range that it must lie in; both ends belong to the range."""

    value: float
    low: float = -math.inf
    high: float = math.inf
    warns: bool = False  # whether a value outside the range is a warning instead of an error
    reason: str | None = None  # what a value outside the range means, in one line

    @property
    def passed(self) -> bool:
        """Whether the value lies in the range; NaN never does."""
        return self.low <= self.value <= self.high


def at_most(value: Number, limit: Number, reason: str | None = None) -> Measured:
    """A value that must not exceed a limit."""
    return Measured(float(value), high=float(limit), reason=reason)


def at_least(value: Number, limit: Number, reason: str | None = None) -> Measured:
    """A value that must not fall below a limit."""
    return Measured(float(value), low=float(limit), reason=reason)


def exactly(value: Number, expected: Number, reason: str | None = None) -> Measured:
    """A value that must equal a number."""
    return Measured(float(value), float(expected), float(expected), reason=reason)


def warning(check: Measured) -> Measured:
    """A check whose failure is a warning."""
    return check._replace(warns=True)
