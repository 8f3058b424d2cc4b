"""Alerts: each failed run, failed check and lost freshness sends one message to each address."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from support.messages import Webhook, mail_server, webhook

from assets.definitions import defs
from mnist_pipeline.runtime.graph import alerts, data_sets, run_lock

pytestmark = pytest.mark.slow
DAY = 24 * 3600


@pytest.fixture
def instance(storage: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with webhook() as hook:
        monkeypatch.setenv("MNIST_PIPELINE_ALERTS", hook.address)
        yield hook


class Watch:
    """Ticks of the sensor, with its cursor."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.cursor = instance, None
        self.tick()

    def tick(self) -> str:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=defs.get_repository_def()
        )
        found = alerts.alerts.evaluate_tick(context)
        self.cursor = found.cursor
        return str(found.skip_message)


@dg.asset(check_specs=[dg.AssetCheckSpec("small", asset="value"), dg.AssetCheckSpec("odd", asset="value")])
def value(context: dg.AssetExecutionContext):  # no annotation: Dagster would read it as that of several outputs
    """Fails if a tag says so; the check `small` fails, and `odd` warns."""
    if context.run.tags.get("fails"):
        raise ValueError("the disk is on fire")
    failed = dg.AssetCheckResult(passed=False, check_name="small")
    return dg.MaterializeResult(
        check_results=[failed, dg.AssetCheckResult(passed=False, check_name="odd", severity=dg.AssetCheckSeverity.WARN)]
    )


def run(instance: dg.DagsterInstance, **tags: str) -> str:
    result = dg.materialize([value], instance=instance, tags=tags, raise_on_error=False)
    return result.run_id


def test_a_failed_run_and_a_failed_check_send_one_message_each(instance: dg.DagsterInstance, hook: Webhook) -> None:
    run(instance, fails="yes")  # before the watch begins
    watch = Watch(instance)
    failed, checked = run(instance, fails="yes"), run(instance)
    for _ in range(3):
        watch.tick()
    assert {message["run"]: message["kind"] for message in hook.messages} == {failed: "run", checked: "checks"}
    assert len(hook.messages) == 2
    texts = {message["kind"]: message["text"] for message in hook.messages}
    assert "the disk is on fire" in texts["run"]
    assert "small" in texts["checks"]
    assert "odd" not in texts["checks"]


def test_a_run_whose_process_was_killed_sends_a_message(instance: dg.DagsterInstance, hook: Webhook) -> None:
    watch = Watch(instance)
    tags = {run_lock.PROCESS_TAG: f"1-{uuid.uuid4().hex}"}
    instance.add_run(dg.DagsterRun("everything", str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED, tags=tags))
    watch.tick()
    watch.tick()
    assert [message["kind"] for message in hook.messages] == ["run"]


def test_lost_freshness_sends_one_message_until_it_is_lost_again(
    instance: dg.DagsterInstance, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(instance)
    data_sets.observe_data_directories(instance)
    watch.tick()
    now = alerts.time.time()
    monkeypatch.setattr(alerts.time, "time", lambda: now + 16 * DAY)
    watch.tick()
    watch.tick()
    assert [message["kind"] for message in hook.messages] == ["freshness"]
    assert "data_directory" in hook.messages[0]["text"]


def test_a_service_that_is_down_gets_the_message_later_and_the_others_only_once(
    instance: dg.DagsterInstance, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters: list[str] = []
    with mail_server(letters) as address:
        monkeypatch.setenv("MNIST_PIPELINE_ALERTS", f"{hook.address} {address}")
        watch = Watch(instance)
        hook.is_down = True
        run(instance, fails="yes")
        reported = watch.tick()
        assert "address 1" in reported
        assert hook.address not in reported
        watch.tick()
        assert (len(hook.messages), len(letters)) == (0, 1)
        hook.is_down = False
        watch.tick()
        watch.tick()
    assert (len(hook.messages), len(letters)) == (1, 1)
    assert "Subject:" in letters[0]


def test_without_an_address_or_with_an_unknown_service_the_tick_says_so(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = dg.build_sensor_context(instance=instance, repository_def=defs.get_repository_def())
    assert alerts.alerts.evaluate_tick(context).skip_message
    monkeypatch.setenv("MNIST_PIPELINE_ALERTS", "nosuch://service")
    watch = Watch(instance)
    run(instance, fails="yes")
    assert "apprise" in watch.tick()
