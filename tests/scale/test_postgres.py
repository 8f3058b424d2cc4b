"""The graph on a Dagster instance whose records are in PostgreSQL, by the lines of `docs/deploy.md`
alone.
"""

import subprocess

import pytest
from support.servers import COMMAND, command, configure, machine, shell, variables

sqlalchemy = pytest.importorskip("sqlalchemy")
pytest.importorskip("dagster_postgres", reason="pip install 'mnist-dagster[test-scale]'")


def test_the_graph_runs_and_all_records_are_in_the_database(tmp_path, postgres):
    environ = machine(tmp_path)
    shell("mnist-pipeline run --select raw_mnist", environ)  # the first command
    storage = tmp_path / "checkout" / "storage"
    configure(storage / "dagster" / "dagster.yaml", "PostgreSQL")
    files = {file: file.stat().st_mtime for file in storage.rglob("*.db")}
    environ["DAGSTER_POSTGRES_URL"] = postgres.address
    assert "Report:" in shell("mnist-pipeline run", environ)
    assert "Materializing" not in shell("mnist-pipeline run --changed", environ)
    shell("mnist-pipeline verify", environ)
    engine = sqlalchemy.create_engine(postgres.address)
    with engine.connect() as connection:
        runs = connection.execute(
            sqlalchemy.text("SELECT status, count(*) FROM runs GROUP BY 1")
        ).all()
    engine.dispose()
    assert runs == [("SUCCESS", 1)]
    assert {file: file.stat().st_mtime for file in storage.rglob("*.db")} == files


def test_a_server_that_stops_during_a_run_is_told_in_a_last_line_that_says_how_to_continue(
    slice_directory, tmp_path, postgres
):
    environ = variables(slice_directory, tmp_path, DAGSTER_POSTGRES_URL=postgres.address)
    assert command("run", "--select", "raw_mnist", environ=environ).returncode == 0
    configure(tmp_path / "dagster" / "dagster.yaml", "PostgreSQL")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, "run"], env=environ, text=True, **pipes) as process:  # type: ignore[call-overload]
        while "train_digits" not in process.stdout.readline():
            assert process.poll() is None
        postgres.process.terminate()
        _, errors = process.communicate()
    assert process.returncode == 1
    assert "run --changed" in errors.splitlines()[-1]
