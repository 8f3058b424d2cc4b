"""The executor of a run's steps: Dagster's in-process or multiprocess executor, or any other one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from mnist_pipeline.runtime.executors.requirements import import_executor

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings

# Steps import these modules late. A process that is forked after the import starts at once, and none of them starts
# a thread, which a fork would lose.
PRELOADED = ("matplotlib.figure", "numba", "torch")


def step_executor(configured: Settings, preload: Sequence[str] = ()) -> dg.ExecutorDefinition:
    """Return the executor that `MNIST_PIPELINE_EXECUTOR` names; raise ExecutorError if it cannot be imported.

    The variable is the default of the run configuration, in which a run may choose otherwise:
    `execution: {config: {multiprocess: {max_concurrent: 4}}}`. The server of the multiprocess executor imports the
    modules in `preload` before it forks a process per step.
    """
    if ":" in configured.executor:
        return import_executor(configured.executor)
    default = "multiprocess" if configured.executor == "multiprocess" else "in_process"
    concurrency = dg.Field(dg.Noneable(int), default_value=None, description="Steps at a time; the cores by default.")
    selector: Any = dg.Selector  # has no types
    choices = selector({"in_process": {}, "multiprocess": {"max_concurrent": concurrency}})

    def configure(chosen: Any) -> dict[str, Any]:
        if "in_process" in chosen:
            return {"in_process": {}}
        server = {"forkserver": {"preload_modules": [*preload, *PRELOADED]}}
        return {"multiprocess": {**chosen["multiprocess"], "start_method": server}}

    return dg.multi_or_in_process_executor.configured(
        configure, name="step_executor", config_schema=dg.Field(choices, default_value={default: {}})
    )
