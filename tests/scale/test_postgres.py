"""The graph on a Dagster instance whose records are in PostgreSQL, by the lines of `docs/deploy.md`
alone.
"""

from pathlib import Path

import pytest
from support.servers import command, configure, variables

sqlalchemy = pytest.importorskip("sqlalchemy")
pytest.importorskip("dagster_postgres", reason="pip install 'mnist-dagster[test-scale]'")


def test_the_graph_runs_and_all_records_are_in_the_database(
    slice_directory: Path, tmp_path: Path, postgres: str
) -> None:
    storage = tmp_path / "storage"
    environ = variables(slice_directory, storage, DAGSTER_POSTGRES_URL=postgres)
    configure(storage / "dagster", "PostgreSQL")
    outputs = []
    for arguments in (["run"], ["run", "--changed"], ["verify"]):
        done = command(*arguments, environ=environ)
        assert done.returncode == 0, done.stdout + done.stderr
        outputs.append(done.stdout)
    assert "Report:" in outputs[0]
    assert "Materializing" not in outputs[1]
    engine = sqlalchemy.create_engine(postgres)
    with engine.connect() as connection:
        runs = connection.execute(
            sqlalchemy.text("SELECT status, count(*) FROM runs GROUP BY 1")
        ).all()
    engine.dispose()
    assert runs == [("SUCCESS", 1)]
    assert not list(storage.rglob("*.db"))
