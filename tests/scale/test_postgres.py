"""The Dagster instance on a real PostgreSQL server: one setting, several runs at once, dead runs, refusals."""

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from support.servers import Server, command, data_versions, free_port, started, variables

from mnist_pipeline.runtime import database, settings
from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.runtime.settings import PROJECT

NUM_RUNS = 3
QUICK = ["run", "--select", "+key:data_mean"]


@pytest.fixture
def address(postgres: Server) -> str:
    return postgres.database(f"d{uuid.uuid4().hex}")


def test_concurrent_runs_into_different_storages_share_one_database(
    address: str, slice_directory: Path, tmp_path: Path, postgres: Server
) -> None:
    storages = [tmp_path / str(number) for number in range(NUM_RUNS)]
    environments = [variables(slice_directory, storage, MNIST_PIPELINE_DATABASE=address) for storage in storages]
    runs = [started(*QUICK, environ=environ) for environ in environments]
    outcomes = [run.communicate(timeout=300) for run in runs]
    assert [run.returncode for run in runs] == [0] * NUM_RUNS, outcomes
    found = [data_versions(storage) for storage in storages]
    assert found[0].keys() == {"raw_mnist", "train_digits", "data_mean"}
    assert found[1:] == found[:-1]
    statuses = postgres.sql("SELECT status, count(*) FROM runs GROUP BY 1", address.rpartition("/")[2])
    assert statuses == f"SUCCESS|{NUM_RUNS}"
    files = [path for storage in storages for path in (storage / "dagster").rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix == ".db"]
    secret = [path for path in files if b"seven" in path.read_bytes()]
    assert not secret
    print(f"postgres: {NUM_RUNS} runs at once over one database, {len(found[0])} of {len(found[0])} assets identical")


def test_every_command_works_with_a_database(
    address: str, slice_directory: Path, tmp_path: Path, postgres: Server
) -> None:
    another = postgres.database(f"d{uuid.uuid4().hex}")
    for arguments, expected, database_address in (
        (QUICK, "data_mean", address),
        ([*QUICK, "--changed"], "Everything is in sync.", address),
        (["verify"], "intact", address),
        (["lineage", "data_mean"], "train_digits", address),
        (["prune", "--keep", "0"], "0 runs and", address),
        (["repair"], "records of 3 stored results", another),
        ([*QUICK, "--changed"], "Everything is in sync.", another),
    ):
        environ = variables(slice_directory, tmp_path / "storage", MNIST_PIPELINE_DATABASE=database_address)
        done = command(*arguments, environ=environ)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
        assert "Materializing" not in done.stdout or arguments == QUICK


def test_a_run_on_another_machine_is_failed_only_after_it_died(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    home.mkdir()
    (home / "dagster.yaml").write_text(database.STORAGE)
    monkeypatch.setenv("MNIST_PIPELINE_DATABASE", address)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("MNIST_PIPELINE_DATABASE", settings.load().database or "")
    code = (
        "import sys; from mnist_pipeline.runtime.graph import run_lock\n"
        "with run_lock.alive() as tags: print(tags[run_lock.PROCESS_TAG], flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**os.environ, "DAGSTER_HOME": str(elsewhere)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    token = other.stdout.readline().strip()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = dg.DagsterRun(
            "everything", str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED, tags={run_lock.PROCESS_TAG: token}
        )
        instance.add_run(run)
        assert run_lock.fail_abandoned_runs(instance) == 0
        other.kill()
        other.communicate()
        deadline = time.monotonic() + 10  # the server needs a moment to notice that the connection is closed
        while not (ended := run_lock.fail_abandoned_runs(instance)):
            assert time.monotonic() < deadline
        assert ended == 1
        stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    assert stored.status == dg.DagsterRunStatus.FAILURE
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        ({"password": "wrong-one"}, "password authentication failed"),
        ({"user": "nobody_at_all"}, "password authentication failed"),
        ({"name": "no_such_database"}, "does not exist"),
        ({"port": free_port()}, "Connection refused"),
    ],
)
def test_a_refusal_is_reported_within_seconds_without_the_password(
    postgres: Server, change: dict[str, Any], reported: str, slice_directory: Path, tmp_path: Path
) -> None:
    server = postgres._replace(port=change.pop("port", postgres.port))
    refused = server.address(**{"name": "postgres", **change})
    _require_refused(refused, reported, variables(slice_directory, tmp_path / "storage"))


def test_a_user_who_may_not_create_tables_is_refused(postgres: Server, slice_directory: Path, tmp_path: Path) -> None:
    name = f"d{uuid.uuid4().hex}"
    postgres.sql(f"CREATE DATABASE {name}")
    postgres.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", name)
    environ = variables(slice_directory, tmp_path / "storage")
    _require_refused(postgres.address(name), "permission denied for schema public", environ)


def _require_refused(address: str, reported: str, environ: dict[str, str]) -> None:
    begun = time.monotonic()
    done = command(*QUICK, environ={**environ, "MNIST_PIPELINE_DATABASE": address})
    assert time.monotonic() - begun < 20
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: MNIST_PIPELINE_DATABASE: ")
    assert reported in line
    assert "seven" not in line
    assert "wrong-one" not in line
    assert "Materializing" not in done.stdout


def test_an_edited_configuration_is_not_overwritten_and_contradictions_are_reported(
    address: str, slice_directory: Path, tmp_path: Path
) -> None:
    storage = tmp_path / "storage"
    environ = variables(slice_directory, storage)
    file = storage / "dagster" / "dagster.yaml"
    assert command("verify", environ=environ).returncode == 0
    on_sqlite = file.read_text()
    on_postgres = {**environ, "MNIST_PIPELINE_DATABASE": address}
    assert command("verify", environ=on_postgres).returncode == 0  # nobody has edited it, so it follows the setting
    assert yaml.safe_load(file.read_text())["storage"] == database.IN_THE_ENVIRONMENT
    assert command("verify", environ=environ).returncode == 0
    assert file.read_text() == on_sqlite
    file.write_text(edited := on_sqlite + "# mine\n")
    done = command("verify", environ=on_postgres)
    assert done.returncode == 1
    assert "MNIST_PIPELINE_DATABASE is set" in done.stderr
    assert file.read_text() == edited
    file.write_text(edited + database.STORAGE)
    assert command("verify", environ=on_postgres).returncode == 0
    done = command("verify", environ=environ)
    assert done.returncode == 1
    assert "MNIST_PIPELINE_DATABASE, which is not set" in done.stderr
