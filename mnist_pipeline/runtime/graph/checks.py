"""Checks of assets, as Dagster records them.

Most checks need only stored values. They stand in modules of their own, `assets/checks`, and each
can be launched alone: an edit of a limit changes no code version of an asset. Checks that must stop
what is downstream are computed by their asset, which returns them in its `result`.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from mnist_pipeline.runtime.graph.event_log import computed_from_others
from mnist_pipeline.runtime.graph.resources import free_last_step, step_context
from mnist_pipeline.utils.measured import Measured, exactly

Measure = Callable[..., Measured]
_checks: dict[str, dict[str, tuple[str, Measure]]] = {}  # reason and measure by asset and name


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


def blocking_checks(asset: str, reasons: Mapping[str, str]) -> list[dg.AssetCheckSpec]:
    """The checks that an asset computes itself, from their reasons by name. If one fails, the
    assets downstream do not run.
    """
    return [
        dg.AssetCheckSpec(name, asset=asset, description=reason, blocking=True)
        for name, reason in reasons.items()
    ]


def check_of(
    *assets: str, name: str | None = None, reason: str | None = None
) -> Callable[[Measure], Measure]:
    """Decorate a function that measures stored values: it becomes a check of these assets.

    The check has the name of the function, and its docstring as the reason. The parameter `value`
    gets the value of the asset, and every other one the value of the asset with its name.
    """

    def register(measure: Measure) -> Measure:
        text = reason or " ".join((measure.__doc__ or "").split())
        for asset in assets:
            _checks.setdefault(asset, {})[name or measure.__name__] = text, measure
        return measure

    return register


def standalone_checks(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetChecksDefinition]:
    """The checks of assets that `check_of` has registered: those of an asset are one step."""
    return [
        _checks_of(key, asset.partitions_def)
        for asset in assets
        for key in asset.keys
        if key.path[-1] in _checks
    ]


def _checks_of(
    key: dg.AssetKey, partitions: dg.PartitionsDefinition[Any] | None
) -> dg.AssetChecksDefinition:
    """The checks of an asset. Like the asset, they read assets with its prefix.

    Dagster could add the prefix to the asset of a check, but not to the others that it reads.
    """
    *prefix, asset = key.path
    checks = _checks[asset]
    reads = {name: _reads(asset, measure) for name, (_, measure) in checks.items()}
    names = {read for of_check in reads.values() for read in of_check.values()}
    specs = [
        dg.AssetCheckSpec(
            name,
            asset=key,
            description=reason,
            additional_deps=[[*prefix, read] for read in names - {asset}],
            partitions_def=partitions,
        )
        for name, (reason, _) in checks.items()
    ]

    @dg.multi_asset_check(
        name="__".join([*key.path, "checks"]),
        specs=specs,
        can_subset=True,
        ins={read: dg.AssetKey([*prefix, read]) for read in names},
    )
    def compute(
        context: dg.AssetCheckExecutionContext, **values: Any
    ) -> Iterator[dg.AssetCheckResult]:
        free_last_step()
        for name in sorted(check.name for check in context.selected_asset_check_keys):
            arguments = {parameter: values[read] for parameter, read in reads[name].items()}
            yield from check_results({name: checks[name][1](**arguments)})

    return compute


def _reads(asset: str, measure: Measure) -> dict[str, str]:
    """The assets that a check reads, by parameter."""
    parameters = inspect.signature(measure).parameters
    return {name: asset if name == "value" else name for name in parameters}


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
