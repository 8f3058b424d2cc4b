"""The step that runs."""

import gc
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph.records import (
    DATA_DIRECTORY,
    INPUT_VERSION_TAG,
    latest,
    observe,
)


@dataclass
class Step:
    """What is known about a step while it runs."""

    name: str = ""
    # The versions of the inputs that Dagster had recorded when the step began. The IO manager loads
    # them, so the record of the run names the versions that the step read.
    inputs: dict[dg.AssetKey, str | None] = field(default_factory=dict)
    seconds: float = 0.0  # of the method


_current: ContextVar[Step | None] = ContextVar("step", default=None)


def step_context() -> dg.AssetExecutionContext | None:
    """The context of the step that runs, None in a function called directly."""
    try:
        context = dg.AssetExecutionContext.get()
    except dg.DagsterInvariantViolationError:
        return None
    return context if isinstance(context, dg.AssetExecutionContext) else None


def current_step() -> Step:
    """The step that runs; outside a run, a step without a name.

    When a step begins, it limits threads: in a process of Dagster, nothing else does.
    """
    context, step = step_context(), _current.get()
    name = f"{context.run.run_id} {context.op_execution_context.op.name}" if context else ""
    if step is None or step.name != name:
        # Dagster tries to insert the key of an asset, and catches the error if the key exists. The
        # traceback of that error is part of a cycle, which keeps the frames of the last step, and
        # so its value.
        gc.collect(0)
        step = Step(name)
        if context:
            settings.limit_threads()
            keys = [dep.asset_key for spec in context.assets_def.specs for dep in spec.deps]
            recorded = latest(context.instance, keys)
            step.inputs = {key: recorded[key].version for key in keys}
        _current.set(step)
    return step


def observe_files(path: Path, version: str) -> dict[str, str]:
    """Record the version of the raw files that the step has read, if it is new; return the tags
    that name it as the version of the input.

    A run need not observe the files before.
    """
    context, inputs = step_context(), current_step().inputs
    if context is None:
        return {}
    (key,) = (key for key in inputs if key.path[-1] == DATA_DIRECTORY)
    observe(context.instance, key, path, version)
    inputs[key] = version
    return {INPUT_VERSION_TAG.format(key.to_user_string()): version}
