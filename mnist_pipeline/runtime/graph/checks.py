"""Checks of assets: a measured value, the range that it must lie in, and why that matters."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import dagster as dg
import numpy as np


class Measured(NamedTuple):
    """A measured value, and the range that it must lie in; both ends belong to the range."""

    value: float
    low: float = -math.inf
    high: float = math.inf
    warns: bool = False  # whether a value outside the range is a warning instead of an error
    reason: str | None = None  # why the value lies outside the range, in one line

    @property
    def passed(self) -> bool:
        """Whether the value lies in the range; NaN never does."""
        return self.low <= self.value <= self.high


Number = float | np.number[Any]


def at_most(value: Number, limit: Number) -> Measured:
    """A value that must not exceed a limit."""
    return Measured(float(value), high=float(limit))


def at_least(value: Number, limit: Number) -> Measured:
    """A value that must not fall below a limit."""
    return Measured(float(value), low=float(limit))


def exactly(value: Number, expected: Number) -> Measured:
    """A value that must equal a number."""
    return Measured(float(value), float(expected), float(expected))


def warning(check: Measured) -> Measured:
    """A check whose failure is a warning."""
    return check._replace(warns=True)


def loss_falls(loss: Sequence[float] | np.ndarray, num_classes: int) -> Measured:
    """The last loss of a training, which must not exceed the first, or after a single epoch the
    loss of guessing.
    """
    return at_most(loss[-1], loss[0] if len(loss) > 1 else math.log(num_classes))


def checks(
    asset: str, why: Mapping[str, Mapping[str, str]], *blocking: str
) -> list[dg.AssetCheckSpec]:
    """The specifications of an asset's checks; `why` has the reason of each check by asset and name
    of the check.

    The blocking checks stop the assets downstream if they fail.
    """
    return [
        dg.AssetCheckSpec(name, asset=asset, description=reason, blocking=name in blocking)
        for name, reason in why[asset].items()
    ]


def check_results(measured: Mapping[str, Measured]) -> Iterator[dg.AssetCheckResult]:
    """The results of checks by name, each with the value and its limits."""
    for name, check in measured.items():
        severity = dg.AssetCheckSeverity.WARN if check.warns else dg.AssetCheckSeverity.ERROR
        yield dg.AssetCheckResult(
            passed=check.passed,
            check_name=name,
            metadata=metadata(check),
            severity=severity,
            description=check.reason,
        )


def metadata(check: Measured) -> dict[str, float | str]:
    """The measured value, which Dagster plots over time, and its limits as text, which would be
    constant lines.
    """
    value = (
        rounded(check.value) if math.isfinite(check.value) else str(check.value)
    )  # the event log takes no NaN
    limits = [("at least", check.low), ("at most", check.high)]
    finite = [f"{name} {limit:.6g}" for name, limit in limits if math.isfinite(limit)]
    expected = f"exactly {check.low:.6g}" if check.low == check.high else ", ".join(finite)
    return {"measured": value, "expected": expected or "any number"}


def rounded(number: float) -> float:
    """A number with six digits."""
    return float(f"{number:.6g}")
