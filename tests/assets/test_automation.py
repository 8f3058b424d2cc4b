"""What starts runs by itself, by Dagster's own evaluation helpers."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import automation
from assets.definitions import defs
from mnist_pipeline.runtime.graph.automation import COMPUTATION
from mnist_pipeline.runtime.storage import storage as stored

FILES = dg.AssetKey("data_directory")


def names(keys: Any) -> set[str]:
    return {key.to_user_string() for key in keys}


def tick(instance: dg.DagsterInstance) -> Any:
    """What the schedule requests; the context closes here, or Dagster keeps the instance."""
    with dg.build_schedule_context(instance=instance) as context:
        return automation.weekly_retraining(context)


def test_everything_that_starts_runs_by_itself_is_off() -> None:
    repository = defs.get_repository_def()
    assert {each.default_status for each in repository.schedule_defs} == {
        dg.DefaultScheduleStatus.STOPPED
    }
    assert {each.default_status for each in repository.sensor_defs} == {
        dg.DefaultSensorStatus.STOPPED
    }


def test_new_values_of_the_files_run_everything_below_them_in_one_tick(
    own_copy: tuple[Path, Path],
) -> None:
    cursor = None

    def requested() -> set[str]:
        nonlocal cursor
        tick = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
        cursor = tick.cursor
        keys = [spec.key for spec in defs.resolve_all_asset_specs()]
        return names(key for key in keys if tick.get_num_requested(key))

    def observe() -> None:
        job = defs.resolve_implicit_global_asset_job_def()
        job.execute_in_process(asset_selection=[FILES], instance=instance)

    graph = defs.resolve_asset_graph()
    with dg.DagsterInstance.get() as instance:
        assert requested() == set()
        observe()
        assert requested() == set()
        data, _ = own_copy
        (data / "dataset.yaml").write_text("title: Other digits")
        assert requested() == set()  # nobody has observed it yet
        observe()
        whole_graph = automation.whole_graph.resolve(graph) - {FILES}
        assert requested() == names(whole_graph)
        assert requested() == set()


def test_a_run_without_the_observation_records_the_files_that_it_read(
    own_copy: tuple[Path, Path],
) -> None:
    everything, (data, _) = defs.resolve_job_def("everything"), own_copy
    (data / "dataset.yaml").write_text("title: Other digits")
    raw = dg.AssetKey("raw_mnist")
    with dg.DagsterInstance.get() as instance:
        assert everything.execute_in_process(asset_selection=[raw], instance=instance).success
        observations = instance.fetch_observations(FILES, limit=10).records
        due = names(tick(instance).asset_selection)
        assert "train_digits" in due
        assert "raw_mnist" not in due
        assert instance.fetch_observations(FILES, limit=10).records == observations


@pytest.mark.parametrize("failing", ["reader", "model"])
@pytest.mark.parametrize("is_canceled", [False, True], ids=["failed", "canceled"])
def test_a_run_that_failed_or_was_canceled_is_requested_again_after_a_change_only(
    instance: dg.DagsterInstance, failing: str, is_canceled: bool
) -> None:
    cursor, during = None, []

    @dg.multi_observable_source_asset(specs=[dg.AssetSpec(FILES)])
    def files() -> dg.ObserveResult:
        return dg.ObserveResult(data_version=dg.DataVersion(version))

    def compute(context: dg.AssetExecutionContext) -> None:
        during.extend([requested(), requested()])
        if context.op_execution_context.op.name == failing:
            if is_canceled:
                instance.report_run_canceling(context.run)
                raise KeyboardInterrupt
            raise ValueError

    reader = dg.asset(compute, name="reader", deps=[FILES], automation_condition=COMPUTATION)
    model = dg.asset(compute, name="model", deps=[reader], automation_condition=COMPUTATION)
    graph = dg.Definitions([files, reader, model])
    job = graph.resolve_implicit_global_asset_job_def()
    both = [reader.key, model.key]

    def requested() -> int:
        nonlocal cursor
        tick = dg.evaluate_automation_conditions(graph, instance, cursor=cursor)
        cursor = tick.cursor
        return sum(map(tick.get_num_requested, both))

    requested()
    for version in ("1", "2"):  # noqa: B007
        job.execute_in_process(asset_selection=[FILES], instance=instance)
        assert requested() == 2
        job.execute_in_process(asset_selection=both, instance=instance, raise_on_error=False)
        assert not any([*during, requested(), requested(), requested()])


def test_a_schedule_requests_what_is_not_up_to_date_unless_its_assets_are_running(
    own_copy: tuple[Path, Path],
) -> None:
    everything, assets = (
        defs.resolve_job_def("everything"),
        defs.resolve_implicit_global_asset_job_def(),
    )
    champion, summary = {dg.AssetKey("champion")}, {dg.AssetKey("experiment_summary")}
    with dg.DagsterInstance.get() as instance:
        assert isinstance(tick(instance), dg.SkipReason)
        storage = stored.current()
        storage.main_file("harris_corners", storage.current("harris_corners")).unlink()
        for job, selection in ((everything, None), (assets, champion), (assets, summary)):
            run = instance.create_run_for_job(
                job.get_subset(asset_selection=selection) if selection else job,
                status=dg.DagsterRunStatus.STARTED,
                asset_selection=frozenset(selection) if selection else None,
            )
            outcome = tick(instance)
            if selection == summary:
                assert names(outcome.asset_selection) == {"harris_corners", "evaluation_report"}
            else:
                assert run.run_id in outcome.skip_message
            instance.report_run_canceled(run)
