"""A sensor that notifies people of failed runs, failed checks and lost freshness, once per event.

Its cursor holds what it has seen, and the messages that a service has not accepted yet. A service that is down gets
them later; the others do not get them twice.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import dagster as dg

from mnist_pipeline.runtime import notifications, project, settings
from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.runtime.graph.retention import ENDED
from mnist_pipeline.runtime.notifications import Message, NotificationError
from mnist_pipeline.utils.printable import count, one_line

INTERVAL_SECONDS = 30
OVERLAP_SECONDS = 600  # runs that ended within this time before the last tick are looked at again
MAX_PENDING = 50  # messages per service; older ones are dropped
MAX_LINES = 10  # of a message
FAILED_STEP, CHECK = dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION
FAILED_RUN = dg.DagsterEventType.RUN_FAILURE


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Notify the addresses of MNIST_PIPELINE_ALERTS of failed runs, failed checks and lost freshness.",
)
def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Look for events since the last tick, and send messages; the first tick begins the watch."""
    addresses = settings.load().alerts
    if not addresses:
        return dg.SkipReason(f"{notifications.VARIABLE} names no address")
    run_lock.fail_abandoned_runs(context.instance)
    state = json.loads(context.cursor) if context.cursor else {}
    now = time.time()
    ended = _ended(context.instance, state.get("time", now) - OVERLAP_SECONDS)
    stale = _stale(context.instance, now)
    new = [each for run_id, each in ended.items() if state and run_id not in state["runs"]]
    messages = [message for record in new for message in _of_run(context.instance, record.dagster_run)]
    messages += [_of_asset(key, age) for key, age in stale.items() if state and key not in state["stale"]]
    pending, problems = _deliver(addresses, state.get("pending", {}), messages)
    for problem in problems:
        context.log.warning(problem)
    cursor = json.dumps({"time": now, "runs": [*ended], "stale": [*stale], "pending": pending})
    summary = f"{count(len(messages), 'new event')}; {count(sum(map(len, pending.values())), 'message')} to be sent"
    return dg.SensorResult(skip_reason="; ".join([summary, *problems]), cursor=cursor)


def _ended(instance: dg.DagsterInstance, since: float) -> dict[str, dg.RunRecord]:
    """The runs that ended after a moment, the oldest first."""
    after = datetime.fromtimestamp(since, timezone.utc)
    records = instance.get_run_records(dg.RunsFilter(statuses=ENDED, updated_after=after), ascending=True)
    return {record.dagster_run.run_id: record for record in records if (record.end_time or since) >= since}


def _of_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[Message]:
    """The message of a run that failed, or whose checks did, with the reasons."""
    logs = instance.all_logs(run.run_id, of_type={FAILED_STEP, CHECK, FAILED_RUN})
    events = [entry.dagster_event for entry in logs if entry.dagster_event]
    evaluations = [each.asset_check_evaluation_data for each in events if each.event_type == CHECK]
    failed = [each for each in evaluations if not each.passed and each.severity == dg.AssetCheckSeverity.ERROR]
    lines = [f"check {each.check_name} of {each.asset_key.to_user_string()} failed" for each in failed]
    name = f"{run.job_name}, run {run.run_id[:8]}"
    if run.status == dg.DagsterRunStatus.FAILURE:
        steps = [f"{each.step_key}: {_reason(each)}" for each in events if each.event_type == FAILED_STEP]
        reasons = steps or [one_line(each.message or "") for each in events if each.event_type == FAILED_RUN]
        yield Message("run", f"Run failed: {name}", _shorten(reasons + lines), run.run_id)
    elif failed:
        yield Message("checks", f"{count(len(failed), 'check')} failed: {name}", _shorten(lines), run.run_id)


def _reason(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return one_line(error.message if error else event.message or "")


def _stale(instance: dg.DagsterInstance, now: float) -> dict[str, float]:
    """The assets that have lost their freshness, each with the days since it was last recorded."""
    graph = project.graph().resolve_asset_graph()
    found: dict[str, float] = {}
    for key in graph.get_all_asset_keys():
        policy: Any = graph.get(key).freshness_policy
        event = instance.get_latest_materialization_event(key) if policy else None
        if event and now - event.timestamp > policy.fail_window.to_timedelta().total_seconds():
            found[key.to_user_string()] = (now - event.timestamp) / 86_400
    return dict(sorted(found.items()))


def _of_asset(key: str, days: float) -> Message:
    return Message("freshness", f"Freshness lost: {key}", f"{key} was recorded {days:.1f} days ago.")


def _shorten(lines: list[str]) -> str:
    more = len(lines) - MAX_LINES
    return "\n".join([*lines[:MAX_LINES], *([f"and {more} more"] if more > 0 else [])])


def _deliver(
    addresses: tuple[str, ...], pending: Mapping[str, list[Any]], messages: list[Message]
) -> tuple[dict[str, list[Any]], list[str]]:
    """Send pending and new messages to each address; return those that were not accepted, and why.

    Addresses are numbered, because they can hold passwords.
    """
    left: dict[str, list[Any]] = {}
    problems: list[str] = []
    for number, address in enumerate(addresses, 1):
        waiting = [Message(**each) for each in pending.get(str(number), [])] + messages
        for position, message in enumerate(waiting):
            try:
                notifications.send(address, message)
            except NotificationError as error:
                problems.append(f"address {number}: {error}")
                left[str(number)] = [asdict(each) for each in waiting[position:]][-MAX_PENDING:]
                break
    return left, problems
