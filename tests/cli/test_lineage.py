"""The lineage of results, and the deletion of old runs."""

import json
import platform
from pathlib import Path

import dagster as dg
from click.testing import CliRunner
from support.processes import locked_elsewhere, python

from mnist_pipeline.cli import main as cli
from mnist_pipeline.cli import selection
from mnist_pipeline.cli.selection import definitions
from mnist_pipeline.runtime.graph.staleness import out_of_sync
from mnist_pipeline.runtime.storage import storage


def test_the_lineage_of_an_asset_goes_up_to_the_checksums_of_the_raw_files(finished: Path) -> None:
    result = CliRunner().invoke(cli.main, ["lineage", "mlp_evaluation"])
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines()[1:] if line]
    named = {row[0]: row[1:] for row in rows if len(row) == 4}
    assert list(named) == ["raw_mnist", "test_digits", "train_digits", "mlp_model", "mlp_predictions", "mlp_evaluation"]
    with dg.DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("mlp_model"))
    assert event is not None
    assert event.asset_materialization is not None
    tags = event.asset_materialization.tags or {}
    assert named["mlp_model"] == [tags["dagster/data_version"][:16], tags["dagster/code_version"], event.run_id[:8]]
    for checksum in storage.read("raw_mnist")["sha256"]:
        assert checksum in result.output


def test_the_lineage_of_an_unknown_asset_is_refused(finished: Path) -> None:
    result = CliRunner().invoke(cli.main, ["lineage", "no_such_asset"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: 'no_such_asset' is not an asset; there are ")


def test_every_number_of_the_report_has_its_origin_in_the_report(finished: Path) -> None:
    document = json.loads((finished / "report" / "report.json").read_text())
    for key, origin in document["assets"].items():
        assert len(origin["data_version"]) == 64, key
        assert len(origin["code_version"]) == 16, key
        assert origin["run_id"], key
    assert document["assets"]["softmax_model"]["config"] == {"learning_rate": 0.001, "epochs": 20}
    assert {"dagster", "numpy", "torch"} <= set(document["versions"])
    assert document["versions"]["Python"] == platform.python_version()


def test_pruning_deletes_old_runs_and_their_logs_and_nothing_that_is_needed(own_copy: tuple[Path, Path]) -> None:
    for _ in range(3):
        assert CliRunner().invoke(cli.main, ["run", "--select", "key:data_mean"]).exit_code == 0
    with dg.DagsterInstance.get() as instance:
        before = instance.get_run_ids()
    result = CliRunner().invoke(cli.main, ["prune", "--keep", "1"])
    assert result.output.startswith("2 runs ")
    with dg.DagsterInstance.get() as instance:
        after = instance.get_run_ids()
        assert not out_of_sync(instance, definitions()).keys() & selection.select_assets("*")
    assert set(after) == {before[0], before[-1]}
    logs = {path.stem for path in (own_copy[1] / "dagster" / "logs").iterdir()}
    assert logs == set(after)


def test_pruning_deletes_runs_although_a_log_is_a_directory(own_copy: tuple[Path, Path]) -> None:
    for _ in range(2):
        assert CliRunner().invoke(cli.main, ["run", "--select", "key:data_mean"]).exit_code == 0
    with dg.DagsterInstance.get() as instance:
        old = instance.get_run_ids()[1]
    log = own_copy[1] / "dagster" / "logs" / f"{old}.log"
    log.unlink()
    log.mkdir()
    result = CliRunner().invoke(cli.main, ["prune", "--keep", "1"])
    assert (result.exit_code, result.output.split()[:2]) == (0, ["1", "run"])


def test_pruning_keeps_runs_that_have_not_ended(own_copy: tuple[Path, Path]) -> None:
    run = CliRunner().invoke(cli.main, ["run", "--select", "key:data_mean"])
    assert run.exit_code == 0
    with dg.DagsterInstance.get() as instance:
        job = definitions().resolve_job_def("everything")
        waiting = instance.create_run_for_job(job)
        assert CliRunner().invoke(cli.main, ["run", "--select", "key:data_mean"]).exit_code == 0
    assert CliRunner().invoke(cli.main, ["prune", "--keep", "0"]).exit_code == 0
    with dg.DagsterInstance.get() as instance:
        assert instance.get_run_by_id(waiting.run_id)


def test_pruning_waits_for_a_run_that_works(own_copy: tuple[Path, Path]) -> None:
    with locked_elsewhere(own_copy[1] / ".lock"):
        process = python("-m", "mnist_pipeline.cli", "prune")
        assert process.stdout is not None
        assert "Another run (" in process.stdout.readline()
        process.kill()
        process.wait()
