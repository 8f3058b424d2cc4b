"""The whole graph on workers that share nothing but the storage and the instance: the same bytes, whatever happens."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from support.servers import Server, command, data_versions, free_port, missing, started, variables

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.executors import workers

MODULES = {"ray": "ray", "dask": "distributed"}
REPORT = "evaluation_report"  # holds times and the run's id
TIMED = {"run", "run_id", "seconds"}
PATIENCE_SECONDS = 300
END_SECONDS = 30


@pytest.fixture(params=["multiprocess", "ray", "dask"])
def executor(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name in MODULES and importlib.util.find_spec(MODULES[name]) is None:
        missing(f"mnist-pipeline[{name}]")
    return name


@pytest.fixture(scope="session")
def undisturbed(data_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], object]:
    """What an in-process run over all of MNIST comes to, and what its report says."""
    storage = tmp_path_factory.mktemp("undisturbed")
    return _in_process(data_directory, storage), _report(storage)


@pytest.fixture(scope="session")
def undisturbed_slice(slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _in_process(slice_directory, tmp_path_factory.mktemp("slice_run"))


def _in_process(data: Path, storage: Path) -> dict[str, str]:
    done = command("run", environ=variables(data, storage))
    assert done.returncode == 0, done.stderr
    return data_versions(storage)


def test_the_whole_graph_comes_to_the_same_bytes_on_workers_as_in_one_process(
    executor: str, data_directory: Path, undisturbed: tuple[dict[str, str], object], tmp_path: Path
) -> None:
    expected, report = undisturbed
    run = started("run", environ=variables(data_directory, tmp_path, MNIST_PIPELINE_EXECUTOR=executor))
    out, error = run.communicate(timeout=2 * PATIENCE_SECONDS)
    assert run.returncode == 0, error
    pids = _pids(tmp_path)
    assert len(pids) >= workers.MIN_WORKERS
    assert run.pid not in pids
    assert "evaluation_report" in out  # told on the driver's terminal
    same = _require_same(data_versions(tmp_path), expected)
    assert _report(tmp_path) == report
    print(
        f"\n{executor}: {same + 1} of {len(expected)} assets identical, on {len(pids)} workers "
        "(report: all but times and runs)"
    )


def test_a_worker_that_is_killed_amid_a_step_costs_that_step_alone(
    executor: str, slice_directory: Path, undisturbed_slice: dict[str, str], tmp_path: Path
) -> None:
    environ = variables(slice_directory, tmp_path, MNIST_PIPELINE_EXECUTOR=executor)
    run = started("run", environ=environ)
    os.kill(_working_on("robustness", tmp_path, run), signal.SIGKILL)
    out, error = run.communicate(timeout=PATIENCE_SECONDS)
    assert run.returncode == 0, out + error
    _require_same(data_versions(tmp_path), undisturbed_slice)
    assert "Everything is in sync." in command("run", "--changed", environ=variables(slice_directory, tmp_path)).stdout


def test_workers_end_with_a_driver_that_is_killed_and_the_next_run_finishes(
    executor: str, slice_directory: Path, undisturbed_slice: dict[str, str], tmp_path: Path
) -> None:
    run = started("run", environ=variables(slice_directory, tmp_path, MNIST_PIPELINE_EXECUTOR=executor))
    worker = _working_on("covariance", tmp_path, run)
    run.kill()
    run.communicate()
    deadline = time.monotonic() + END_SECONDS
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    done = command("run", "--changed", environ=variables(slice_directory, tmp_path))
    assert "Everything is in sync." in done.stdout, done.stderr
    _require_same(data_versions(tmp_path), undisturbed_slice)


def _require_same(found: dict[str, str], expected: dict[str, str]) -> int:
    """Each asset but the report has the same SHA-256; how many."""
    different = {name for name in expected if found.get(name) != expected[name]}
    assert found.keys() == expected.keys()
    assert different <= {name for name in expected if name.startswith(REPORT)}
    return len(expected) - len(different)


def _report(storage: Path) -> object:
    """What the report says, but for times and runs."""
    return _timeless(json.loads((storage / "report" / "report.json").read_text()))


def _timeless(document: object) -> object:
    if isinstance(document, dict):
        return {name: _timeless(value) for name, value in document.items() if name not in TIMED}
    return [_timeless(value) for value in document] if isinstance(document, list) else document


def _instance(storage: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(storage / "dagster"))


def _pids(storage: Path) -> set[int | None]:
    """The processes that carried out the steps of the one run."""
    with _instance(storage) as instance:
        (run,) = instance.get_runs()
        ended = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
    return {entry.dagster_event.pid for entry in ended if entry.dagster_event}


def _working_on(step: str, storage: Path, run: subprocess.Popen[str]) -> int:
    """Wait for a step of a run to begin; the process that does it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    assert run.stdout is not None
    while "raw_mnist" not in (line := run.stdout.readline()):  # by then the run's database is made
        assert line, run.communicate()
    with _instance(storage) as instance:
        while time.monotonic() < deadline:
            assert run.poll() is None, run.communicate()
            for each in instance.get_runs():
                begun = instance.all_logs(each.run_id, of_type=dg.DagsterEventType.STEP_START)
                for entry in begun:
                    if entry.step_key == step and entry.dagster_event and entry.dagster_event.pid:
                        return entry.dagster_event.pid
            time.sleep(0.1)
    raise AssertionError(f"{step} never began")


