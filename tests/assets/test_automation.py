"""Schedules, sensors and conditions, by Dagster's own evaluation helpers."""

import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import pytest

from assets import automation
from assets.definitions import defs
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph import data_sets


@pytest.fixture
def instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


@pytest.fixture
def data(slice_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = shutil.copytree(slice_directory, tmp_path / "data")
    monkeypatch.setenv("MNIST_PIPELINE_DATA", str(directory))
    return directory


def test_everything_that_starts_work_by_itself_is_off() -> None:
    repository = defs.get_repository_def()
    assert all(schedule.default_status == dg.DefaultScheduleStatus.STOPPED for schedule in repository.schedule_defs)
    assert all(sensor.default_status == dg.DefaultSensorStatus.STOPPED for sensor in repository.sensor_defs)


def test_the_sensor_requests_a_run_if_and_only_if_the_raw_files_changed(
    data: Path, instance: dg.DagsterInstance
) -> None:
    result = _look(instance, cursor="another version")
    assert len(result.run_requests or []) == 1
    assert result.cursor == data_sets.data_version(data_sets.configured()[0])
    (event,) = result.asset_events
    assert (event.tags or {})[data_sets.DATA_VERSION_TAG] == result.cursor
    unchanged = _look(instance, cursor=result.cursor)
    assert not unchanged.run_requests
    assert unchanged.asset_events  # it has looked, so that the freshness of the directory begins anew
    assert _look(instance).run_requests  # nothing is known about the files
    data_sets.observe_data_directories(instance)
    assert not _look(instance).run_requests


def test_the_sensor_says_why_it_can_not_look(data: Path, instance: dg.DagsterInstance) -> None:
    shutil.rmtree(data)
    result = _look(instance, cursor="known")
    assert not result.run_requests
    assert str(data) in str(result.skip_message)
    assert result.cursor in (None, "known")


def test_a_failed_run_is_logged_with_its_message(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    @dg.job
    def failing() -> None:
        dg.op(name="fails")(lambda: 1 / 0)()

    run = failing.execute_in_process(instance=instance, raise_on_error=False)
    event = run.get_run_failure_event()
    context = dg.build_run_status_sensor_context("failed_runs", event, instance, run.dagster_run)
    monkeypatch.setattr(dg.RunStatusSensorContext, "log", log := mock.Mock())
    automation.failed_runs(context.for_run_failure())
    log.error.assert_called_once_with(event.message)


def test_what_depends_on_a_changed_version_is_requested_and_what_does_not_is_not(instance: dg.DagsterInstance) -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.toposorted_asset_keys:
        if not graph.get(key).is_partitioned:
            _report(instance, key, "first")
    before = dg.evaluate_automation_conditions(defs, instance)
    _report(instance, dg.AssetKey("digit_images"), "first")
    same = dg.evaluate_automation_conditions(defs, instance, cursor=before.cursor)
    assert same.total_requested == 0
    _report(instance, dg.AssetKey("digit_images"), "second")
    after = dg.evaluate_automation_conditions(defs, instance, cursor=same.cursor)
    requested = {key.to_user_string() for key in graph.materializable_asset_keys if after.get_num_requested(key)}
    assert {"harris_corners", "reconstructions", "evaluation_report"} == requested


def test_every_asset_has_an_owner_a_condition_and_a_link_to_its_source() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        spec = graph.get(key).to_asset_spec()
        assert spec.owners, key
        # The predictions of a picture stay, however old they are and whatever model follows. Experiments are computed
        # only when a user asks for them.
        on_request = spec.group_name == "experiments"
        follows = spec.partitions_def is None and not on_request
        assert bool(spec.automation_condition) == follows, key
        (reference,) = spec.metadata["dagster/code_references"].code_references
        assert Path(reference.file_path).parent == settings.PROJECT / "assets", key


def _look(instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    context = dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=defs.get_repository_def())
    return automation.changed_raw_files.evaluate_tick(context)


def _report(instance: dg.DagsterInstance, key: dg.AssetKey, version: str) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(key, tags={data_sets.DATA_VERSION_TAG: version}))
