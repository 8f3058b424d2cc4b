"""The graph on a Dagster instance whose records are in PostgreSQL, by the lines of `docs/deploy.md`
alone.
"""

import sqlalchemy
from support.servers import configure, library, machine, shell

library("dagster_postgres")


def test_the_graph_runs_and_all_records_are_in_the_database(tmp_path, postgres):
    environ = machine(tmp_path)
    shell("mnist-pipeline run --select raw_mnist", environ)  # the first command
    storage = tmp_path / "checkout" / "storage"
    configure(storage / "dagster" / "dagster.yaml", "PostgreSQL")
    files = {file: file.stat().st_mtime for file in storage.rglob("*.db")}
    environ["DAGSTER_POSTGRES_URL"] = postgres
    assert "Report:" in shell("mnist-pipeline run", environ)
    assert "Materializing" not in shell("mnist-pipeline run --changed", environ)
    shell("mnist-pipeline verify", environ)
    engine = sqlalchemy.create_engine(postgres)
    with engine.connect() as connection:
        runs = connection.execute(
            sqlalchemy.text("SELECT status, count(*) FROM runs GROUP BY 1")
        ).all()
    engine.dispose()
    assert runs == [("SUCCESS", 1)]
    assert {file: file.stat().st_mtime for file in storage.rglob("*.db")} == files
