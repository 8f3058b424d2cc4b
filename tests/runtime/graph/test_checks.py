"""Checks record what they measured, and fail outside their limits."""

import math
import re

import dagster as dg
import numpy as np
import pytest
from support.graph_fixtures import names

from assets import automation
from assets.definitions import defs
from mnist_pipeline import read
from mnist_pipeline.runtime.graph import checks
from mnist_pipeline.runtime.graph.results import result
from mnist_pipeline.runtime.project import EVERYTHING
from mnist_pipeline.utils import measured

GRAPH = defs.resolve_asset_graph()


@pytest.mark.parametrize(
    ("limit", "inside", "outside", "limits"),
    [
        (lambda value: measured.at_most(value, 2), 2, 2.1, ["2"]),
        (lambda value: measured.at_least(value, np.float32(2)), 2, 1.9, ["2"]),
        (lambda value: measured.Measured(value, 2, 3), 3, 3.1, ["2", "3"]),
        (lambda value: measured.exactly(value, np.int64(2)), 2, 1.9, ["2"]),
        (measured.Measured, math.inf, math.nan, []),
    ],
    ids=["at_most", "at_least", "a range", "exactly", "no limit"],
)
def test_a_value_in_the_range_passes_and_the_result_records_it_with_the_finite_limits(
    limit, inside, outside, limits
):
    for value, passed in ((inside, True), (outside, False), (math.nan, False)):
        (check,) = result(0, "", checks={"limit": limit(value)}).check_results
        assert (check.check_name, check.passed) == ("limit", passed)
        recorded = value if math.isfinite(value) else str(value)
        assert check.metadata["measured"].value == recorded
        # The limits are text: Dagster would plot a number as a constant line.
        assert re.findall(r"\d+", str(check.metadata["expected"].value)) == limits


def test_a_check_that_fails_is_an_error_or_a_warning():
    failing = measured.at_most(3, 2)
    found = result(0, "", checks={"a": failing, "b": measured.warning(failing)}).check_results
    assert [check.severity.value for check in found] == ["ERROR", "WARN"]
    assert not any(check.passed for check in found)


def test_only_the_checks_that_stop_what_is_downstream_need_a_run_of_their_asset():
    with_asset = {
        key
        for key in GRAPH.asset_check_keys
        if GRAPH.get_execution_set_asset_and_check_keys(key) != {key}
    }
    blocking = {key for key in GRAPH.asset_check_keys if GRAPH.get_check_spec(key).blocking}
    assert with_asset == blocking
    combining = names(key.asset_key for key in blocking if key.name == "same_inputs")
    assert combining == {"model_comparison", "champion", "evaluation_report"}
    others = names(key.asset_key for key in blocking if key.name != "same_inputs")
    assert others == {"train_digits", "test_digits"}


def test_every_check_passes_on_a_slice_of_the_digits(finished_run):
    computed = automation.whole_graph.resolve(GRAPH)
    count = sum(key.asset_key in computed for key in GRAPH.asset_check_keys)
    assert f"Checks: {count} passed" in finished_run[0].splitlines()


def test_same_inputs_names_what_was_computed_from_a_former_version_and_nothing_else(instance):
    versions = {"digits": "1", "other": "1"}
    failed = []

    def read_files(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        version = dg.DataVersion(versions[context.asset_key.path[-1]])
        return dg.MaterializeResult(data_version=version)

    digits = dg.asset(read_files, name="digits", key_prefix="own")
    other = dg.asset(read_files, name="other", key_prefix="own")
    direct = dg.asset(lambda: None, name="direct", deps=[digits.key, other.key])
    below = dg.asset(lambda: None, name="below", deps=["direct"])

    @dg.asset(deps=[digits.key, below, other.key])
    def combined() -> None:
        found = checks.same_inputs("digits")
        failed.append(None if found.passed else found.reason)

    assets = [digits, other, direct, below, combined]
    job = dg.Definitions(assets).resolve_implicit_global_asset_job_def()

    def run(*selected: dg.AssetsDefinition) -> None:
        keys = [asset.key for asset in selected]
        assert job.execute_in_process(asset_selection=keys, instance=instance).success

    assert checks.same_inputs("digits").passed  # a function that is called directly
    run(combined)  # nothing has a record
    run(*assets)
    versions.update(other="2", digits="2")
    for asset in (other, digits, direct, below):
        run(asset)
        run(combined)
    *passed, first, second, last = failed
    assert {*passed, last} == {None}  # also after a change of an asset that is not a source
    assert "run below, direct," in str(first)
    assert "run below," in str(second)
    assert "direct" not in str(second)


def test_a_check_alone_computes_itself_and_reads_the_stored_values(own_copy, monkeypatch):
    key = dg.AssetCheckKey(dg.AssetKey("covariance"), "symmetric")
    monkeypatch.setattr(np.linalg, "eigvalsh", None)  # of another check of this asset
    job = defs.resolve_implicit_global_asset_job_def()
    alone = job.get_subset(asset_selection=set(), asset_check_selection={key})
    with dg.DagsterInstance.get() as instance:
        outcome = alone.execute_in_process(instance=instance)
    (evaluation,) = outcome.get_asset_check_evaluations()
    assert (evaluation.asset_check_key, evaluation.passed) == (key, True)
    stored = read("covariance")
    assert evaluation.metadata["measured"].value == np.abs(stored - stored.T).max()


def test_the_job_of_checks_has_those_of_the_whole_graph_that_need_no_run_of_their_asset():
    checks = {job.name: job.selection.resolve_checks(GRAPH) for job in defs.jobs or ()}
    whole = checks[EVERYTHING]
    assert checks["checks"] == {key for key in whole if not GRAPH.get_check_spec(key).blocking}
