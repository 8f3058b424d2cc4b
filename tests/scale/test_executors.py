"""The whole graph in other processes than the driver: the same bytes, whatever happens."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import dagster as dg
import pytest
from support.servers import command, data_versions, started, variables, without_times

REPORT = "evaluation_report"  # holds times and the run's id
PATIENCE_SECONDS = 300
END_SECONDS = 30
executors = pytest.mark.parametrize("executor", ["multiprocess", "ray"])


@pytest.fixture(scope="session")
def undisturbed(data_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], object]:
    """The data versions and the report of an in-process run over all of MNIST."""
    storage = tmp_path_factory.mktemp("undisturbed")
    return _in_process(data_directory, storage), _report(storage)


@pytest.fixture(scope="session")
def undisturbed_slice(slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _in_process(slice_directory, tmp_path_factory.mktemp("slice_run"))


def _in_process(data: Path, storage: Path) -> dict[str, str]:
    done = command("run", environ=variables(data, storage))
    assert done.returncode == 0, done.stderr
    return data_versions(storage)


@executors
def test_every_asset_has_the_bytes_of_a_run_in_one_process(
    executor: str, data_directory: Path, undisturbed: tuple[dict[str, str], object], tmp_path: Path
) -> None:
    expected, report = undisturbed
    run = started("run", environ=variables(data_directory, tmp_path, MNIST_PIPELINE_EXECUTOR=executor))
    out, error = run.communicate(timeout=2 * PATIENCE_SECONDS)
    assert run.returncode == 0, out + error
    pids = _pids(tmp_path)
    assert run.pid not in pids
    assert (len(pids) > 1) == (executor == "multiprocess")
    assert "evaluation_report" in out  # the driver shows the progress
    same = _require_same(data_versions(tmp_path), expected)
    assert _report(tmp_path) == report
    print(f"\n{executor}: {same + 1} of {len(expected)} assets identical (report: all but times and runs)")


def test_a_step_whose_process_is_killed_runs_again_and_no_step_that_succeeded_does(
    slice_directory: Path, undisturbed_slice: dict[str, str], tmp_path: Path
) -> None:
    environ = variables(slice_directory, tmp_path, MNIST_PIPELINE_EXECUTOR="multiprocess")
    run = started("run", environ=environ)
    os.kill(_process_of("robustness", tmp_path, run), signal.SIGKILL)
    out, error = run.communicate(timeout=PATIENCE_SECONDS)
    assert run.returncode == 0, out + error
    _require_same(data_versions(tmp_path), undisturbed_slice)
    with _instance(tmp_path) as instance:
        done = [
            entry.step_key
            for each in instance.get_runs()
            for entry in instance.all_logs(each.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
        ]
    assert len(done) == len(set(done))
    assert "robustness" in done


@executors
def test_steps_end_with_a_driver_that_is_killed_and_the_next_run_finishes(
    executor: str, slice_directory: Path, undisturbed_slice: dict[str, str], tmp_path: Path
) -> None:
    run = started("run", environ=variables(slice_directory, tmp_path, MNIST_PIPELINE_EXECUTOR=executor))
    process = _process_of("covariance", tmp_path, run)
    run.kill()
    run.communicate(timeout=PATIENCE_SECONDS)  # nothing that a step started holds its output any more
    deadline = time.monotonic() + END_SECONDS
    while Path(f"/proc/{process}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    done = command("run", "--changed", environ=variables(slice_directory, tmp_path))
    assert done.returncode == 0, done.stderr
    _require_same(data_versions(tmp_path), undisturbed_slice)


def _require_same(found: dict[str, str], expected: dict[str, str]) -> int:
    """Require the same SHA-256 of each asset but the report; return how many they are."""
    different = {name for name in expected if found.get(name) != expected[name]}
    assert found.keys() == expected.keys()
    assert different <= {name for name in expected if name.startswith(REPORT)}
    return len(expected) - len(different)


def _report(storage: Path) -> object:
    """The report without times and runs."""
    return without_times(json.loads((storage / "report" / "report.json").read_text()))


def _instance(storage: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(storage / "dagster"))


def _pids(storage: Path) -> set[int | None]:
    """The processes that carried out the steps of the only run."""
    with _instance(storage) as instance:
        (run,) = instance.get_runs()
        ended = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
    return {entry.dagster_event.pid for entry in ended if entry.dagster_event}


def _process_of(step: str, storage: Path, run: subprocess.Popen[str]) -> int:
    """Wait until a step begins; return its process."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    assert run.stdout is not None
    while "raw_mnist" not in (line := run.stdout.readline()):  # by then the run's database exists
        assert line, run.communicate()
    with _instance(storage) as instance:
        while time.monotonic() < deadline:
            assert run.poll() is None, run.communicate()
            for each in instance.get_runs():
                for entry in instance.all_logs(each.run_id, of_type=dg.DagsterEventType.STEP_START):
                    if entry.step_key == step and entry.dagster_event and entry.dagster_event.pid:
                        return entry.dagster_event.pid
            time.sleep(0.1)
    raise AssertionError(f"{step} never began")
