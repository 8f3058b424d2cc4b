"""What starts runs by itself, by Dagster's own evaluation helpers."""

from typing import Any

import dagster as dg
import pytest
from support.graph_fixtures import names, requests

from assets import automation
from assets.definitions import defs
from mnist_pipeline.runtime.graph.automation import automated
from mnist_pipeline.runtime.graph.readers import READER
from mnist_pipeline.runtime.graph.staleness import due_assets

FILES = dg.AssetKey("data_directory")
READS = ["data_directory"]  # of a reader


def tick(instance: dg.DagsterInstance) -> Any:
    """What the schedule requests; the context closes here, or Dagster keeps the instance."""
    with dg.build_schedule_context(instance=instance) as context:
        return automation.weekly_retraining.evaluate_tick(context)


def test_everything_that_starts_runs_by_itself_is_off():
    repository = defs.get_repository_def()
    assert {each.default_status for each in repository.schedule_defs} == {
        dg.DefaultScheduleStatus.STOPPED
    }
    running = dg.DefaultSensorStatus.RUNNING
    assert all(each.default_status != running for each in repository.sensor_defs)


def test_the_sensor_observes_the_files_and_runs_the_whole_graph():
    graph = defs.resolve_asset_graph()
    automated_keys = automation.automation.asset_selection.resolve(graph)
    assert automated_keys == automation.whole_graph.resolve(graph) | {FILES}


def test_a_run_without_the_observation_records_the_files_that_it_read(own_copy):
    everything, (data, _) = defs.resolve_job_def("everything"), own_copy
    (data / "dataset.yaml").write_text("title: Other digits")
    raw = dg.AssetKey("raw_mnist")
    with dg.DagsterInstance.get() as instance:
        assert everything.execute_in_process(asset_selection=[raw], instance=instance).success
        observations = instance.fetch_observations(FILES, limit=10).records
        due = names(
            due_assets(instance, defs, automation.whole_graph.resolve(defs.resolve_asset_graph()))
        )
        assert due == {"data_set", "image_kind", "train_digits", "test_digits", "test_images"}
        assert instance.fetch_observations(FILES, limit=10).records == observations


class Graph:
    """A small graph with the conditions of the real one, and what a tick requests of it."""

    def __init__(self, instance: dg.DagsterInstance, compute: Any, **parents: list[str]) -> None:
        self.instance, self.version = instance, "0"

        @dg.multi_observable_source_asset(specs=[dg.AssetSpec(FILES)])
        def files() -> dg.ObserveResult:
            return dg.ObserveResult(data_version=dg.DataVersion(self.version))

        readers = [dg.AssetKey(name) for name, deps in parents.items() if deps == READS]
        assets = [
            dg.asset(compute, name=name, deps=deps, tags=READER if deps == READS else {})
            for name, deps in parents.items()
        ]
        own = dg.map_asset_specs(lambda spec: automated(spec, readers), assets)
        self.definitions = dg.Definitions([files, *own])
        self.requested = requests(self.definitions, instance)

    def run(self, *selected: str) -> None:
        """Run assets, which may fail."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(name) for name in selected]
        job.execute_in_process(asset_selection=keys, instance=self.instance, raise_on_error=False)

    def observe(self, version: str) -> None:
        self.version = version
        self.run("data_directory")

    def settle(self) -> list[set[str]]:
        """Run what each tick requests; return the requests."""
        runs = []
        for _ in range(5):
            if due := self.requested():
                runs.append(due)
                self.run(*due)
        return runs


@pytest.mark.parametrize(("failing", "is_canceled"), [("reader", True), ("model", False)])
def test_a_run_that_failed_or_was_canceled_is_requested_again_after_a_change_only(
    instance, failing, is_canceled
):
    during = []

    def compute(context: dg.AssetExecutionContext) -> None:
        during.extend([graph.requested(), graph.requested()])
        if context.op_execution_context.op.name == failing:
            if is_canceled:
                instance.report_run_canceling(context.run)
                raise KeyboardInterrupt
            raise ValueError

    graph = Graph(instance, compute, reader=READS, model=["reader"])
    assert graph.settle() == []
    graph.observe("1")
    assert graph.settle() == [{"reader", "model"}]  # both are missing
    graph.observe("2")
    assert graph.settle() == [{"reader"}, {"model"}][: 1 if failing == "reader" else 2]
    assert not any(during)


def test_an_asset_waits_for_all_readers_also_for_those_that_it_does_not_read(instance):
    during = []

    def compute(context: dg.AssetExecutionContext) -> None:
        if context.op_execution_context.op.name == "second":
            during.append(graph.requested())

    graph = Graph(
        instance, compute, first=READS, second=READS, upper=["second"], lower=["first", "upper"]
    )
    graph.observe("1")
    graph.settle()
    graph.observe("2")
    assert graph.settle() == [{"first", "second"}, {"upper", "lower"}]
    assert during == [set(), set()]


def test_a_tick_of_the_schedule_runs_the_whole_job_unless_some_of_its_assets_are_running(
    instance_on_disk,
):
    instance = instance_on_disk
    (whole,) = tick(instance).run_requests
    assert (whole.asset_selection, whole.partition_key) == (None, None)
    assert automation.weekly_retraining.job_name == "everything"
    champion, summary = {dg.AssetKey("champion")}, {dg.AssetKey("experiment_summary")}
    all_assets = defs.resolve_implicit_global_asset_job_def()
    running = [
        (defs.resolve_job_def("everything"), None, True),
        (defs.resolve_job_def("cnn"), None, True),
        (all_assets, champion, True),
        (all_assets, summary, False),
    ]
    for job, selection, is_skipped in running:
        run = instance.create_run_for_job(
            job.get_subset(asset_selection=selection) if selection else job,
            status=dg.DagsterRunStatus.STARTED,
            asset_selection=frozenset(selection) if selection else None,
        )
        outcome = tick(instance)
        assert bool(outcome.run_requests) != is_skipped
        assert not is_skipped or run.run_id in outcome.skip_message
        instance.report_run_canceled(run)
