"""Checks of assets, as Dagster records them."""

import math
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
import numpy as np

from mnist_pipeline.runtime.graph.event_log import computed_from_others
from mnist_pipeline.runtime.graph.resources import step_context
from mnist_pipeline.utils.measured import Measured, at_least, at_most, exactly, warning

__all__ = [
    "Measured",
    "at_least",
    "at_most",
    "check_results",
    "checks",
    "exactly",
    "loss_falls",
    "rounded",
    "same_inputs",
    "warning",
]


def loss_falls(loss: Sequence[float] | np.ndarray, num_classes: int) -> Measured:
    """The last loss, at most the first loss, or after a single epoch the loss of guessing."""
    return at_most(loss[-1], loss[0] if len(loss) > 1 else math.log(num_classes))


def same_inputs(*sources: str) -> Measured:
    """How many inputs of the asset that runs, direct or not, were computed from another version of
    these assets than Dagster has recorded last.

    It is 0 in a function that is called directly.
    """
    others: list[dg.AssetKey] = []
    if context := step_context():
        keys = [dep.asset_key for spec in context.assets_def.specs for dep in spec.deps]
        others = computed_from_others(context.instance, keys, sources)
    names = ", ".join(key.to_user_string() for key in others)
    return exactly(
        len(others), 0, f"computed from former {' or '.join(sources)}; run {names}, and then this"
    )


def checks(
    asset: str, why: Mapping[str, Mapping[str, str]], *blocking: str
) -> list[dg.AssetCheckSpec]:
    """The specifications of an asset's checks, from their reasons by asset and name.

    The blocking checks stop the assets downstream if they fail.
    """
    return [
        dg.AssetCheckSpec(name, asset=asset, description=reason, blocking=name in blocking)
        for name, reason in why[asset].items()
    ]


def check_results(measured: Mapping[str, Measured]) -> Iterator[dg.AssetCheckResult]:
    """The results of checks by name, each with the value, which Dagster plots over time, and its
    limits.

    The limits are text: as numbers, they would be plotted as constant lines. The event log takes no
    NaN.
    """
    for name, check in measured.items():
        value = rounded(check.value) if math.isfinite(check.value) else str(check.value)
        limits = [("at least", check.low), ("at most", check.high)]
        finite = [f"{end} {limit:.6g}" for end, limit in limits if math.isfinite(limit)]
        expected = f"exactly {check.low:.6g}" if check.low == check.high else ", ".join(finite)
        yield dg.AssetCheckResult(
            passed=check.passed,
            check_name=name,
            metadata={"measured": value, "expected": expected or "any number"},
            severity=dg.AssetCheckSeverity.WARN if check.warns else dg.AssetCheckSeverity.ERROR,
            description=None if check.passed else check.reason,
        )


def rounded(number: float) -> float:
    """A number with six digits."""
    return float(f"{number:.6g}")
