"""What is due, of assets that read what other programs write."""

import dagster as dg
import numpy as np

from mnist_pipeline.runtime.graph.checks import blocking_checks
from mnist_pipeline.runtime.graph.event_log import recorded_values
from mnist_pipeline.runtime.graph.results import result
from mnist_pipeline.runtime.graph.staleness import due_assets, due_partitions
from mnist_pipeline.utils.measured import exactly


def test_an_asset_is_due_after_an_observation_of_another_version(instance):
    version = "first"

    @dg.multi_observable_source_asset(specs=[dg.AssetSpec("observed")])
    def observed() -> dg.ObserveResult:
        return dg.ObserveResult(data_version=dg.DataVersion(version))

    @dg.asset(deps=["observed", "never_observed"])
    def reader() -> None:
        pass

    graph = dg.Definitions([observed, reader, dg.AssetSpec("never_observed")])
    job = graph.resolve_implicit_global_asset_job_def()
    due, everything = [], {reader.key}
    for version in ("first", "first", "second"):  # noqa: B007
        job.execute_in_process(asset_selection=[dg.AssetKey("observed")], instance=instance)
        due.append(due_assets(instance, graph, everything) == {reader.key})
        job.execute_in_process(asset_selection=[reader.key], instance=instance)
        due.append(bool(due_assets(instance, graph, everything)))
    assert due == [True, False, False, False, True, False]


def test_an_asset_of_a_user_may_have_dynamic_partitions():
    @dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="own"))
    def own() -> int:
        return 1

    definitions = dg.Definitions(assets=[own])
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("own", ["a"])
        assert recorded_values(instance, definitions) == {}
        assert due_partitions(instance, definitions, own.key) == ["a"]


def test_an_asset_is_due_again_after_a_blocking_check_that_failed(instance):
    measured = [exactly(1, 0), exactly(0, 0)]

    @dg.asset(check_specs=blocking_checks("reader", {"complete": "nothing may be missing"}))
    def reader():
        return result(np.zeros(1), "", checks={"complete": measured.pop(0)})

    graph = dg.Definitions([reader])
    job, due = graph.resolve_implicit_global_asset_job_def(), []
    for _ in range(2):
        job.execute_in_process(instance=instance, raise_on_error=False)
        due.append(due_assets(instance, graph, {reader.key}))
    assert due == [{reader.key}, set()]
