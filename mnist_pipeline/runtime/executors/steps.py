"""The executor of steps on workers: what Dagster plans, processes of a machine or a cluster carry out.

The workers share with the driver the storage and the Dagster instance. The driver holds the storage's turn; a worker
writes one asset at a time, and Dagster's records of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import dagster as dg
from dagster._core.definitions.executor_definition import check_cross_process_constraints
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.errors import raise_execution_interrupts
from dagster._core.events import EngineEventData
from dagster._core.execution.api import create_execution_plan, execute_plan
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.instance.ref import InstanceRef
from dagster._utils.error import serializable_error_info_from_exc_info

from mnist_pipeline.runtime import console, settings
from mnist_pipeline.runtime.executors import needs, workers

ON_THIS_TERMINAL: tuple[str, ...] = ()  # the executors whose workers print where the driver does


class Order(NamedTuple):
    """What a worker is told to carry out: a step of a run."""

    job: ReconstructableJob
    run: dg.DagsterRun
    run_config: Mapping[str, object]
    step: str
    instance: InstanceRef
    known_state: KnownExecutionState
    told_here: bool


def _chosen(context: dg.InitExecutorContext) -> dg.Executor:
    name = context.executor_config["executor"] or settings.load().executor
    if name == "in_process":
        return InProcessExecutor(retries=RetryMode.ENABLED)
    check_cross_process_constraints(context)
    return StepExecutor(str(name))


# Chosen as a run begins: a worker, which has imported this in whatever environment, carries out in process.
chosen = dg.ExecutorDefinition(
    "chosen",
    config_schema={
        "executor": dg.Field(
            dg.Noneable(dg.Enum("ExecutorName", [dg.EnumValue(name) for name in settings.EXECUTORS])),
            default_value=None,
            description="Where steps run; what MNIST_PIPELINE_EXECUTOR says by default.",
        )
    },
    executor_creation_fn=_chosen,
    description="The executor that the setting, or the run's configuration, names.",
)


class StepExecutor(dg.Executor):
    """Gives each step to a worker as soon as all above it is made and a worker has what it needs.

    A step whose worker is lost is done again by another one, twice at most; nothing is below a step that failed.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def retries(self) -> RetryMode:
        """Steps may ask to be tried again."""
        return RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Carry out a plan; yields what Dagster is to know of it."""
        told_here = self._name in ON_THIS_TERMINAL
        tell = None if told_here else console.teller(plan_context.run_id, plan_context.run_config)
        with contextlib.ExitStack() as stack:
            with raise_execution_interrupts():
                configured = dataclasses.replace(settings.load(), executor=self._name)
                crew = stack.enter_context(workers.opened(configured))
            yield dg.DagsterEvent.engine_event(
                plan_context, f"Steps go to workers ({self._name}) of process {os.getpid()}", EngineEventData()
            )
            active: Any = stack.enter_context(ActiveExecution(execution_plan, retry_mode=self.retries))
            ended = crew.completed(plan_context.log.warning)
            while not active.is_complete:
                for step in active.get_steps_to_execute():
                    order = Order(
                        plan_context.reconstructable_job,
                        plan_context.dagster_run,
                        plan_context.run_config,
                        step.key,
                        plan_context.instance.get_ref(),
                        active.get_known_state(),
                        told_here,
                    )
                    crew.submit(step.key, carry_out, order, needs=needs.of_step(step.key))
                yield from active.plan_events_iterator(plan_context)
                with raise_execution_interrupts():
                    outcome = next(ended, None)
                if outcome is None:  # a step waits to be tried again
                    ended = crew.completed(plan_context.log.warning)
                    time.sleep(active.sleep_interval())
                    continue
                key, events = outcome
                assert isinstance(key, str)
                if isinstance(events, workers.Raised):
                    events = [self._failure(plan_context, active, key, events.error)]
                for event in events:
                    if tell:
                        tell(event)
                    yield event
                    active.handle_event(event)
                active.verify_complete(plan_context, key)
                yield from active.plan_events_iterator(plan_context)

    def _failure(
        self, plan_context: PlanOrchestrationContext, active: Any, key: str, error: BaseException
    ) -> dg.DagsterEvent:
        """A step failed whose worker could not tell so itself."""
        try:
            raise error
        except BaseException:
            info = serializable_error_info_from_exc_info(sys.exc_info())
        step_context = plan_context.for_step(active.get_step_by_key(key))
        return self.log_failure_or_retry_event_after_error(step_context, info, active.get_known_state())


def carry_out(order: Order) -> list[dg.DagsterEvent]:
    """In a worker: carry out a step, record it, and say what happened."""
    with console.silent(not order.told_here):
        plan = create_execution_plan(
            order.job, run_config=order.run_config, step_keys_to_execute=[order.step], known_state=order.known_state
        )
        return list(
            execute_plan(
                plan,
                order.job,
                _instance(order),
                order.run,
                run_config=order.run_config,
                retry_mode=RetryMode.ENABLED.for_inner_plan(),
            )
        )


# Opened once by a worker: the first step of a run opens it for all.
_instances: dict[str, dg.DagsterInstance] = {}


def _instance(order: Order) -> dg.DagsterInstance:
    if order.run.run_id not in _instances:
        for instance in _instances.values():
            instance.dispose()
        _instances.clear()
        _instances[order.run.run_id] = dg.DagsterInstance.from_ref(order.instance)
    return _instances[order.run.run_id]