def _die(item: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_once(directory: str) -> tuple[str, str]:
    try:
        (Path(directory) / "died").touch(exist_ok=False)
    except FileExistsError:
        return "done again", os.environ["OPENBLAS_NUM_THREADS"]
    os.kill(os.getpid(), signal.SIGKILL)
    return "never", ""


def _refuse(item: str) -> None:
    raise ValueError(f"no digit is {item}")


@pytest.mark.parametrize("executor", ["ray", "dask"], indirect=True)
def test_items_on_a_cluster_are_done_again_raised_and_named_as_on_this_machine(
    executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Workers import the functions of this module by its name.
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(map(str, (Path(__file__).parent, settings.PROJECT / "tests", settings.PROJECT)))
    )
    configured = settings.load(
        {"MNIST_PIPELINE_STORAGE": str(tmp_path), "MNIST_PIPELINE_EXECUTOR": executor, "MNIST_PIPELINE_THREADS": "3"}
    )
    assert list(workers.each(configured, _die_once, [str(tmp_path)])) == [(str(tmp_path), ("done again", "3"))]
    with pytest.raises(ValueError, match="no digit is eleven"):
        list(workers.each(configured, _refuse, ["eleven"]))
    with pytest.raises(workers.WorkerError, match="item 'seven': its worker was lost 3 times"):
        list(workers.each(configured, _die, ["seven"]))


@pytest.mark.parametrize("executor", ["ray", "dask"], indirect=True)
def test_a_cluster_that_does_not_answer_is_told_within_seconds(
    executor: str, slice_directory: Path, tmp_path: Path
) -> None:
    configured = settings.load(
        {
            "MNIST_PIPELINE_STORAGE": str(tmp_path),
            "MNIST_PIPELINE_EXECUTOR": executor,
            "MNIST_PIPELINE_CLUSTER": "127.0.0.1:1",
            "MNIST_PIPELINE_DATABASE": "postgresql://u:p@127.0.0.1/n",
        }
    )
    begun = time.monotonic()
    with pytest.raises(workers.WorkerError, match=r"MNIST_PIPELINE_CLUSTER is '127\.0\.0\.1:1', where nothing answers"):
        workers.require(configured)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("executor", ["dask"], indirect=True)
def test_a_cluster_that_runs_is_used_with_the_instance_on_postgres(
    executor: str, postgres: Server, slice_directory: Path, undisturbed_slice: dict[str, str], tmp_path: Path
) -> None:
    scheduler = f"tcp://127.0.0.1:{free_port()}"
    begun = [
        subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", scheduler, "--no-dashboard"]
        )
    ]
    worker = [
        sys.executable,
        "-m",
        "distributed.cli.dask_worker",
        scheduler,
        "--nthreads",
        "1",
        "--no-nanny",
        "--no-dashboard",
    ]
    begun += [subprocess.Popen([*worker, "--local-directory", str(tmp_path)], cwd=tmp_path) for _ in range(2)]
    own = {"EXECUTOR": executor, "CLUSTER": scheduler, "DATABASE": postgres.database("on_a_cluster")}
    environ = variables(
        slice_directory, tmp_path / "storage", **{f"MNIST_PIPELINE_{name}": value for name, value in own.items()}
    )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (done := command("run", "--select", "+key:data_mean", environ=environ)).returncode:
            assert "where nothing answers" in done.stderr or "has no workers" in done.stderr, done.stderr
            assert time.monotonic() < deadline
        found = data_versions(tmp_path / "storage")
        assert found == {name: undisturbed_slice[name] for name in found}
        assert "data_mean" in found
    finally:
        for process in begun:
            process.kill()
            process.wait()
