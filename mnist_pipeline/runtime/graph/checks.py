"""Checks carried by a materialization: what is measured, what it is held to, and why that matters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import dagster as dg
import numpy as np

from mnist_pipeline.data.datasets import NUM_CLASSES


class Measured(NamedTuple):
    """A measured value and the range that it is held to, both ends included."""

    value: float
    low: float = -math.inf
    high: float = math.inf

    @property
    def passed(self) -> bool:
        """Whether the value lies in its range; NaN never does."""
        return self.low <= self.value <= self.high


Number = float | np.number[Any]


def at_most(value: Number, limit: Number) -> Measured:
    """Hold a value to an upper limit."""
    return Measured(float(value), high=float(limit))


def at_least(value: Number, limit: Number) -> Measured:
    """Hold a value to a lower limit."""
    return Measured(float(value), low=float(limit))


def between(value: Number, low: Number, high: Number) -> Measured:
    """Hold a value to a range."""
    return Measured(float(value), float(low), float(high))


def exactly(value: Number, expected: Number) -> Measured:
    """Hold a value to one number."""
    return Measured(float(value), float(expected), float(expected))


def loss_falls(loss: Sequence[float] | np.ndarray) -> Measured:
    """Hold the last loss of a training to the first, or of a single epoch to that of guessing."""
    guessing = math.log(NUM_CLASSES)
    return at_most(float(loss[-1]), float(loss[0]) if len(loss) > 1 else guessing)


def checks(asset: str, why: Mapping[str, str], blocking: tuple[str, ...] = ()) -> list[dg.AssetCheckSpec]:
    """Specifications of the checks of an asset.

    Parameters
    ----------
    asset : str
        Its key.
    why : mapping from check name to str
        Why each matters.
    blocking : tuple of str
        The checks whose failure stops what is downstream.
    """
    return [
        dg.AssetCheckSpec(name, asset=asset, description=reason, blocking=name in blocking)
        for name, reason in why.items()
    ]


def check_results(measured: Mapping[str, Measured]) -> Iterator[dg.AssetCheckResult]:
    """The results of checks by name, each with the value and its range."""
    for name, check in measured.items():
        limits = {"at least": check.low, "at most": check.high}
        yield dg.AssetCheckResult(
            passed=check.passed,
            check_name=name,
            metadata={
                "measured": _plain(check.value),
                **{limit: _plain(value) for limit, value in limits.items() if math.isfinite(value)},
            },
        )


def _plain(value: float) -> float | str:
    """A number as Dagster's metadata takes it: not NaN, nor infinite."""
    return value if math.isfinite(value) else str(value)
