"""Ticks of schedules: they start no run if nothing is to be done, and otherwise a run of what is."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import automation
from assets.definitions import defs
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.storage import storage

DIRECTORY = dg.AssetKey("data_directory")


@pytest.fixture
def instance(own_copy: tuple[Path, Path]) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.get() as instance:
        yield instance


def requests(instance: dg.DagsterInstance, schedule: dg.ScheduleDefinition) -> list[dg.RunRequest]:
    context = dg.build_schedule_context(instance=instance, repository_def=defs.get_repository_def())
    return list(schedule.evaluate_tick(context).run_requests or [])


def keys(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def test_a_tick_requests_nothing_after_a_run_and_records_that_it_looked(instance: dg.DagsterInstance) -> None:
    start = time.time()
    assert requests(instance, automation.weekly_retraining) == []
    looked: Any = instance.get_latest_materialization_event(DIRECTORY)
    assert looked.timestamp >= start
    assert requests(instance, automation.weekly_retraining) == []


def test_a_tick_requests_a_damaged_result_and_what_depends_on_it_in_one_run(instance: dg.DagsterInstance) -> None:
    Path(storage.current().path("harris_corners")).write_bytes(b"damaged")
    (request,) = requests(instance, automation.weekly_retraining)
    assert keys(request) == {"harris_corners", "evaluation_report"}
    result = defs.resolve_job_def("everything").execute_in_process(
        instance=instance, asset_selection=list(request.asset_selection or ())
    )
    assert result.success
    assert requests(instance, automation.weekly_retraining) == []


def test_a_tick_requests_the_whole_graph_of_changed_files_without_what_is_computed_on_request(
    instance: dg.DagsterInstance, own_copy: tuple[Path, Path]
) -> None:
    (labels,) = own_copy[0].glob("t10k-labels*")
    labels.write_bytes(labels.read_bytes() + bytes(1))  # zeros after the stream are ignored
    (request,) = requests(instance, automation.weekly_retraining)
    everything = automation.whole_graph(None).resolve(defs.resolve_asset_graph())
    assert keys(request) == {key.to_user_string() for key in everything}


def test_pruning_runs_only_if_there_is_something_to_delete(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_sets.observe_data_directories(instance)
    assert requests(instance, automation.weekly_pruning) == []
    instance.add_run(dg.DagsterRun("everything", "0" * 32, status=dg.DagsterRunStatus.CANCELED))
    monkeypatch.setenv("MNIST_PIPELINE_KEPT_RUNS", "0")
    assert len(requests(instance, automation.weekly_pruning)) == 1
    kept = set(instance.get_run_ids()) - {"0" * 32}
    pruned = defs.resolve_job_def("pruning").execute_in_process(instance=instance)
    assert set(instance.get_run_ids()) == kept | {pruned.run_id}
