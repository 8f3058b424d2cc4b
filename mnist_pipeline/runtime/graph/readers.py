"""The readers run first, in a run of their own; the values that they store say what else runs.

Readers are the assets that pass on parts of the files, and take no time to compute. What only reads
values that stay the same does not run again. `run --changed` and automation follow this rule.
"""

import functools
import operator
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

import dagster as dg

READER = {"mnist-pipeline/reader": "true"}  # the tag of the readers
READERS = dg.AssetSelection.tag("mnist-pipeline/reader", "true")


def is_reader(spec: dg.AssetSpec) -> bool:
    """Whether an asset has the tag of the readers."""
    return READER.items() <= spec.tags.items()


def readers_first(
    graph: Any, due: AbstractSet[dg.AssetKey], within: AbstractSet[dg.AssetKey]
) -> set[dg.AssetKey]:
    """The assets of a selection that run next: the readers if any is due, with all readers below,
    else all other assets that are due, with all assets below.
    """
    readers = READERS.resolve(graph)

    def with_below(starts: AbstractSet[dg.AssetKey]) -> set[dg.AssetKey]:
        return {*within} & dg.AssetSelection.assets(*starts).downstream().resolve(graph)

    return with_below(due & readers) & readers or with_below(due - readers)


def requested_and_waits(spec: dg.AssetSpec, readers: Iterable[dg.AssetKey]) -> tuple[Any, Any]:
    """The same rule as automation conditions: when the request of an input is a reason to run an
    asset, and when the asset waits.

    The request of a reader is a reason for other readers only. Every other asset waits until all
    `readers` have run.
    """
    condition: Any = dg.AutomationCondition
    requested = condition.any_deps_match(condition.will_be_requested())
    waits = condition.any_deps_in_progress()
    if is_reader(spec):
        return requested, waits
    running = (condition.asset_matches(key, condition.in_progress()) for key in readers)
    return requested.ignore(READERS), functools.reduce(operator.or_, running, waits)
